"""Recall notices as they are declared in the record. The recall case has an event of its own: casework.py."""

from typing import Any, ClassVar, Literal

from domain.cases.acts import Remedy
from domain.events.common import STRICT, Event, ItemQuantity
from domain.ids import ItemId
from domain.moments import Moment
from domain.serials import Check, fits
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class ProductScope:
    """A product with a serial range or a production date range, both ends included.

    `alphabet` and `check` say how the serials count; without them every way that fits is tried.
    """

    product: ItemId
    first_serial: str | None = None
    last_serial: str | None = None
    alphabet: str | None = None
    check: Check | None = None
    made_from: Moment | None = None
    made_until: Moment | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if self.product.kind not in ("class", None):
            raise ValueError(f"product: {self.product} is a {self.product.kind}, not a product")
        if (self.first_serial is None) != (self.last_serial is None):
            raise ValueError("last_serial: a serial range needs first_serial and last_serial")
        if self.first_serial is None or self.last_serial is None:
            if self.alphabet is not None or self.check is not None:
                raise ValueError("first_serial: alphabet and check say how serials count: name the serials")
        elif not fits(self.first_serial, self.last_serial, alphabet=self.alphabet, check=self.check) and (
            self.alphabet is not None or self.check is not None
        ):
            raise ValueError(
                f"last_serial: {self.last_serial} does not follow {self.first_serial} when counted as said"
            )


@value(frozen=True, slots=True, kw_only=True)
class RecallDeclared(Event):
    """Items, lots or a stretch of a product are recalled under `recall_id`."""

    kind: Literal["recall_declared"] = "recall_declared"
    recall_id: str
    items: tuple[ItemQuantity, ...] = ()
    products: tuple[ProductScope, ...] = ()
    reason: str | None = None
    hazard: str | None = None

    def check(self) -> None:
        Event.check(self)
        if not self.items and not self.products:
            raise ValueError("items: name what is recalled in items or products")


@value(frozen=True, slots=True, kw_only=True)
class Remedied(Event):
    """A recalled item got its remedy: that recall is done for it. `parts` were fitted into it, `removed` taken out."""

    kind: Literal["remedied"] = "remedied"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    recall_id: str
    items: tuple[ItemQuantity, ...]
    remedy: Remedy
    parts: tuple[ItemQuantity, ...] | None = None
    removed: tuple[ItemQuantity, ...] | None = None

    def check(self) -> None:
        Event.check(self)
        if (self.parts or self.removed) and len(self.items) != 1:
            raise ValueError("items: parts are fitted into one unit: send an event for each")
        if any(part.item == self.items[0].item for part in (*(self.parts or ()), *(self.removed or ()))):
            raise ValueError(f"parts: {self.items[0].item} cannot be its own component")


@value(frozen=True, slots=True, kw_only=True)
class RecallClosed(Event):
    """The recall is over as a whole."""

    kind: Literal["recall_closed"] = "recall_closed"
    recall_id: str
    reason: str | None = None
