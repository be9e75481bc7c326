"""What one event says, flattened: a pure function of its envelope, and all that views and answers are built from.

Nothing here looks at a second event (SEMANTICS §4): what relates two events is joined when a question is asked.
"""

from dataclasses import replace
from decimal import Decimal
from enum import IntEnum, StrEnum

from domain.events import Basis, Parameter, ProductScope, UomFactor, VesselMode
from domain.ids import ItemId
from domain.serials import Serials
from domain.values import value


class Role(IntEnum):
    """As what an event names an item."""

    SUBJECT = 0
    INPUT = 1
    OUTPUT = 2
    PARENT = 3
    """the container of a packing"""
    CHILD = 4
    WHOLE = 5
    """the unit that components are fitted into"""
    COMPONENT = 6
    RETURNED = 7
    """came back from an order"""
    REVERSED = 8
    """a posting of it was taken back"""


FLOW_ROLES = frozenset({Role.INPUT, Role.OUTPUT, Role.RETURNED, Role.REVERSED})
"""Roles in a transformation: what flows in and out, and what takes that back."""


class Action(IntEnum):
    """What an event does to containment or assembly."""

    NONE = 0
    PUT = 1
    TAKE = 2
    OBSERVE = 3
    TAKE_ALL = 4
    """on the parent: everything leaves it"""


class Flow(IntEnum):
    """What an event does to the quantity of a lot (SEMANTICS §4 'where')."""

    NONE = 0
    ENTER = 1
    CONSUME = 2
    SHIP = 3
    RECEIVE = 4
    SELL = 5
    RETURN = 6
    PACK = 7
    UNPACK = 8
    INSTALL = 9
    UNINSTALL = 10
    ADJUST = 11
    MOVE = 12
    SCRAP = 13
    DESTROY = 14
    GIVE_BACK = 15
    """back from an order"""
    REVERSE = 16
    """undo what a document posted"""
    OPEN = 17
    SAMPLE = 18


class Status(StrEnum):
    """DESIGN §7: where an item stands in its life."""

    IN_STOCK = "in_stock"
    IN_TRANSIT = "in_transit"
    SOLD = "sold"
    RETURNED = "returned"
    SCRAPPED = "scrapped"
    CONSUMED = "consumed"
    INSTALLED = "installed"
    DESTROYED = "destroyed"


INHERITED = frozenset(
    {Status.IN_STOCK, Status.IN_TRANSIT, Status.SOLD, Status.RETURNED, Status.SCRAPPED, Status.DESTROYED}
)
"""What contents take over from what happened to their container while they were in it (received is in_stock)."""


@value(frozen=True, slots=True)
class Mention:
    """One item in one role in one event. `quantity` is unsigned but for ADJUST; `by_class`: from a quantity list."""

    item: ItemId
    role: Role
    action: Action = Action.NONE
    quantity: Decimal | None = None
    uom: str | None = None
    basis: Basis | None = None
    status: Status | None = None
    flow: Flow = Flow.NONE
    by_class: bool = False


@value(frozen=True, slots=True)
class Membership:
    """A unit belongs to a lot. `at_making`: said by the event that brought the unit forth."""

    lot: ItemId
    unit: ItemId
    at_making: bool


@value(frozen=True, slots=True)
class Ranged:
    """A range of serials that the event brings forth: what it says of each of them, said once."""

    serials: Serials
    role: Role
    status: Status | None = None
    flow: Flow = Flow.NONE
    lot: ItemId | None = None

    def mention(self, item: ItemId) -> Mention:
        """What the event says of one member."""
        return Mention(item, self.role, status=self.status, flow=self.flow)


def spelled_out(facts: "EventFacts") -> "EventFacts":
    """The facts with each member of their ranges mentioned, as if it had been listed."""
    if not facts.ranges:
        return facts
    members = [(ranged, item) for ranged in facts.ranges for item in ranged.serials.items()]
    return replace(
        facts,
        mentions=(*facts.mentions, *(ranged.mention(item) for ranged, item in members)),
        memberships=(
            *facts.memberships,
            *(Membership(ranged.lot, item, True) for ranged, item in members if ranged.lot is not None),
        ),
    )


@value(frozen=True, slots=True)
class HoldFact:
    """A hold is placed on, or released from, the subjects of the event; `for_all`: a release that names none."""

    hold_id: str
    placed: bool
    for_all: bool = False
    reason: str | None = None


@value(frozen=True, slots=True)
class RecallFact:
    """A recall notice is `declared`, `remedied` for the subjects, or `closed`."""

    recall_id: str
    action: str
    products: tuple[ProductScope, ...] = ()
    remedy: str | None = None


@value(frozen=True, slots=True)
class VoidFact:
    """A void of `target`, in effect once every event in `replaced_by` is in the log."""

    target: str
    replaced_by: tuple[str, ...] = ()
    reason: str | None = None


@value(frozen=True, slots=True)
class PostingFact:
    """What a posting names beside site and items; numbers as they are compared (domain/postings.py).

    A reversal `reverses` the document of that number and `reversed_kind`.
    """

    order: str
    operation: str | None = None
    document: str | None = None
    reverses: str | None = None
    reversed_kind: str | None = None


@value(frozen=True, slots=True)
class LoadFact:
    """A mount or unmount at (equipment, position). `item` None: an unmount of whatever is there."""

    equipment: str
    position: str
    item: ItemId | None
    mounts: bool
    doubt_units: int = 0


class VesselAct(IntEnum):
    """What happens to the content of a vessel."""

    CHARGE = 0
    DISCHARGE = 1
    EMPTY = 2
    """a heel stays"""
    BREAK = 3
    """nothing of before is left"""


@value(frozen=True, slots=True)
class VesselFact:
    """One act on a vessel, for one item that went in or came out.

    `quantity`: of a CHARGE, that item's; of a DISCHARGE, all that came out in this `part` of the event (a
    transformation may draw from several vessels); of EMPTY, the heel.
    """

    vessel: str
    act: VesselAct
    compartment: str | None = None
    item: ItemId | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    mode: VesselMode | None = None
    part: int = 0

    @property
    def breaks_whole(self) -> bool:
        """Nothing of before is left anywhere in the vessel."""
        return self.act is VesselAct.BREAK and self.compartment is None


@value(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """One event, flattened. Instants are microseconds since 1970 UTC; places, parties and items are canonical.

    `site` is where it happened and things are afterwards (bizLocation, else readPoint); `to_place`, `holder` and
    `owner` are where and whom a transfer goes to; `clears_holder`: nobody outside has it any more. `parent` is the
    container or unit that children and components go into or leave. `renaming`: what went by the first id goes by the
    second. `ranges`: serials brought forth, which `mentions` and `memberships` do not repeat. `made_on` are the
    equipment and line on which the event made something, `made_units` how many units at least (0: it only books them).
    The record keeps these, loading and vessels in views of their own: what it answers leaves them out here.
    """

    event_id: str
    kind: str
    source: str
    may_correct: bool
    occurred_at: str
    earliest_us: int
    latest_us: int
    started_us: int | None
    rank: int
    accepted_us: int
    index: int
    mentions: tuple[Mention, ...] = ()
    parent: ItemId | None = None
    transformation: str | None = None
    mixed: bool = False
    site: str | None = None
    to_place: str | None = None
    holder: str | None = None
    clears_holder: bool = False
    owner: str | None = None
    disposition: str | None = None
    set_flags: tuple[str, ...] = ()
    unset_flags: tuple[str, ...] = ()
    memberships: tuple[Membership, ...] = ()
    identities: tuple[tuple[ItemId, ItemId], ...] = ()
    ranges: tuple[Ranged, ...] = ()
    renaming: tuple[ItemId, ItemId] | None = None
    materials: tuple[tuple[ItemId, ItemId], ...] = ()
    hold: HoldFact | None = None
    recall: RecallFact | None = None
    void: VoidFact | None = None
    posting: PostingFact | None = None
    uom_factors: tuple[tuple[ItemId, UomFactor], ...] = ()
    dimensions: tuple[tuple[str, str], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    company_prefixes: tuple[str, ...] = ()
    loading: LoadFact | None = None
    vessels: tuple[VesselFact, ...] = ()
    made_on: tuple[str, ...] = ()
    made_units: int = 0

    @property
    def order(self) -> tuple[int, int, int, int, str]:
        """The order of what happened to an item (SEMANTICS §2)."""
        return (self.latest_us, self.rank, self.accepted_us, self.index, self.event_id)

    @property
    def begins_us(self) -> int:
        """When making began: an output exists from here."""
        return self.earliest_us if self.started_us is None else self.started_us


def may_swap(one: EventFacts, other: EventFacts) -> bool:
    """Whether nothing says which of two events came first: one is known to a date, or a span, that the other is in."""
    if one.begins_us == one.latest_us and other.begins_us == other.latest_us:
        return False
    return one.begins_us <= other.latest_us and other.begins_us <= one.latest_us
