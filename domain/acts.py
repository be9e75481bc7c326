"""What an event says of equipment and vessels: mounts, charges and discharges, and what was made where."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from domain import events as ev
from domain.events.common import Event
from domain.facts import Action, Flow, LoadFact, Mention, Ranged, Role, Status, VesselAct, VesselFact
from domain.ids import ItemId, drawn_from
from domain.mentions import inputs_of, memberships_of, outputs_of, ranges_of

PIECES = (None, "EA", "C62", "H87")
"""Units of measure in which a quantity counts units (UN/ECE Rec 20; EA is what most systems send)."""

_OUTPUT, _WHOLE, _SUBJECT = Role.OUTPUT, Role.WHOLE, Role.SUBJECT
_FITS = frozenset({Action.PUT, Action.OBSERVE})


def mounting(event: ev.Mounted | ev.Unmounted) -> dict[str, Any]:
    """A mounted item is no part of anything and is not used up yet: neither its status nor its quantity changes."""
    fact = LoadFact(event.equipment, event.position, event.item, isinstance(event, ev.Mounted))
    if isinstance(event, ev.Unmounted):
        named = () if event.item is None else (Mention(event.item, Role.SUBJECT),)
        return {"mentions": named, "loading": fact}
    fact = LoadFact(event.equipment, event.position, event.item, True, event.doubt_units)
    return {"mentions": (Mention(event.item, Role.INPUT),), "loading": fact}


def charging(event: ev.Charged, event_id: str) -> dict[str, Any]:
    mentions = inputs_of(event.inputs)
    facts = tuple(
        VesselFact(event.vessel, VesselAct.CHARGE, event.compartment, m.item, m.quantity, m.uom) for m in mentions
    )
    return {"mentions": mentions, "vessels": facts, "transformation": f"charge {event_id}"}


def discharging(event: ev.Discharged, event_id: str) -> dict[str, Any]:
    """What comes out is an output; what goes straight into another vessel is charged there, all in one event.

    Serials in a range come from the lot that was drawn: their members are not written out here.
    """
    if any(out.range is not None for out in event.outputs):
        return _into_a_range(event, event_id)
    outputs = outputs_of(event.outputs, Status.IN_STOCK, Flow.ENTER)
    quantity, uom = _came_out(event, outputs)
    mentions = outputs
    items: tuple[ItemId | None, ...] = tuple(dict.fromkeys(m.item for m in outputs))
    if event.into is not None and not outputs:
        moved = drawn_lot(event.vessel, event_id, 0)
        items = (moved,)
        mentions = (Mention(moved, Role.OUTPUT, quantity=quantity, uom=uom, status=Status.CONSUMED, by_class=True),)
    out = [
        VesselFact(event.vessel, VesselAct.DISCHARGE, event.compartment, item, quantity, uom, event.mode)
        for item in items or (None,)
    ]
    if event.into is not None:
        alone = len(items) == 1
        amounts = {m.item: (m.quantity, m.uom) for m in outputs if m.quantity is not None}
        for item in items:
            amount = (quantity, uom) if alone or item is None else amounts.get(item, (None, None))
            out.append(VesselFact(event.into, VesselAct.CHARGE, None, item, *amount))
        mentions += inputs_of([ev.Input(item=m.item, quantity=m.quantity, uom=m.uom) for m in outputs])
    return {"mentions": mentions, "vessels": tuple(out), "memberships": memberships_of(event.outputs)}


def _into_a_range(event: ev.Discharged, event_id: str) -> dict[str, Any]:
    lot = drawn_lot(event.vessel, event_id, 0)
    drawn = Mention(lot, Role.INPUT, quantity=event.quantity, uom=event.uom, status=Status.CONSUMED, by_class=True)
    act = VesselAct.DISCHARGE
    facts = [VesselFact(event.vessel, act, event.compartment, lot, event.quantity, event.uom, event.mode)]
    if event.into is not None:
        facts.append(VesselFact(event.into, VesselAct.CHARGE, None, lot, event.quantity, event.uom))
    return {
        "mentions": (drawn, *outputs_of(event.outputs, Status.IN_STOCK, Flow.ENTER)),
        "ranges": ranges_of(event.outputs, Role.OUTPUT, status=Status.IN_STOCK, flow=Flow.ENTER),
        "vessels": tuple(facts),
        "memberships": memberships_of(event.outputs),
        "transformation": f"discharge {event_id}",
    }


def _came_out(event: ev.Discharged, outputs: Sequence[Mention]) -> tuple[Decimal | None, str | None]:
    if event.quantity is not None or not outputs:
        return event.quantity, event.uom
    if any(m.quantity is None for m in outputs) or len({m.uom for m in outputs}) > 1:
        return None, None
    return sum((m.quantity for m in outputs if m.quantity is not None), Decimal(0)), outputs[0].uom


def emptying(event: ev.Emptied | ev.Cleaned) -> dict[str, Any]:
    if isinstance(event, ev.Cleaned) or event.heel == 0:
        return {"vessels": (VesselFact(event.vessel, VesselAct.BREAK, event.compartment),)}
    heel = VesselFact(event.vessel, VesselAct.EMPTY, event.compartment, None, event.heel, event.uom)
    return {"vessels": (heel,)}


def draws(event: ev.Transformed, event_id: str) -> tuple[tuple[Mention, ...], tuple[VesselFact, ...]]:
    """What a transformation takes from vessels: each draw a lot of its own that is its input."""
    mentions, facts = [], []
    for part, draw in enumerate(event.draws):
        lot = drawn_lot(draw.vessel, event_id, part)
        mentions.append(
            Mention(lot, Role.INPUT, quantity=draw.quantity, uom=draw.uom, status=Status.CONSUMED, by_class=True)
        )
        act = VesselAct.DISCHARGE
        fact = VesselFact(draw.vessel, act, draw.compartment, lot, draw.quantity, draw.uom, draw.mode, part)
        facts.append(fact)
    return tuple(mentions), tuple(facts)


def drawn_lot(vessel: str, event_id: str, part: int) -> ItemId:
    """The lot that is what came out of a vessel in one act, where the sender gave it no id."""
    number = event_id if part == 0 else f"{event_id}/{part}"
    return drawn_from(vessel, number)


def made_here(event: Event, mentions: Iterable[Mention], ranges: Iterable[Ranged]) -> dict[str, Any]:
    """The equipment and line on which something was made, and how many units at least."""
    around = event.circumstances
    if around is None:
        return {}
    made = [m for m in mentions if is_made(m, event.kind)]
    serials = sum(ranged.serials.count for ranged in ranges)
    if not (made or serials):
        return {}
    names = dict.fromkeys(name for name in (*around.equipment, around.line) if name)
    # what is only booked was made at some time before: it counts as nothing made in between
    units = 0 if isinstance(event, ev.OutputReported) else sum(_units(m) for m in made) + serials
    return {"made_on": tuple(names), "made_units": units}


def is_made(mention: Mention, kind: str) -> bool:
    """Whether the event made what it mentions: an output, something commissioned, the parent of an assembly."""
    role = mention.role
    if role is _OUTPUT:
        return True
    if role is _WHOLE:
        return mention.action in _FITS
    return role is _SUBJECT and kind == "commissioned"


def _units(mention: Mention) -> int:
    """At least so many: what cannot be counted is one."""
    if mention.quantity is None or mention.uom not in PIECES:
        return 1
    return max(1, int(mention.quantity))
