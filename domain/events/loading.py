"""Line loading: material on equipment, from which everything made there is then made (ISA-95 material lot in use)."""

from decimal import Decimal
from typing import Literal

from domain.events.common import Event, check_number
from domain.ids import ItemId
from domain.values import value

MAX_DOUBT_UNITS = 10_000
"""A splice is known to a few units; more than this is no splice."""


@value(frozen=True, slots=True, kw_only=True)
class Mounted(Event):
    """A lot, reel or tray is put on `equipment` at `position` (a feeder slot, a spindle), or joined to what runs there.

    `doubt_units`: how many units before and after this moment may hold either material. A splice (`spliced`) has such
    units always; a plain change has them where the machine's own count is not exact.
    """

    kind: Literal["mounted"] = "mounted"
    item: ItemId
    equipment: str
    position: str
    quantity: Decimal | None = None
    uom: str | None = None
    spliced: bool = False
    doubt_units: int = 0

    def check(self) -> None:
        Event.check(self)
        _named(self.equipment, self.position)
        check_number("quantity", self.quantity)
        if self.item.kind == "class":
            raise ValueError(f"item: {self.item} is a product; name the lot or the reel that is mounted")
        if not 0 <= self.doubt_units <= MAX_DOUBT_UNITS:
            raise ValueError(f"doubt_units: {self.doubt_units} is not between 0 and {MAX_DOUBT_UNITS}")


@value(frozen=True, slots=True, kw_only=True)
class Unmounted(Event):
    """What is at a position is taken off; without `item`, whatever it is. `quantity` is what is left of it."""

    kind: Literal["unmounted"] = "unmounted"
    equipment: str
    position: str
    item: ItemId | None = None
    quantity: Decimal | None = None
    uom: str | None = None

    def check(self) -> None:
        Event.check(self)
        _named(self.equipment, self.position)
        check_number("quantity", self.quantity)


def _named(equipment: str, position: str) -> None:
    if not equipment.strip() or not position.strip():
        raise ValueError("equipment: name the equipment and the position on it")
