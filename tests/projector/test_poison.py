"""One bad record of any sort is put aside, and never keeps another from being applied."""

import string
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock import SystemClock
from domain.ports import Position, Record, StoredRecord
from services.codec import Undecodable, decode_members_aside, decode_with_document
from services.projector.batches import sort_out
from services.projector.dead_letters import parked
from services.readmodel import cases
from tests.projector.sites import Site, log_of, named, projecting, record
from tests.waiting import eventually

GOOD: dict[str, Any] = orjson.loads(record("good").value)
LONG = "".join(Random(1).choices(string.ascii_letters + string.digits, k=4_000))


def envelope(**changed: Any) -> bytes:
    """A good record but for some fields; `event` is merged, its None leaves a field out."""
    event = {k: v for k, v in {**GOOD["event"], **changed.pop("event", {})}.items() if v is not None}
    return orjson.dumps({**GOOD, "event_id": "bad", **changed, "event": event})


def thing(**changed: Any) -> dict[str, Any]:
    return {"event": {"items": [{**GOOD["event"]["items"][0], **changed}]}}


def member(**changed: Any) -> dict[str, Any]:
    """A part of a frozen set, of one member that is good but for some fields."""
    one = {"item": "urn:test:m", "kind": "unit", "level": 0, "certainty": "certain"}
    one |= {"reasons": [], "came_from": [], "event_ids": [], "seed": True, "top": True, "loose_spare": False}
    act = {"act": "set_frozen", "freeze": 1, "chunk": 0, "members": [one | changed]}
    about = {"kind": "case_recorded", "case_id": "RC-1", "case_type": "recall", "actor": "zhuisu", "items": None}
    return {"event": about | {"act": act}}


def deep(levels: int) -> bytes:
    """With NUL in what was sent, so deep in objects."""
    return envelope(original="?").replace(b'"?"', b'{"a":' * levels + b'"\\u0000"' + b"}" * levels)


SORTS = {
    "no bytes": b"",
    "no JSON": b"\x00\xff{",
    "JSON too deep": b"[" * 100_000,
    "no object": b"[1]",
    "no envelope": b"{}",
    "unknown schema version": envelope(schema_version=99),
    "a schema version that is no number": envelope(schema_version=["1"]),
    "unknown kind": envelope(event={"kind": "teleported"}),
    "no kind": envelope(event={"kind": None}),
    "an event that is no object": orjson.dumps({**GOOD, "event": 7}),
    "unknown tenant": envelope(tenant_id=77),
    "a tenant beyond any number": envelope(tenant_id=1 << 62),
    "NUL in an item's id": envelope(**thing(item="urn:test:a\x00b")),
    "NUL in the event id": envelope(event_id="a\x00b"),
    "NUL in the source": envelope(source="a\x00b"),
    "NUL in what was sent": envelope(original={"a": "\x00"}),
    "NUL in a name of what was sent": envelope(original={"a\x00": 1}),
    "NUL in what was sent, deeper than it is written": deep(400),
    "NUL in what was sent, as deep as it is read": deep(980),
    "a quantity beyond any column": envelope(**thing(quantity="1e200000", uom="KGM")),
    "a quantity that is no number": envelope(**thing(quantity="NaN", uom="KGM")),
    "an index beyond its column": envelope(index=1 << 40),
    "an index beyond its column, and a text that spells a NUL": envelope(index=1 << 40, event={"note": "\\u0000"}),
    "accepted beyond its column": envelope(accepted_at_us=1 << 62),
    "a time before all time": envelope(event={"occurred_at": "0001-01-01T00:00:00+14:00"}),
    "a time that is none": envelope(event={"occurred_at": "yesterday"}),
    "a name too long for its index": envelope(**thing(item="urn:test:" + LONG)),
    "an event id too long for its index": envelope(event_id=LONG),
    "a set with NUL in a member's id": envelope(**member(item="urn:test:a\x00b")),
    "a set with a reason that is no text": envelope(**member(reasons=[{}])),
    "a set with a member that is no item": envelope(**member(item="B/1")),
    "a set with a predecessor that is no item": envelope(**member(came_from=["urn:test:l", ""])),
    "a set with a GTIN that another digit belongs to": envelope(**member(item="https://id.gs1.org/01/09506000134353")),
    "a set with an event id that is no text": envelope(**member(event_ids=[7])),
    "a set with a level beyond its column": envelope(**member(level=1 << 40)),
}


@pytest.mark.parametrize("sort", [name for name in SORTS if name.startswith("a set")])
def test_of_a_set_nothing_is_taken_that_the_validator_refuses(sort: str) -> None:
    """Its members are not made objects where they are as we write them."""
    outcomes = []
    for decode in (decode_members_aside, decode_with_document):
        try:
            outcomes.append(decode(SORTS[sort])[1])
        except Undecodable as error:
            outcomes.append({"code": error.code})
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("sort", list(SORTS))
async def test_a_bad_record_blocks_none_before_or_after_it(site: Site, sort: str) -> None:
    log = await log_of("before", 5)
    await log.append([Record(b"1:bad", SORTS[sort])], deadline_seconds=5)
    await log.append(named("after", 5), deadline_seconds=5)
    async with projecting(log, site.views) as projector:

        async def all_in() -> bool:
            assert projector.trouble is None, projector.trouble
            return (await site.fresh()).vector == {0: 10}

        await eventually(all_in)
    ids = await site.event_ids()
    assert ids >= {f"{when}-{n}" for when in ("before", "after") for n in range(5)}
    letters = await parked(site.views)
    # Either it is put aside, with a reason, or it could be applied after all: never neither.
    assert len(letters) + len(ids) == 11
    assert all(letter.code and letter.detail for letter in letters)
    assert not any("RecursionError" in letter.detail for letter in letters if "deep" not in sort)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted(GOOD)


@given(
    values=st.lists(
        st.tuples(st.sampled_from([*FIELDS, *(f"event.{name}" for name in (*GOOD["event"], "more", "at"))]), JSON),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=500, deadline=None)
def test_whatever_is_in_a_record_it_is_sorted_one_way_or_the_other(values: list[tuple[str, Any]]) -> None:
    document = orjson.loads(orjson.dumps(GOOD))
    for where, value in values:
        inner = document["event"] if where.startswith("event.") and isinstance(document["event"], dict) else document
        inner[where.removeprefix("event.")] = value
    now = SystemClock().now()
    stored = [
        StoredRecord(Position(0, n), now, b"1:k", value)
        for n, value in enumerate((orjson.dumps(GOOD), orjson.dumps(document), orjson.dumps(GOOD)))
    ]
    found = sort_out(stored, tenants=frozenset({1}))
    assert {e.position.offset for e in found.events} | {d.position.offset for d in found.dead} == {0, 1, 2}
    assert {e.position.offset for e in found.events} >= {0, 2}


@pytest.mark.parametrize(
    ("written", "read"),
    [("P:" + "S" * 600 + "1", "P:" + "S" * 600 + "1"), ("P:e\u03011", "P:\xe91")],
)
def test_a_part_of_a_set_with_serials_of_ranges_taken_before_is_read(written: str, read: str) -> None:
    """They were written longer than an id, or with a mark beside its letter: the whole part was put aside, or lost."""
    changed = member(item="urn:zhuisu:unit:own:" + written)
    envelope_of, document, members = decode_members_aside(envelope(**changed))
    assert members is None
    assert [str(i) for i in cases.items_of(envelope_of.event, document)] == ["urn:zhuisu:unit:own:" + read]


NUL = ("NUL in the event id", "NUL in the source", "NUL in what was sent", "NUL in a name of what was sent")


@pytest.mark.parametrize("sort", NUL)
async def test_what_was_taken_with_a_nul_is_applied_with_a_mark_in_its_place(site: Site, sort: str) -> None:
    """Capture refuses it now. What it took once left every answer of its tenant incomplete for ever."""
    log = await log_of("before", 1)
    await log.append([Record(b"1:bad", SORTS[sort])], deadline_seconds=5)
    async with projecting(log, site.views):
        await site.until_applied(1)
    assert await parked(site.views) == []
    assert len(await site.event_ids()) == 2
