"""Quality: inspections with measurements, verdicts, holds and product release."""

from decimal import Decimal
from typing import Any, ClassVar, Literal

from domain.events.common import STRICT, Event, ItemQuantity, Lasting, check_number
from domain.values import value

Verdict = Literal["pass", "fail", "conditional", "concession"]


@value(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One inspected characteristic: the value found, its unit, and the limits it had to keep."""

    characteristic: str
    value: Decimal | None = None
    text: str | None = None
    unit: str | None = None
    lower_limit: Decimal | None = None
    upper_limit: Decimal | None = None
    verdict: Verdict | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        low, high = self.lower_limit, self.upper_limit
        for field, number in (("value", self.value), ("lower_limit", low), ("upper_limit", high)):
            check_number(field, number, signed=True)
        if low is not None and high is not None and low > high:
            raise ValueError(f"lower_limit: {low} is above upper_limit {high}")


@value(frozen=True, slots=True, kw_only=True)
class Inspected(Lasting):
    """Items were inspected. `verdict` is about the subjects, and about nothing else: it is never inherited."""

    kind: Literal["inspected"] = "inspected"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
    verdict: Verdict | None = None
    measurements: tuple[Measurement, ...] = ()
    inspector: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Held(Event):
    """A hold is placed on items. Holds are entities: the release names this `hold_id` (ISO 9001 8.7 segregation)."""

    kind: Literal["held"] = "held"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    hold_id: str
    items: tuple[ItemQuantity, ...]
    reason: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class HoldReleased(Event):
    """The hold ends; other holds on the same items stay. Without `items` it ends for all it was placed on."""

    kind: Literal["hold_released"] = "hold_released"
    hold_id: str
    items: tuple[ItemQuantity, ...] = ()
    reason: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Released(Event):
    """Finished product is released for delivery (放行): with the first shipment or sale it fixes 'as built'."""

    kind: Literal["released"] = "released"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
