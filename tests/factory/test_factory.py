"""The demo factory: the same every time, valid, and true to what it says of itself."""

import itertools
import json
from datetime import datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.circumstances import FOUND_GOOD, LEFT_GOOD
from domain.corrections import Copy
from domain.envelope import Envelope
from domain.exposure import Circumstance
from domain.exposure import seeds as exposures
from domain.genealogy import Way, trace
from domain.gs1 import parse
from domain.ids import ItemId
from domain.memory import MemoryRecord, MemoryView
from domain.record import answer
from domain.state import states
from domain.stretches import Calibration, suspect
from services.codec import EVENT, EVENT_ID_PREFIX, content_hash
from services.factory import SOURCES, Event, about, generate

NOW_US = 1_900_000_000_000_000
BIKES = "https://id.gs1.org/01/09521234000020/21/"

seeds = st.integers(0, 2**32)
sizes = st.integers(1, 600)


def told(units: int, seed: int) -> MemoryView:
    """The record of a whole factory, by the reference."""
    record = MemoryRecord()
    for no, (source, document) in enumerate(generate(units, seed)):
        event = EVENT.validate_python(document)
        digest = content_hash(event)
        record.add(Copy(no, 0, no), envelope(event, digest=digest, source=source, no=no))
    return record.as_of()


def envelope(event: object, *, digest: str, source: str, no: int) -> Envelope:
    return Envelope(
        tenant_id=1,
        event_id=event.event_id or EVENT_ID_PREFIX + digest,  # type: ignore[attr-defined]
        source=source,
        may_correct=False,
        accepted_at_us=no,
        index=0,
        content_hash=digest,
        event=event,  # type: ignore[arg-type]
    )


@settings(max_examples=20, deadline=None)
@given(units=sizes, seed=seeds)
def test_the_same_seed_gives_the_same_bytes(units: int, seed: int) -> None:
    once, again = (b"".join(orjson.dumps(p) for p in generate(units, seed)) for _ in range(2))
    assert once == again
    assert once != b"".join(orjson.dumps(p) for p in generate(units, seed + 1))


@settings(max_examples=20, deadline=None)
@given(units=sizes, seed=seeds)
def test_every_event_is_taken_as_it_is(units: int, seed: int) -> None:
    for source, document in generate(units, seed):
        EVENT.validate_python(json.loads(json.dumps(document)))
        assert source in SOURCES


@settings(max_examples=6, deadline=None)
@given(units=st.sampled_from([1, 100, 400, 700]), seed=seeds)
def test_it_says_the_truth_about_its_bad_lot(units: int, seed: int) -> None:
    """By the reference, with late and doubled events: what is certain is true, what is true is at least possible."""
    view, facts = told(units, seed), about(units, seed)
    forward = answer(trace([ItemId(facts.bad_lot)], way=Way.FORWARD, now_us=NOW_US), view.look_up)
    bikes = {n.item: n.certainty for n in forward.nodes if n.item.startswith(BIKES)}
    assert {b for b, sure in bikes.items() if sure == "certain"} == facts.certain
    assert {b for b, sure in bikes.items() if sure == "possible"} == facts.possible
    assert facts.certain < facts.bikes < facts.certain | facts.possible


@settings(max_examples=6, deadline=None)
@given(units=st.sampled_from([1, 100, 400, 700]), seed=seeds)
def test_it_says_the_truth_about_its_bad_reel(units: int, seed: int) -> None:
    """No event names a reel and a board: what was on the feeder tells, but for the boards beside the splice."""
    view, facts = told(units, seed), about(units, seed)
    forward = answer(trace([ItemId(facts.bad_reel)], way=Way.FORWARD, now_us=NOW_US), view.look_up)
    bikes = {n.item: n.certainty for n in forward.nodes if n.item.startswith(BIKES)}
    assert {b for b, sure in bikes.items() if sure == "certain"} == facts.reel_certain
    assert {b for b, sure in bikes.items() if sure == "possible"} == facts.reel_possible
    assert facts.reel_certain < facts.reel_bikes < facts.reel_certain | facts.reel_possible


@settings(max_examples=6, deadline=None)
@given(units=st.sampled_from([1, 100, 400, 700]), seed=seeds)
def test_it_says_the_truth_about_its_bad_tester(units: int, seed: int) -> None:
    view, facts = told(units, seed), about(units, seed)
    gauge = {
        e.no: (e, {d for d, value in e.facts.dimensions if value == facts.bad_tester})
        for e in view.happened.values()
        if ("instrument", facts.bad_tester) in e.facts.dimensions
    }
    checks = [(e, dims) for e, dims in gauge.values() if e.facts.kind == "calibrated"]
    stretches = suspect(Calibration(e, FOUND_GOOD in dims, LEFT_GOOD in dims) for e, dims in checks)
    found = set()
    for s in stretches:
        asked = Circumstance(dimensions=(("instrument", facts.bad_tester),), since_us=s.since_us, until_us=s.until_us)
        events = [(e, e.facts.mentions) for e, _ in gauge.values()]
        found |= {(seed.item, seed.reasons) for seed in exposures(asked, events, stretch=s)}
    assert found == {(bike, frozenset()) for bike in facts.tester_bikes}


def test_without_line_every_input_is_scanned_and_nothing_is_mounted() -> None:
    kinds = {document["kind"] for _, document in generate(1_000, 1, line=False)}
    assert not kinds & {"mounted", "charged", "cleaned", "calibrated"}
    assert {"mounted", "charged", "cleaned", "calibrated"} <= {d["kind"] for _, d in generate(1_000, 1)}


def test_what_the_line_tells_is_few_events_more() -> None:
    plain, whole = (sum(1 for _ in generate(10_000, 1, line=line)) for line in (False, True))
    assert whole < 1.12 * plain


@settings(max_examples=6, deadline=None)
@given(units=st.sampled_from([1, 100, 400, 700]), seed=seeds)
def test_the_failed_bike_came_from_the_bad_lot_and_others(units: int, seed: int) -> None:
    view, facts = told(units, seed), about(units, seed)
    back = answer(trace([ItemId(facts.failed_bike)], way=Way.BACKWARD, now_us=NOW_US), view.look_up)
    found = {n.item for n in back.nodes}
    assert facts.bad_lot in found
    supplier = facts.supplier.replace(":", "%3A")
    assert f"urn:zhuisu:lot:{supplier}:CELL-21700:{facts.supplier_lot}" in found
    assert {n.item.material for n in back.nodes} >= {
        "https://id.gs1.org/01/09521234003014",
        "urn:zhuisu:class:own:ADHESIVE",
        "urn:zhuisu:class:own:MOTOR",
    }
    state = answer(states([ItemId(facts.failed_bike)], at_us=NOW_US), view.look_up)[ItemId(facts.failed_bike)]
    assert (state.status, state.site) == ("returned", "PLANT-2-BIKES")


def test_the_lifecycle_is_all_there() -> None:
    kinds = {document["kind"] for _, document in generate(3_000, 1)}
    wanted = {"material_received", "inspected", "transformed", "assembled", "packed", "shipped", "received", "unpacked"}
    wanted |= {"sold", "reworked", "returned", "disassembled", "voided", "held", "hold_released", "commissioned"}
    assert wanted <= set(kinds)


def test_the_four_sources_interleave() -> None:
    sources = [source for source, _ in itertools.islice(generate(5_000, 1), 2_000, 2_200)]
    assert set(sources) == set(SOURCES)


def test_the_asked_share_comes_late_and_the_asked_share_comes_twice() -> None:
    posted = [document for _, document in generate(20_000, 1)]
    twice = len(posted) - len({orjson.dumps(d) for d in posted})
    assert 0.015 < twice / len(posted) < 0.025
    assert 0.03 < late(posted) / len(posted) < 0.08
    calm = [document for _, document in generate(20_000, 1, late_share=0, duplicate_share=0)]
    assert len(calm) == len({orjson.dumps(d) for d in calm}) == len(posted) - twice
    assert late(calm) == 0


def late(posted: list[Event]) -> int:
    latest, count = datetime.fromisoformat(posted[0]["occurred_at"]), 0
    for document in posted:
        at = datetime.fromisoformat(document["occurred_at"])
        count += at < latest
        latest = max(at, latest)
    return count


def test_ids_are_native_and_gs1() -> None:
    keys = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)
        elif isinstance(value, str) and (key := parse(value)) is not None:
            keys.append((value.split("/")[0].split(":")[0], key.ai))

    for _, document in generate(500, 1):
        collect(document)
    assert set(keys) == {("urn", "01"), ("https", "01"), ("urn", "00")}


def test_size_grows_in_proportion_and_time_stays_within_two_years() -> None:
    small, large = (sum(1 for _ in generate(n, 1)) for n in (2_000, 20_000))
    assert 9 < large / small < 11
    huge = itertools.islice(generate(5_000_000, 1), 1_000)
    assert next(huge)[1]["occurred_at"].startswith("2024-01-08")
    last = max(document["occurred_at"] for _, document in generate(200_000, 1))
    assert last < "2025-08"


@pytest.mark.parametrize(
    ("arguments", "named"), [({"units": 0}, "units"), ({"units": 1, "late_share": 2}, "late_share")]
)
def test_nonsense_is_refused_by_name(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        list(generate(**arguments, seed=1))  # type: ignore[arg-type]
