"""Acts at single stations: a gauge that drifts, serials scanned beside lots, serials labelled by the range."""

from decimal import Decimal
from typing import Any

from domain import events as ev
from tests.domain.telling import item
from tests.simulation.plant import Plant


def inspect(p: Plant) -> None:
    """A unit is measured with the gauge, which may have drifted: nobody knows."""
    if not p.units:
        return
    unit = p.pick(p.units)[0]
    p.gauge.good = p.gauge.good and not p.maybe(0.3)
    p.gauge.since_good.append(unit)
    if not p.gauge.good:
        p.gauge.passed_wrong.append(unit)
    begun, ended = p.later(0.2), p.later(0.2)
    start = p.when(begun) if p.maybe(0.5) else None
    around = ev.Circumstances(instrument="G")
    subject = (ev.ItemQuantity(item=unit.id),)
    p.post(ev.Inspected(occurred_at=p.when(ended), started_at=start, items=subject, circumstances=around))


def calibrate(p: Plant) -> None:
    """The gauge is checked and set right, told by date alone now and then; now and then another's sheet is typed in."""
    found: Any = "in_tolerance" if p.gauge.good else "out_of_tolerance"
    told: dict[str, Any] = {"occurred_at": p.when(p.later(), dated=0.2), "instrument": "G"}
    other: Any = "in_tolerance" if p.maybe(0.5) else "out_of_tolerance"
    wrong = ev.Calibrated(**told, verdict=other) if p.maybe(0.15) else None
    p.post(ev.Calibrated(**told, verdict=found, left_verdict="in_tolerance"), wrong=wrong)
    if not p.gauge.good:
        p.gauge.found_out |= set(p.gauge.passed_wrong)
        p.gauge.suspect |= set(p.gauge.since_good)
    p.gauge.good = True
    p.gauge.passed_wrong.clear()
    p.gauge.since_good.clear()


def label(p: Plant) -> None:
    """A lot of parts comes in; three of its serials are labelled, told as a range."""
    n = p.number() * 10
    lot = p.thing(f"lot:PART/P{n}", "PART")
    p.part_lots.append(lot)
    units = [p.thing(f"PART/{n + i:06d}", "PART") for i in range(3)]
    for unit in units:
        unit.take(lot)
    p.parts += units
    serials = ev.SerialRange(product=item("class:PART"), first=f"{n:06d}", last=f"{n + 2:06d}")
    p.post(ev.Commissioned(occurred_at=p.when(p.later(0.2)), items=(ev.Output(range=serials, lot=lot.id),)))


def build(p: Plant) -> None:
    """A unit of two parts: ERP says of which lot, the station scans both serials, one, or none.

    What is scanned is what is in it, whatever ERP says; what is not scanned is of the lot that ERP says.
    """
    if len(p.parts) < 2:
        return
    unit, said = p.thing(f"U/{p.number()}", "U"), p.pick(p.part_lots)[0]
    p.units.append(unit)
    scanned = p.pick(p.parts, p.chance.choice([0, 1, 2, 2]))
    unit.take(*scanned)
    if len(scanned) < 2:
        unit.take(said)
    for part in scanned:
        p.parts.remove(part)
        part.wholes.add(unit)
    booked = (ev.Input(item=said.id, quantity=Decimal(2)),)
    serials = tuple(ev.Input(item=s.id) for s in scanned)
    made: dict[str, Any] = {"occurred_at": p.when(p.later()), "outputs": (ev.Output(item=unit.id),)}
    if p.maybe(0.5) and scanned:
        p.post(ev.Transformed(inputs=booked, **made))
        fitted = tuple(ev.ItemQuantity(item=s.id) for s in scanned)
        p.post(ev.Assembled(occurred_at=p.when(p.later(0.1)), parent=unit.id, components=fitted))
        unit.parts |= set(scanned)
    else:
        p.post(ev.Transformed(inputs=booked + serials, **made))
        for part in scanned:
            part.wholes.discard(unit)
