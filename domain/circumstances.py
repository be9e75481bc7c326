"""What an event says beside its items: to whom and where a transfer goes, and what an exposure can ask for."""

from functools import lru_cache
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
    found = [*_around(event.circumstances), *_of_kind(event)]
    place = event.site or event.read_point
    if place:
        found += [("site", place), ("site", _site_of(place))]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=10_000)
def _site_of(place: str) -> str:
    return PlaceId(place).site


def _around(around: ev.Circumstances | None) -> list[tuple[str, str]]:
    if around is None:
        return []
    found = []
    if around.line:
        found.append(("line", around.line))
    if around.instrument:
        found.append(("instrument", around.instrument))
    if around.work_order:
        found.append(("work_order", around.work_order))
    if around.shift:
        found.append(("shift", around.shift))
    if around.recipe:
        found.append(("recipe", around.recipe))
    if around.version:
        found.append(("version", around.version))
    if around.cavity:
        found.append(("cavity", around.cavity))
    for dimension, values in (("equipment", around.equipment), ("tool", around.tools), ("operator", around.operators)):
        if values:
            found += [(dimension, value) for value in values if value]
    return found


def _of_kind(event: Event) -> list[tuple[str, str]]:
    """What events of some kinds say beside their circumstances."""
    match event:
        case ev.Assembled() | ev.Packed() | ev.Unpacked():  # most of all events: nothing below is asked for them
            return []
        case ev.Inspected():
            return _said(("operator", event.inspector))
        case ev.Transformed():
            return _said(*(("equipment", draw.vessel) for draw in event.draws))
        case ev.MaterialReceived():
            supplier = event.supplier or event.from_owner or event.from_possessor
            return _said(("supplier", supplier), ("material", event.material or event.item.material))
        case ev.Received():
            supplier = event.from_owner or event.from_possessor
            return _said(("supplier", supplier), *(("material", i.item.material) for i in event.items))
        case ev.Mounted() | ev.Unmounted():
            return _said(("equipment", event.equipment))
        case ev.Discharged():
            return _said(("equipment", event.vessel), ("equipment", event.into))
        case ev.Charged() | ev.Emptied() | ev.Cleaned():
            return _said(("equipment", event.vessel))
        case _:
            return _said(*_conditions(event))


def _said(*pairs: tuple[str, str | None]) -> list[tuple[str, str]]:
    return [(dimension, value) for dimension, value in pairs if value]


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
