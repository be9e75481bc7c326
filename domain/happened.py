"""One event that counts, and what it says of one or two items: the values that questions read."""

from dataclasses import dataclass

from domain.events import UomFactor
from domain.facts import EventFacts, LoadFact, Membership, Mention, VesselFact
from domain.ids import ItemId


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that counts, as known at the point asked about. `no` is unique; `facts.mentions` may be left out.

    `pending`: a void of it waits for its replacement (SEMANTICS §5).
    """

    no: int
    facts: EventFacts
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Naming:
    """One event naming one item."""

    event: Happened
    mention: Mention
    named: ItemId | None = None
    """the id it wrote, where the thing goes by another one"""


@dataclass(frozen=True, slots=True)
class MemberAt:
    """A membership and the event that says so."""

    event: Happened
    membership: Membership


@dataclass(frozen=True, slots=True)
class SameAt:
    """Two ids of one thing, and the event that says so."""

    event: Happened
    one: ItemId
    other: ItemId


@dataclass(frozen=True, slots=True)
class FactorAt:
    """An equation of units of measure, and the event that states it."""

    event: Happened
    factor: UomFactor


@dataclass(frozen=True, slots=True)
class RenamedAt:
    """A relabelling, and the event that says so: what went by `old` goes by `new` from then on."""

    event: Happened
    old: ItemId
    new: ItemId


@dataclass(frozen=True, slots=True)
class LoadSign:
    """A mount or unmount, and the event that says so."""

    event: Happened
    fact: LoadFact


@dataclass(frozen=True, slots=True)
class VesselSign:
    """An act on a vessel, and the event that says so."""

    event: Happened
    fact: VesselFact


@dataclass(frozen=True, slots=True)
class OrderStart:
    """An issue to an order, or a booking of an output of it. `sure`: no line of it is booked by a rule."""

    event: Happened
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Making:
    """Something made on equipment: `made` are the mentions of what came forth, `used` of inputs and components.

    `since_us` is the earliest instant at which it may have been made; `units` how many it is counted as.
    """

    event: Happened
    made_on: tuple[str, ...]
    units: int
    made: tuple[Mention, ...]
    used: tuple[Mention, ...]
    since_us: int
