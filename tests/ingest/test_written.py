"""What capture writes by rules of its own is, to the byte, what the libraries would write."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ports import Position, Record
from services.access import Caller
from services.codec import EVENT, Stamp, content_hash, decode, encode, event_document
from services.factory import generate
from services.ingest.examples import examples
from services.ingest.explaining import EventError
from services.ingest.judging import Judged, Original, Posted, judge, judge_all
from services.ingest.limits import limits_of
from services.ingest.outcomes import Outcome, lines_of
from services.settings import load_settings

LIMITS = limits_of(load_settings())
CALLER = Caller(1, "t", 1, "mes", frozenset({"capture"}), sites=None, zone=None, own_party="urn:party:me")
POSTED = Posted(CALLER, 1_900_000_000_000_000)
SENT = [one.event for one in examples().values()] + [event for _, event in generate(300, 3)]
SENT += [
    {**SENT[0], "extensions": {"none": None, "list": [1, 2.5, None, {"c": {}}], "empty": {}}, "note": "é 中 \n"},
    {**SENT[0], "extensions": {"only": None}},
    {"kind": "unheard_of"},
    {**SENT[0], "event_id": '%d %s "quoted" 中'},
]


def by_pydantic(event: Any) -> dict[str, Any]:
    document = EVENT.dump_python(event, mode="json", exclude_none=True)
    return {key: value for key, value in document.items() if value not in ([], {})}


def test_an_event_is_written_as_pydantic_writes_it() -> None:
    events = [EVENT.validate_python(sent, context={"own_party": CALLER.own_party}) for sent in SENT if sent != SENT[-2]]
    assert {event.kind for event in events} >= set(examples())
    for event in events:
        assert orjson.dumps(event_document(event)) == orjson.dumps(by_pydantic(event))


@pytest.mark.parametrize("source", ["mes", '%d 100 % "quoted" 源\n'])
@pytest.mark.parametrize("original", [None, Original({"raw": "%d"}, {"sensor": 1})])
def test_a_record_is_its_envelope_as_json(source: str, original: Original | None) -> None:
    posted = Posted(replace(CALLER, source=source, roles=frozenset({"capture", "correct"})), POSTED.accepted_at_us)
    for index, sent in enumerate(SENT):
        judged = judge(sent, posted, index=index, limits=LIMITS, original=original)
        if isinstance(judged, EventError):
            assert sent["kind"] == "unheard_of"
            continue
        envelope = decode(judged.record.value)
        assert (envelope.source, envelope.may_correct, envelope.index) == (source, True, index)
        document = by_pydantic(envelope.event)
        beyond = original.beyond if original is not None else None
        assert envelope.content_hash == content_hash(envelope.event, document=document, beyond=beyond)
        whole: dict[str, Any] = {
            "schema_version": 1,
            "tenant_id": 1,
            "event_id": judged.event_id,
            "source": source,
            "may_correct": True,
            "accepted_at_us": POSTED.accepted_at_us,
            "index": index,
            "content_hash": judged.content_hash,
            "event": document,
        }
        whole |= {"company_prefixes": envelope.company_prefixes} if envelope.company_prefixes else {}
        whole |= {"printed_lots": envelope.printed_lots} if envelope.printed_lots else {}
        whole |= {"original": original.event} if original is not None else {}
        assert judged.record.value == orjson.dumps(whole) == encode(envelope)


def test_events_judged_together_are_judged_as_each_alone() -> None:
    originals = [Original({"n": n}, {"n": n}) for n in range(len(SENT))]
    for beside in ((), originals):
        together = judge_all(SENT, POSTED, first_index=7, limits=LIMITS, originals=beside)
        alone = [
            judge(sent, POSTED, index=7 + n, limits=LIMITS, original=beside[n] if beside else None)
            for n, sent in enumerate(SENT)
        ]
        assert together == alone
    assert [n for n, one in enumerate(together) if isinstance(one, EventError)] == [len(SENT) - 2]


def test_an_event_that_is_too_large_as_it_is_kept_costs_its_neighbours_nothing() -> None:
    sizes = [
        len(one.record.value)
        for one in judge_all(SENT[:2], POSTED, first_index=0, limits=LIMITS)
        if type(one) is Judged
    ]
    limits = replace(LIMITS, event_bytes=min(sizes))
    told = judge_all(SENT[:2], POSTED, first_index=0, limits=limits)
    assert [type(one) for one in told] == [Judged if size == min(sizes) else EventError for size in sizes]


@given(
    st.lists(
        st.builds(
            Outcome,
            index=st.integers(0, 10**6),
            event_id=st.text(max_size=20),
            record=st.none() | st.just(Record(b"", b"")),
            position=st.none() | st.builds(Position, st.integers(0, 99), st.integers(0, 2**40)),
        )
    )
)
def test_outcomes_by_template_are_their_documents(outcomes: list[Outcome]) -> None:
    told = [json.loads(line) for line in lines_of(outcomes).split(b"\n") if line]
    assert told == [one.document() for one in outcomes]
    assert lines_of(outcomes) == b"".join(orjson.dumps(one.document()) + b"\n" for one in outcomes)


def test_a_stamp_holds_for_any_text() -> None:
    stamp = Stamp(tenant_id=3, source="%s", may_correct=False, accepted_at_us=-5)
    value = stamp.record(event_id='"%', index=0, content_hash="ab", document={"kind": "%d"})
    assert orjson.loads(stamp.record(event_id="e", index=0, content_hash='a"\\', document={}))["content_hash"] == 'a"\\'
    assert orjson.loads(value)["event_id"] == '"%'
    assert orjson.loads(value)["source"] == "%s"
