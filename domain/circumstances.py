"""What an event says beside its items: to whom and where a transfer goes, and what an exposure can ask for."""

from typing import Any

from domain import events as ev
from domain.events.common import Event, Transfer
from domain.ids import PlaceId


def transfer(event: Event) -> dict[str, Any]:
    if not isinstance(event, Transfer):
        return {}
    holder = event.to_possessor or event.to_owner
    if isinstance(event, ev.Sold):
        holder = event.holder or holder
    to_place: PlaceId | None = event.to_place
    return {
        "to_place": to_place,
        "holder": holder,
        "owner": event.to_owner,
        "clears_holder": isinstance(event, ev.Returned) and holder is None,
    }


def dimensions(event: Event) -> tuple[tuple[str, str], ...]:
    """What an exposure can ask for: (dimension, value) pairs, each once."""
    found: list[tuple[str, str]] = []
    around = event.circumstances
    if around is not None:
        found += [("line", around.line or ""), ("instrument", around.instrument or "")]
        found += [("work_order", around.work_order or "")]
        found += [("equipment", e) for e in around.equipment]
        found += [("tool", t) for t in around.tools]
        found += [("operator", o) for o in around.operators]
    if isinstance(event, ev.Mounted | ev.Unmounted):
        found.append(("equipment", event.equipment))
    if isinstance(event, ev.Charged | ev.Discharged | ev.Emptied | ev.Cleaned):
        found.append(("equipment", event.vessel))
    if isinstance(event, ev.Discharged) and event.into:
        found.append(("equipment", event.into))
    if isinstance(event, ev.Transformed):
        found += [("equipment", d.vessel) for d in event.draws]
    if isinstance(event, ev.Inspected) and event.inspector:
        found.append(("operator", event.inspector))
    if isinstance(event, ev.MaterialReceived):
        found += [("supplier", event.supplier or event.from_owner or event.from_possessor or "")]
        found += [("material", event.material or event.item.material or "")]
    elif isinstance(event, Transfer) and event.kind == "received":
        found += [("supplier", event.from_owner or event.from_possessor or "")]
        found += [("material", i.item.material or "") for i in event.items] if isinstance(event, ev.Received) else []
    place = event.site or event.read_point
    if place is not None:
        found += [("site", place), ("site", PlaceId(place).site)]
    return tuple(dict.fromkeys((d, v) for d, v in found if v))
