"""Which events are critical tracking events (21 CFR 1.1310), and what their movement rows say. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain import events as ev
from domain.events.common import Transfer
from domain.ids import ItemId

SHIPPING, RECEIVING, TRANSFORMATION = "shipping", "receiving", "transformation"
STEPS = ("harvesting", "cooling", "initial_packing", "first_land_based_receiving")
"""Steps that only `biz_step` can tell: its last part, hyphens or underscores between the words."""

STEP = f"({'|'.join(STEPS)})$".replace("_", "[-_ ]")
"""What a `biz_step` of one of these looks like, as a regular expression without regard to case."""

MOVED_KINDS = ("shipped", "received", "material_received", "returned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One item that one event moved, or did a step to. Places are ids, parties where no place is told."""

    cte: str
    item: ItemId
    quantity: Decimal | None
    uom: str | None
    location: str | None
    came_from: str | None
    goes_to: str | None


def step_of(event: ev.LifecycleEvent) -> str | None:
    """The step its `biz_step` names, if it is one of STEPS."""
    last = re.split(r"[:/#]", event.biz_step or "")[-1].removeprefix("BizStep-").lower()
    last = re.sub(r"[\s\-]+", "_", last)
    return last if last in STEPS else None


def moved(event: ev.LifecycleEvent) -> list[Moved]:
    """The movement rows of an event before containers are looked into; none for what is no such event."""
    step = step_of(event)
    location = event.site or event.read_point
    match event:
        case ev.Shipped():
            ends = (event.from_place or location, event.to_place or event.to_possessor or event.to_owner)
            return [_row(step or SHIPPING, i, location=location, ends=ends) for i in event.items]
        case ev.Received() | ev.Returned():
            received = (_sender(event), event.to_place or location)
            return [_row(step or RECEIVING, i, location=location, ends=received) for i in event.items]
        case ev.MaterialReceived():
            supplied = (event.from_place or event.supplier or _sender(event), event.to_place or location)
            line = ev.ItemQuantity(item=event.item, quantity=event.quantity, uom=event.uom)
            return [_row(step or RECEIVING, line, location=location, ends=supplied)]
        case ev.Commissioned() | ev.Transformed() if step is not None:
            outputs = event.items if isinstance(event, ev.Commissioned) else event.outputs
            return [_row(step, i, location=location, ends=(None, None)) for i in _quantities(outputs)]
        case ev.Observed() | ev.Stored() | ev.Packed() if step is not None:
            lines = event.contents if isinstance(event, ev.Packed) else event.items
            return [_row(step, i, location=location, ends=(None, None)) for i in lines]
        case _:
            return []


def _quantities(outputs: Iterable[ev.Output]) -> list[ev.ItemQuantity]:
    """Outputs as they are counted: by their lot where one is named."""
    found = []
    for out in outputs:
        amount = Decimal(out.range.count) if out.range is not None else out.quantity
        item = out.lot or out.item
        if item is not None:
            found.append(ev.ItemQuantity(item=item, quantity=amount, uom=out.uom))
    return found


def _sender(event: Transfer) -> str | None:
    returned_by = event.returned_by if isinstance(event, ev.Returned) else None
    return event.from_place or event.from_possessor or returned_by or event.from_owner


def _row(cte: str, line: ev.ItemQuantity, *, location: str | None, ends: tuple[str | None, str | None]) -> Moved:
    came, goes = ends
    return Moved(
        cte=cte,
        item=line.item,
        quantity=line.quantity,
        uom=line.uom,
        location=location,
        came_from=came,
        goes_to=goes,
    )
