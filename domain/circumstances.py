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
        found += [("work_order", around.work_order or ""), ("shift", around.shift or "")]
        found += [("recipe", around.recipe or ""), ("version", around.version or ""), ("cavity", around.cavity or "")]
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
    found += _conditions(event)
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


FOUND_GOOD, FOUND_BAD, LEFT_GOOD, LEFT_BAD, LEFT_UNKNOWN = (
    f"calibration_{word}" for word in ("found_good", "found_bad", "left_good", "left_bad", "left_unknown")
)
RECIPE_ON, RECIPE_TO, RECIPE_VERSION_TO = "recipe_on", "recipe_to", "recipe_version_to"
"""Dimensions by which questions find calibrations of an instrument, and changes of recipe: nobody asks for them."""


def _conditions(event: Event) -> list[tuple[str, str]]:
    match event:
        case ev.Calibrated():
            left = {True: LEFT_GOOD, False: LEFT_BAD, None: LEFT_UNKNOWN}[event.left_good]
            as_found = FOUND_GOOD if event.found_good else FOUND_BAD
            return [("instrument", event.instrument), (as_found, event.instrument), (left, event.instrument)]
        case ev.Maintained():
            return [("equipment", event.equipment)]
        case ev.RecipeChanged():
            where = ("equipment", event.equipment) if event.equipment else ("line", event.line or "")
            to = [(RECIPE_TO, event.recipe), (RECIPE_VERSION_TO, recipe_version(event.recipe, event.version))]
            return [
                where,
                (RECIPE_ON, station(*where)),
                *to,
                ("recipe", event.recipe),
                ("version", event.version or ""),
            ]
        case ev.ChangeEffective():
            return [("change", event.change)]
        case _:
            return []


def station(dimension: str, name: str) -> str:
    """An equipment or a line, told apart."""
    return f"{dimension} {name}"


def station_of(value: str) -> tuple[str, str]:
    """The dimension and the name of a station."""
    dimension, _, name = value.partition(" ")
    return dimension, name


def recipe_version(recipe: str, version: str | None) -> str:
    """A recipe and its version as one value; no version is a value of its own."""
    return f"{recipe} {version or ''}"
