"""What an exposure asks about: read from a body, refused by name where it cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from domain.events.common import can_bound
from domain.exposure import Circumstance, ParameterRange
from domain.ids import InvalidId, ItemId, PartyId, PlaceId
from domain.names import shortened
from services.problems import Problem
from services.query.asking import instant

DIMENSIONS = (
    *("equipment", "tool", "line", "operator", "site", "supplier", "material", "instrument", "work_order"),
    *("recipe", "version", "cavity", "shift"),
)
PLAIN = ("mode", "at", "as_of", "follow")
_OPTIONS = (
    *PLAIN,
    "since_last_good",
    "calibration",
    "parameter",
    "change",
    "without_change",
    "position",
    "since",
    "until",
)
_WITH_CHANGE = {"change", "without_change", *PLAIN}
_PARAMETER_FIELDS = {"name", "at_least", "at_most"}


@dataclass(frozen=True, slots=True)
class Exposure:
    """`since_last_good`: only while the instrument was suspect; `calibration`: as far as this one brought up.

    `change`: what was made with this engineering change, or `without_change`.
    """

    circumstance: Circumstance
    since_last_good: bool = False
    calibration: str | None = None
    change: str | None = None
    without_change: bool = False
    position: str | None = None
    """of the one equipment: only while something was mounted there"""

    @property
    def is_plain(self) -> bool:
        """Whether the circumstance says it all: when it was is known, and what events name of it is."""
        recipe = self.value("recipe") is not None
        return not (recipe or self.of_suspect_instrument or self.position is not None or self.change is not None)

    @property
    def of_suspect_instrument(self) -> bool:
        return self.since_last_good or self.calibration is not None

    def value(self, dimension: str) -> str | None:
        """What is asked of a dimension."""
        return dict(self.circumstance.dimensions).get(dimension)


def exposure_of(body: Mapping[str, Any]) -> Exposure:
    """What a body asks about. Raises Problem 422 with the field and the fix."""
    unknown = sorted(set(body) - {*DIMENSIONS, *_OPTIONS})
    if unknown:
        raise _refused(f"{unknown[0]} is not known here: it takes {', '.join((*DIMENSIONS, *_OPTIONS))}")
    given = tuple((name, _canonical(name, text_of(body, name))) for name in DIMENSIONS if body.get(name) is not None)
    parameter = _parameter(body["parameter"]) if body.get("parameter") is not None else None
    calibration = text_of(body, "calibration") if body.get("calibration") is not None else None
    since_last_good = _flag(body, "since_last_good")
    if body.get("change") is not None or _flag(body, "without_change"):
        return _of_change(body)
    if not given and parameter is None and calibration is None:
        raise _refused(f"say what they were exposed to: {', '.join(DIMENSIONS)}, calibration, change or parameter")
    named = {name for name, _ in given}
    if since_last_good and "instrument" not in named:
        raise _refused("since_last_good: name the instrument, too")
    position = shortened(text_of(body, "position")) if body.get("position") is not None else None
    if position is not None and "equipment" not in named:
        raise _refused("position: name the equipment, too")
    if "version" in named and "recipe" not in named:
        raise _refused("version: name the recipe, too")
    since_us, until_us = (instant(text_of(body, n), n) if body.get(n) is not None else None for n in ("since", "until"))
    if since_us is not None and until_us is not None and since_us >= until_us:
        raise _refused("until: the window ends before it begins: since must be earlier")
    circumstance = Circumstance(dimensions=given, parameter=parameter, since_us=since_us, until_us=until_us)
    return Exposure(circumstance, since_last_good, calibration, position=position)


def _of_change(body: Mapping[str, Any]) -> Exposure:
    """A change names its product and its break-in itself: nothing else goes with it."""
    more = sorted(set(body) - _WITH_CHANGE)
    if more:
        raise _refused(f"{more[0]}: a change is asked for alone")
    if body.get("change") is None:
        raise _refused("without_change: name the change, too")
    return Exposure(
        Circumstance(), change=shortened(text_of(body, "change")), without_change=_flag(body, "without_change")
    )


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name) or False
    if not isinstance(value, bool):
        raise _refused(f"{name}: send true or false")
    return value


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A member that must be a text. Raises Problem 422."""
    value = body[name]
    if not isinstance(value, str) or not value.strip():
        raise _refused(f"{name}: send a text")
    return value.strip()


def _refused(detail: str) -> Problem:
    return Problem(422, "invalid-body", detail)


def _canonical(name: str, value: str) -> str:
    try:
        match name:
            case "site":
                return str(PlaceId.parse(value))
            case "supplier":
                return str(PartyId.parse(value))
            case "material":
                return str(ItemId.parse(value if ":" in value else {"product": value}))
            case _:
                return shortened(value)
    except InvalidId as error:
        raise _refused(f"{name}: {error}") from error


def _parameter(value: Any) -> ParameterRange:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or set(value) - _PARAMETER_FIELDS:
        raise _refused('parameter: send {"name": "…", "at_least": "1.5", "at_most": "2"}')
    low, high = (_number(value.get(side), side) for side in ("at_least", "at_most"))
    if low is not None and high is not None and low > high:
        raise _refused("parameter: at_least is above at_most: no value is between them")
    return ParameterRange(shortened(value["name"]), low, high)


def _number(value: Any, side: str) -> Decimal | None:
    if value is None:
        return None
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not can_bound(number):
        raise _refused(f"parameter.{side}: {str(value)[:40]} is not a number")
    return number
