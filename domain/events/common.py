"""What every event carries, and the values that events are made of."""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from domain.ids import ItemId, PartyId, PlaceId
from domain.moments import Moment
from domain.serials import Check, Serials, serials_of
from domain.strict import STRICT as STRICT
from domain.values import value

MAX_RANGE = 1_000_000
"""Serials one range may name: it costs a range, but who asks for its members gets them all."""


MAX_DIGITS = 28
"""Digits a number may have, before and after the point together (what decimal arithmetic keeps exactly)."""
_BOUND_DIGITS = 1_000
"""Of a limit that is asked for: far more than any recorded value has, and the database takes none of very many."""


def can_bound(number: Decimal) -> bool:
    """Whether recorded values can be compared with it."""
    return number.is_finite() and max(abs(number.adjusted()), len(number.as_tuple().digits)) <= _BOUND_DIGITS


def check_number(field: str, value: Decimal | None, *, signed: bool = False) -> None:
    """Raises ValueError for what is no plain number: not finite, below 0 unless `signed`, or of too many digits."""
    if value is None:
        return
    if not value.is_finite() or (value < 0 and not signed):
        raise ValueError(f"{field}: {value} must be a finite number{'' if signed else ' of 0 or more'}")
    digits, exponent = len(value.as_tuple().digits), value.adjusted()
    if digits > MAX_DIGITS or abs(exponent) >= MAX_DIGITS:
        raise ValueError(f"{field}: use at most {MAX_DIGITS} digits, this number has {max(digits, abs(exponent) + 1)}")


class Basis(StrEnum):
    """How the record knows that an input was used (ISA-95 material actual; SEMANTICS §3 'certain')."""

    SCANNED = "scanned"
    DECLARED = "declared"
    ALLOCATED = "allocated"
    BACKFLUSHED = "backflushed"
    INFERRED = "inferred"


@value(frozen=True, slots=True)
class Document:
    """A business document: `type` is a CBV business transaction type (po, desadv, bol, inv, prodorder, rma …)."""

    type: str
    id: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True)
class Parameter:
    """A process parameter as it was during the event, e.g. `reflow_peak_temperature` 245.5 `CEL`."""

    name: str
    value: Decimal
    unit: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        check_number("value", self.value, signed=True)


@value(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Under which conditions it happened (ISA-95 equipment, personnel, segment): what an exposure can ask for."""

    line: str | None = None
    equipment: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    instrument: str | None = None
    work_order: str | None = None
    recipe: str | None = None
    version: str | None = None
    """of the recipe"""
    cavity: str | None = None
    """of the mould, e.g. `MOULD-7/3`"""
    shift: str | None = None
    parameters: tuple[Parameter, ...] = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class UomFactor:
    """An equation of a lot's or product's units of measure, e.g. a coil's 1000 `KGM` = 4180 `MTR`. No uom: pieces."""

    quantity: Decimal
    uom: str | None = None
    equals: Decimal
    in_uom: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        for name, number in (("quantity", self.quantity), ("equals", self.equals)):
            check_number(f"uom_factors: {name}", number)
            if number == 0:
                raise ValueError(f"uom_factors: {name}: must be above 0")
        if self.uom == self.in_uom:
            raise ValueError("uom_factors: uom and in_uom are the same")


@value(frozen=True, slots=True, kw_only=True)
class ItemQuantity:
    """An item and how much: `uom` is a UN/ECE Rec 20 code, absent for pieces; no quantity: all, or unknown."""

    item: ItemId
    quantity: Decimal | None = None
    uom: str | None = None
    by_class: bool = False
    """named in a quantity list, so it is a lot even where its id does not show it"""
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if self.quantity is not None:
            check_number("quantity", self.quantity)


@value(frozen=True, slots=True, kw_only=True)
class Input(ItemQuantity):
    """An input of a transformation, or a material used in rework."""

    basis: Basis = Basis.SCANNED


@value(frozen=True, slots=True, kw_only=True)
class SerialRange:
    """Serials `first` to `last` of one product (docs/semantics.md 'Serial ranges').

    The last `width` characters count up by `step` in the order of `alphabet` (digits where left out); a `check` digit
    has no part in that. `exclude` lists serials that are left out.
    """

    product: ItemId
    first: str
    last: str
    alphabet: str | None = None
    width: int | None = None
    step: int | None = None
    check: Check | None = None
    exclude: tuple[str, ...] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if self.product.kind != "class":
            raise ValueError(f'product: {self.product} is not a product, e.g. {{"product": "CELL-21700"}} or a GTIN')
        if self.serials.count > MAX_RANGE:
            raise ValueError(f"last: {self.serials.count} serials, at most {MAX_RANGE} in one range")

    @property
    def serials(self) -> Serials:
        """What it names, read."""
        return serials_of(
            self.product,
            self.first,
            self.last,
            alphabet=self.alphabet,
            width=self.width,
            step=self.step,
            check=self.check,
            exclude=self.exclude or (),
        )

    @property
    def count(self) -> int:
        """How many units it names."""
        return self.serials.count


@value(frozen=True, slots=True, kw_only=True)
class Output:
    """What a transformation or commissioning brings forth: one item, or a range of serials; `lot` they belong to."""

    item: ItemId | None = None
    range: SerialRange | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    lot: ItemId | None = None
    by_class: bool = False
    uom_factors: tuple[UomFactor, ...] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if (self.item is None) == (self.range is None):
            raise ValueError("item: send item or range (one of them)")
        if self.range is not None and self.quantity is not None and self.quantity != self.range.count:
            raise ValueError(f"quantity: {self.quantity} is said, the range holds {self.range.count} serials")
        if self.range is not None and self.uom_factors and self.lot is None:
            raise ValueError("uom_factors: are of a lot: name the lot of the serials")
        check_number("quantity", self.quantity)
        if self.lot is not None and self.lot.kind in ("unit", "class", "container"):
            raise ValueError(f"lot: {self.lot} is a {self.lot.kind}, not a lot")


@value(frozen=True, slots=True, kw_only=True)
class Event:
    """The part that every event has. Times: `occurred_at` is when it happened, by the source's clock.

    `set_dispositions`/`unset_dispositions` are EPCIS persistent dispositions; `extensions` are kept as sent.
    """

    kind: str
    occurred_at: Moment
    event_id: str | None = None
    site: PlaceId | None = None
    read_point: PlaceId | None = None
    biz_step: str | None = None
    disposition: str | None = None
    set_dispositions: tuple[str, ...] = ()
    unset_dispositions: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    circumstances: Circumstances | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    NEEDS: ClassVar[tuple[str, ...]] = ()
    """Lists that must not be empty: an event about nothing is a mistake of its sender."""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise ValueError where fields contradict each other. Subclasses extend it."""
        if self.event_id is not None and not 1 <= len(self.event_id) <= 256:
            raise ValueError("event_id: 1 to 256 characters")
        for name in self.NEEDS:
            if not getattr(self, name):
                raise ValueError(f"{name}: is empty, name at least one")


@value(frozen=True, slots=True, kw_only=True)
class Lasting(Event):
    """Making and inspecting take time: the output exists from `started_at` (SEMANTICS §2)."""

    started_at: Moment | None = None
    ended_at: Moment | None = None

    def check(self) -> None:
        Event.check(self)
        end = self.ended_at or self.occurred_at
        if self.started_at is not None and self.started_at.earliest_us > end.latest_us:
            raise ValueError("started_at: is after the end")


@value(frozen=True, slots=True, kw_only=True)
class Transfer(Event):
    """Something changes place, possessor or owner (EPCIS sourceList and destinationList)."""

    from_place: PlaceId | None = None
    from_possessor: PartyId | None = None
    from_owner: PartyId | None = None
    to_place: PlaceId | None = None
    to_possessor: PartyId | None = None
    to_owner: PartyId | None = None
