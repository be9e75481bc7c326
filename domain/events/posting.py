"""Postings to orders, as ERP and MES book them (ISA-95 material actual; SEMANTICS §8 'Order postings')."""

from typing import ClassVar, Literal

from domain.events.common import Basis, Input, ItemQuantity, Lasting, Output
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class Issued(Input):
    """Material that a posting names: the order declares it, unless it says otherwise."""

    basis: Basis = Basis.DECLARED


@value(frozen=True, slots=True, kw_only=True)
class Posting(Lasting):
    """What every posting names: the site, the order, perhaps the operation, and its own document number.

    Site, order and operation are the transformation it belongs to, whichever system sent it.
    """

    order: str
    operation: str | None = None
    document: str | None = None

    def check(self) -> None:
        Lasting.check(self)
        if self.site is None:
            raise ValueError("site: name the site, an order number means something only there")
        for name, text in (("order", self.order), ("operation", self.operation), ("document", self.document)):
            check_text(name, text)


def check_text(name: str, text: str | None) -> None:
    """Raise ValueError for a number that is there and says nothing, or is too long to be one."""
    if text is not None and not (1 <= len(text.strip()) <= 128 and text.isprintable()):
        raise ValueError(f"{name}: 1 to 128 printable characters")


@value(frozen=True, slots=True, kw_only=True)
class IssuedToOrder(Posting):
    """Material goes to an order (goods issue, movement type 261)."""

    kind: Literal["issued_to_order"] = "issued_to_order"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[Issued, ...]


@value(frozen=True, slots=True, kw_only=True)
class ReturnedFromOrder(Posting):
    """Material that was issued and not used comes back to stock."""

    kind: Literal["returned_from_order"] = "returned_from_order"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]


@value(frozen=True, slots=True, kw_only=True)
class OutputReported(Posting):
    """An order brings something forth (goods receipt from production, movement type 101).

    `mixed`: the record declares that every output of the order holds of every input.
    """

    kind: Literal["output_reported"] = "output_reported"
    NEEDS: ClassVar[tuple[str, ...]] = ("outputs",)
    outputs: tuple[Output, ...]
    mixed: bool = False


@value(frozen=True, slots=True, kw_only=True)
class PostingReversed(Posting):
    """A posting of the order is taken back, in whole or in part: the one of `reversed_kind` with number `reverses`.

    An item without quantity: all that the document posted of it. `document` is the reversal's own number.
    """

    kind: Literal["posting_reversed"] = "posting_reversed"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    reverses: str
    reversed_kind: Literal["issued_to_order", "returned_from_order", "output_reported"]
    items: tuple[ItemQuantity, ...]

    def check(self) -> None:
        Posting.check(self)
        check_text("reverses", self.reverses)


@value(frozen=True, slots=True, kw_only=True)
class OrderClosed(Posting):
    """No more is expected of an order, or of one operation of it."""

    kind: Literal["order_closed"] = "order_closed"


AnyPosting = IssuedToOrder | ReturnedFromOrder | OutputReported | PostingReversed | OrderClosed
"""Every posting."""
