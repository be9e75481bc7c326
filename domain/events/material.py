"""Material: lots and parts that come in, are counted, and go to waste."""

from decimal import Decimal
from typing import ClassVar, Literal

from domain.events.common import Event, ItemQuantity, Transfer, UomFactor, check_number
from domain.ids import ItemId, PartyId
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class MaterialReceived(Transfer):
    """A supplier's lot (or serial parts) arrives. Our number and theirs are one thing: `identified_as`.

    A receipt without `certificate`, `supplier_lot` or inspection is accepted and says so (REQUIREMENTS CN2).
    """

    kind: Literal["material_received"] = "material_received"
    item: ItemId
    quantity: Decimal | None = None
    uom: str | None = None
    material: ItemId | None = None
    supplier: PartyId | None = None
    supplier_lot: ItemId | str | None = None
    certificate: str | None = None
    inspected: bool | None = None
    uom_factors: tuple[UomFactor, ...] | None = None

    def check(self) -> None:
        Event.check(self)
        if self.material is not None and self.material.kind not in ("class", None):
            raise ValueError(f"material: {self.material} is a {self.material.kind}; name the product alone")
        if isinstance(self.supplier_lot, str) and not isinstance(self.supplier_lot, ItemId) and self.supplier is None:
            raise ValueError('supplier_lot: "240512" of two suppliers is two lots: name the supplier too')
        check_number("quantity", self.quantity)


@value(frozen=True, slots=True, kw_only=True)
class StockAdjusted(Event):
    """A count or correction of stock: `change` is what was found more (+) or less (-) than the books say.

    `cause`: `opening` is what was there before the record began, `sample` what was taken to be tested.
    """

    kind: Literal["stock_adjusted"] = "stock_adjusted"
    item: ItemId
    change: Decimal
    uom: str | None = None
    reason: str | None = None
    cause: Literal["opening", "sample"] | None = None

    def check(self) -> None:
        Event.check(self)
        check_number("change", self.change, signed=True)
        if self.cause is not None and (self.change > 0) != (self.cause == "opening"):
            raise ValueError("cause: opening adds (change above 0), sample takes away (below 0)")


@value(frozen=True, slots=True, kw_only=True)
class Scrapped(Event):
    """Items leave as waste (CBV decommissioning)."""

    kind: Literal["scrapped"] = "scrapped"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
    reason: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Destroyed(Event):
    """Items are destroyed beyond use (CBV destroying)."""

    kind: Literal["destroyed"] = "destroyed"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
    reason: str | None = None
