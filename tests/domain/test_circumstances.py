"""What surrounds the making: suspect instruments, recipes in use, software versions, conditions of storage."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain import events as ev
from domain.circumstances import FOUND_BAD, FOUND_GOOD, LEFT_BAD, LEFT_GOOD, LEFT_UNKNOWN, RECIPE_ON, RECIPE_TO
from domain.exposure import DURATION_UNKNOWN, Circumstance, ParameterRange, Seed, seeds
from domain.facts import EventFacts
from domain.flatten import facts_of
from domain.genealogy import Mode
from domain.moments import Moment
from domain.record import Happened
from domain.stretches import Calibration, Stretch, in_use, suspect
from tests.domain.telling import History, at, item, named, q

DAY = Moment.parse("2026-03-01Z")
SURE: frozenset[str] = frozenset()
EDGE, UNKNOWN, PENDING = frozenset({"edge"}), frozenset({"left_unknown"}), frozenset({"replacement_pending"})
GAUGE = Circumstance(dimensions=(("instrument", "G"),))


def calibrated(h: History, hour: float | Moment, *verdict: str) -> str:
    """`verdict`: as found (in), as left."""
    found, left = (*(verdict or ("in",)), None)[:2]
    verdicts: dict[str | None, Any] = {"in": "in_tolerance", "out": "out_of_tolerance", None: None}
    when = hour if isinstance(hour, Moment) else at(hour)
    more = {"verdict": verdicts[found], "left_verdict": verdicts[left]}
    return h.tell(ev.Calibrated(occurred_at=when, instrument="G", **more))


def inspected(h: History, name: str, hour: float, *, started: float | None = None) -> None:
    around = ev.Circumstances(instrument="G")
    begun = at(started) if started is not None else None
    h.tell(ev.Inspected(occurred_at=at(hour), started_at=begun, items=(q(name),), circumstances=around))


def happened(h: History) -> dict[int, Happened]:
    """By number, those that count, with all they say."""
    return h.view().happened


def exposed(h: History, circumstance: Circumstance, stretches: list[Stretch]) -> dict[str, frozenset[str]]:
    """Item -> why only possibly, as a question finds it: what is sure once is sure."""
    told: list[Seed] = []
    for s in stretches:
        window = replace(circumstance, since_us=s.since_us, until_us=s.until_us)
        matching = [(e, e.facts.mentions) for e in happened(h).values() if window.matches(e.facts)]
        told += seeds(window, matching, stretch=s)
    reasons: dict[str, list[frozenset[str]]] = {}
    for seed in told:
        reasons.setdefault(seed.item, []).append(seed.reasons)
    return {i: SURE if SURE in rs else frozenset().union(*rs) for i, rs in reasons.items()}


def suspects(h: History, found_by: str | None = None) -> dict[str, frozenset[str]]:
    told = []
    for event in happened(h).values():
        dims = {d for d, _ in event.facts.dimensions}
        if FOUND_GOOD in dims or FOUND_BAD in dims:
            left = True if LEFT_GOOD in dims else False if LEFT_BAD in dims else None
            assert left is not None or LEFT_UNKNOWN in dims
            told.append(Calibration(event, FOUND_GOOD in dims, left))
    return exposed(h, GAUGE, suspect(told, found_by=found_by))


def names(**expected: frozenset[str]) -> dict[str, frozenset[str]]:
    return {item(k): v for k, v in expected.items()}


def test_c1_out_of_tolerance_makes_suspect_what_was_inspected_since_the_last_good_one() -> None:
    h = History()
    for name, hour in (("before", 2), ("a", 4), ("b", 7), ("after", 9)):
        inspected(h, name, hour, started=hour - 0.1)
    calibrated(h, 8, "out", "in")
    calibrated(h, 3)  # told late
    assert suspects(h) == names(a=SURE, b=SURE)


def test_c2_the_last_good_one_is_void_so_it_goes_back_to_the_one_before() -> None:
    h = History()
    for name, hour in (("first", 1), ("a", 4), ("b", 7)):
        inspected(h, name, hour, started=hour - 0.1)
    calibrated(h, 2)
    wrong = calibrated(h, 5)
    calibrated(h, 8, "out", "in")
    assert suspects(h) == names(b=SURE)
    h.tell(ev.Voided(occurred_at=at(9), target=wrong))
    assert suspects(h) == names(a=SURE, b=SURE)


def test_a_good_one_that_may_yet_be_void_clears_nothing_for_sure() -> None:
    h = History()
    for name, hour in (("a", 4), ("b", 7)):
        inspected(h, name, hour, started=hour - 0.1)
    doubtful = calibrated(h, 5)
    calibrated(h, 8, "out", "in")
    h.tell(ev.Voided(occurred_at=at(9), target=doubtful, replaced_by=("never",)))
    assert suspects(h) == names(a=EDGE, b=SURE)


def test_c3_never_good_before_is_since_ever_and_a_date_alone_is_doubt() -> None:
    h = History()
    inspected(h, "old", 1, started=0.9)
    inspected(h, "late", 30, started=29.9)
    calibrated(h, DAY, "out", "in")
    assert suspects(h) == names(old=EDGE)
    calibrated(h, DAY)  # the same day: nobody knows which came first
    assert suspects(h) == names(old=EDGE)


def test_c4_left_as_it_was_it_stays_suspect_until_it_is_good_again() -> None:
    h = History()
    for name, hour in (("a", 4), ("b", 6), ("c", 9)):
        inspected(h, name, hour, started=hour - 0.1)
    calibrated(h, 3)
    calibrated(h, 5, "out")
    assert suspects(h) == names(a=SURE, b=UNKNOWN, c=UNKNOWN)
    calibrated(h, 8)
    assert suspects(h) == names(a=SURE, b=UNKNOWN)
    h = History()
    inspected(h, "b", 6, started=5.9)
    calibrated(h, 5, "in", "out")
    assert suspects(h) == names(b=SURE)


def test_c5_an_inspection_of_unknown_length_beside_the_stretch_is_possible() -> None:
    h = History()
    inspected(h, "a", 4)
    inspected(h, "next", 9)
    inspected(h, "later", 10)
    calibrated(h, 3)
    calibrated(h, 8, "out", "in")
    assert suspects(h) == names(a=SURE, next=frozenset({DURATION_UNKNOWN}))


def test_c6_one_calibration_alone_can_be_asked_about() -> None:
    h = History()
    for name, hour in (("a", 2), ("b", 6)):
        inspected(h, name, hour, started=hour - 0.1)
    first = calibrated(h, 3, "out", "in")
    second = calibrated(h, 8, "out", "in")
    assert suspects(h, first) == names(a=SURE)
    assert suspects(h, second) == names(b=SURE)
    assert suspects(h) == names(a=SURE, b=SURE)


@pytest.mark.parametrize(
    ("told", "found_good", "left_good"),
    [
        ({"verdict": "in_tolerance"}, True, True),
        ({"verdict": "out_of_tolerance"}, False, None),
        ({"as_found": ("0.5", None)}, True, True),
        ({"as_found": ("1.5", None)}, False, None),
        ({"as_found": ("1.5", "0.5")}, False, True),
        ({"as_found": ("1.5", "1.2")}, False, False),
        ({"as_found": ("0.5", "1.2")}, True, False),
        ({"as_found": ("1.5", None), "verdict": "in_tolerance"}, False, None),
        ({"as_found": ("0.5", None), "verdict": "out_of_tolerance"}, False, None),
    ],
)
def test_readings_and_verdict_are_read_for_the_worse(told: Any, *, found_good: bool, left_good: bool | None) -> None:
    found, left = told.pop("as_found", (None, None))

    def readings(value: str | None) -> tuple[ev.Measurement, ...]:
        limits = {"lower_limit": Decimal(-1), "upper_limit": Decimal(1)}
        return (ev.Measurement(characteristic="error", value=Decimal(value), **limits),) if value else ()

    told |= {"as_found": readings(found), "as_left": readings(left)}
    event = ev.Calibrated(occurred_at=at(1), instrument="G", **told)
    assert (event.found_good, event.left_good) == (found_good, left_good)


def test_a_calibration_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="verdict: send"):
        ev.Calibrated(occurred_at=at(1), instrument="G")


def changed(h: History, hour: float | Moment, recipe: str) -> str:
    when = hour if isinstance(hour, Moment) else at(hour)
    return h.tell(ev.RecipeChanged(occurred_at=when, equipment="W", recipe=recipe))


def made(h: History, name: str, hour: float) -> None:
    h.made(
        [name],
        ["lot:IN/1"],
        at_hour=hour,
        started_at=at(hour - 0.1),
        circumstances=ev.Circumstances(equipment=("W",)),
    )


def made_by(h: History, recipe: str) -> dict[str, frozenset[str]]:
    def says(facts: EventFacts, dimension: str, value: str) -> bool:
        return (dimension, value) in facts.dimensions

    changes = [
        (e, says(e.facts, RECIPE_TO, recipe)) for e in happened(h).values() if says(e.facts, RECIPE_ON, "equipment W")
    ]
    return exposed(h, Circumstance(dimensions=(("equipment", "W"),)), in_use(changes))


def test_c7_a_recipe_is_in_use_until_another_comes() -> None:
    h = History()
    for name, hour in (("a", 2), ("b", 4), ("c", 5.05), ("d", 6)):
        made(h, name, hour)
    changed(h, 5, "S")
    changed(h, 3, "R")
    changed(h, 3.5, "R")
    assert made_by(h, "R") == names(b=SURE, c=EDGE)
    assert made_by(h, "S") == names(c=EDGE, d=SURE)


def test_a_change_on_a_date_alone_is_doubt_all_that_day() -> None:
    h = History()
    made(h, "a", 4)
    made(h, "next", 30)
    changed(h, DAY, "R")
    assert made_by(h, "R") == names(a=EDGE, next=SURE)
    changed(h, DAY, "S")
    assert made_by(h, "R") == names(a=EDGE, next=EDGE)


def installed(h: History, unit: str, *, version: str, hour: float) -> str:
    software = item(f"lot:FW/{version}")
    return h.tell(ev.SoftwareInstalled(occurred_at=at(hour), item=item(unit), software=software))


def test_c8_a_version_is_a_component_until_the_next_one() -> None:
    h = History()
    installed(h, "U/1", version="2", hour=5)
    installed(h, "U/1", version="1", hour=2)
    installed(h, "U/2", version="1", hour=3)
    h.fit("B", "U/1", at_hour=7)
    assert h.forward("lot:FW/1") == {item("U/1"): "certain", item("U/2"): "certain", item("B"): "against_time"}
    assert h.forward("lot:FW/1", mode=Mode.AS_MAINTAINED, at_hour=8) == named_units("U/2")
    assert h.forward("lot:FW/2", mode=Mode.AS_MAINTAINED, at_hour=8) == named_units("U/1") | named(B="certain")
    assert h.backward("U/1", mode=Mode.AS_MAINTAINED, at_hour=4) == {item("lot:FW/1"): "certain"}


def test_c8_a_voided_installation_ends_nothing() -> None:
    h = History()
    installed(h, "U/1", version="1", hour=2)
    second = installed(h, "U/1", version="2", hour=5)
    other = h.tell(ev.SoftwareInstalled(occurred_at=at(6), item=item("U/1"), software=item("lot:BOOT/9")))
    assert other
    h.tell(ev.Voided(occurred_at=at(9), target=second, replaced_by=("never",)))
    found = h.forward("lot:FW/1", mode=Mode.AS_MAINTAINED, at_hour=8)
    assert found == {item("U/1"): "replacement_pending"}
    h.tell(ev.Voided(occurred_at=at(9), target=second))
    assert h.forward("lot:FW/1", mode=Mode.AS_MAINTAINED, at_hour=8) == named_units("U/1")


def named_units(*units: str) -> dict[str, str]:
    return {item(u): "certain" for u in units}


def test_c9_what_was_stored_too_warm() -> None:
    h = History()

    def stored(name: str, value: str) -> None:
        around = ev.Circumstances(parameters=(ev.Parameter("temperature", Decimal(value), "CEL"),))
        h.tell(ev.Stored(occurred_at=at(3), items=(q(name),), circumstances=around))

    stored("warm", "9.5")
    stored("cold", "4")
    asked = Circumstance(parameter=ParameterRange("temperature", Decimal(8)))
    matching = [(e, e.facts.mentions) for e in happened(h).values() if asked.matches(e.facts)]
    assert [s.item for s in seeds(asked, matching)] == [item("warm")]


def test_a_software_without_version_is_refused() -> None:
    with pytest.raises(ValueError, match="software and its version"):
        ev.SoftwareInstalled(occurred_at=at(1), item=item("U/1"), software=item("U/2"))


def test_a_break_in_is_one_of_serial_lot_or_time() -> None:
    told = {"occurred_at": at(1), "change": "ECO-1", "product": item("class:A")}
    with pytest.raises(ValueError, match="from_serial: send one of"):
        ev.ChangeEffective(**told)
    facts = facts_of_one(ev.ChangeEffective(**told, from_lot=item("lot:A/7")))
    assert [m.item for m in facts.mentions] == [item("class:A"), item("lot:A/7")]


def facts_of_one(event: ev.LifecycleEvent) -> EventFacts:
    h = History()
    h.tell(event)
    return facts_of(h.log[0][1])
