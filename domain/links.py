"""One link between two items, with everything that a walk must know of it (SEMANTICS §3)."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, StrEnum

from domain.ids import ItemId

ALWAYS_US = 1 << 62
"""Later than any instant there is."""
NEVER_US = -ALWAYS_US
"""Earlier than any instant there is."""


class Relation(StrEnum):
    """DESIGN §7: the relations of an answer."""

    DERIVATION = "derivation"
    PART_OF = "part_of"
    MEMBER_OF_LOT = "member_of_lot"
    CONTAINED_IN = "contained_in"
    IDENTIFIED_AS = "identified_as"
    REMOVED_FROM = "removed_from"
    """from a unit to a part that was taken out of it; only where that is asked for"""
    SIMILAR_TO = "similar_to"
    """one lot number at two packaging levels"""


class Timing(Enum):
    """How a link constrains time: an interval that a chain shares, an instant it leaves at, or not at all."""

    INTERVAL = "interval"
    INSTANT = "instant"
    NONE = "none"


TIMING = {
    Relation.DERIVATION: Timing.INSTANT,
    Relation.MEMBER_OF_LOT: Timing.INSTANT,
    Relation.PART_OF: Timing.INTERVAL,
    Relation.CONTAINED_IN: Timing.INTERVAL,
    Relation.IDENTIFIED_AS: Timing.NONE,
    Relation.REMOVED_FROM: Timing.INSTANT,
    Relation.SIMILAR_TO: Timing.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """From `source` (input, component, lot, content) to `target` (output, unit, container).

    INTERVAL links hold over [`since_us`, `until_us`) (an interval of one instant counts as that instant); where these
    are known to a date only, `since_from_us` and `until_from_us` are the earliest instants they may have been (None: no
    earlier). INSTANT links leave their source at some instant of [`leave_us`, `leave_until_us`] and reach their target
    at some instant of [`reach_us`, `reach_until_us`].
    `reasons` is why the link is only possible; empty for a certain one. `against_time`: recorded backwards.
    `share`: the part that the source is of what came out with the target, by the plant's own books.
    """

    relation: Relation
    source: ItemId
    target: ItemId
    event_id: str
    since_us: int | None = None
    until_us: int | None = None
    since_from_us: int | None = None
    until_from_us: int | None = None
    leave_us: int = NEVER_US
    leave_until_us: int = ALWAYS_US
    reach_us: int = NEVER_US
    reach_until_us: int = NEVER_US
    against_time: bool = False
    quantity: Decimal | None = None
    uom: str | None = None
    basis: str | None = None
    share: Decimal | None = None
    reasons: frozenset[str] = field(default=frozenset())

    @property
    def window(self) -> tuple[int, int]:
        """[first, end) in which an INTERVAL link may hold, in whole microseconds; never empty."""
        first = _first(self.since_from_us, self.since_us, NEVER_US)
        return first, max(_first(self.until_us, ALWAYS_US), first + 1)

    @property
    def sure_window(self) -> tuple[int, int]:
        """[first, end) in which it surely holds; the end may come first, if nothing says which of two events did."""
        end = _first(self.until_from_us, self.until_us, ALWAYS_US)
        return _first(self.since_us, NEVER_US), max(end, self.window[0] + 1)

    @property
    def sort_key(self) -> tuple[str, str, str, str, int, int, str, int, int, str]:
        """Tells any two links apart, so that answers list them alike in whatever order they were found."""
        return (
            self.relation,
            self.source,
            self.target,
            self.event_id,
            self.since_us or 0,
            self.until_us or 0,
            ",".join(sorted(self.reasons)),
            self.leave_us,
            self.reach_us,
            f"{self.quantity} {self.uom} {self.basis} {self.since_from_us} {self.until_from_us}"
            f" {self.leave_until_us} {self.reach_until_us}",
        )


def _first(*instants: int | None) -> int:
    """The first that is told."""
    return next(i for i in instants if i is not None)
