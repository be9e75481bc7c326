"""Moving and combining: packing, unpacking, shipping, receiving, returning, storing, and being seen."""

from typing import ClassVar, Literal

from domain.events.common import Event, ItemQuantity, Transfer
from domain.ids import ItemId, PartyId
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class Packed(Transfer):
    """Contents go into a container (EPCIS AggregationEvent ADD); `observed`: they were seen in it (OBSERVE)."""

    kind: Literal["packed"] = "packed"
    NEEDS: ClassVar[tuple[str, ...]] = ("contents",)
    container: ItemId
    contents: tuple[ItemQuantity, ...]
    observed: bool = False

    def check(self) -> None:
        Event.check(self)
        if any(c.item == self.container for c in self.contents):
            raise ValueError(f"contents: {self.container} cannot be packed in itself")


@value(frozen=True, slots=True, kw_only=True)
class Unpacked(Transfer):
    """Contents leave a container; `all_contents` instead of a list: it is emptied."""

    kind: Literal["unpacked"] = "unpacked"
    container: ItemId
    contents: tuple[ItemQuantity, ...] = ()
    all_contents: bool = False

    def check(self) -> None:
        Event.check(self)
        if bool(self.contents) == self.all_contents:
            raise ValueError("contents: list them, or send all_contents: true (one of the two)")


@value(frozen=True, slots=True, kw_only=True)
class Shipped(Transfer):
    """Items leave for somewhere (CBV shipping, departing)."""

    kind: Literal["shipped"] = "shipped"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]


@value(frozen=True, slots=True, kw_only=True)
class Received(Transfer):
    """Items arrive and are taken in (CBV receiving, accepting)."""

    kind: Literal["received"] = "received"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]


@value(frozen=True, slots=True, kw_only=True)
class Returned(Transfer):
    """Items come back from a customer or dealer (receiving with disposition returned; RMA in `documents`)."""

    kind: Literal["returned"] = "returned"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
    returned_by: PartyId | None = None
    reason: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Stored(Event):
    """Items are put away, or found at a place by a count (CBV storing, cycle_counting)."""

    kind: Literal["stored"] = "stored"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]


@value(frozen=True, slots=True, kw_only=True)
class Observed(Transfer):
    """Items were seen; `biz_step` says at what. Every EPCIS step without a kind of its own comes here."""

    kind: Literal["observed"] = "observed"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
    action: Literal["ADD", "OBSERVE", "DELETE"] = "OBSERVE"


@value(frozen=True, slots=True, kw_only=True)
class DocumentsLinked(Transfer):
    """Items are tied to, or untied from, business documents (EPCIS TransactionEvent)."""

    kind: Literal["documents_linked"] = "documents_linked"
    items: tuple[ItemQuantity, ...] = ()
    parent: ItemId | None = None
    action: Literal["ADD", "OBSERVE", "DELETE"] = "ADD"

    def check(self) -> None:
        Event.check(self)
        if not self.documents:
            raise ValueError("documents: name at least one")
