"""Who got affected items and whom they passed them to: a tree of consignees, each with only their own items."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.cases.custody import Custody
from domain.ids import ItemId


@dataclass(frozen=True, slots=True)
class Got:
    """One item that a consignee got. `has`: still there, as far as is recorded; `passed_to`: whom it went to next."""

    item: ItemId
    kind: str
    at_us: int
    event_id: str
    via: ItemId
    came_from: str | None
    has: bool
    passed_to: str | None
    sale: bool
    quantity: Decimal | None = None
    uom: str | None = None


@dataclass(slots=True)
class Consignee:
    """A party that got affected items. `direct`: some of them from us; `owner`: all of them by a sale to use.

    `came_from` and `passed_to` count items by the other party, `quantities` those of lots by unit of measure.
    """

    party: str
    direct: bool = False
    owner: bool = True
    items: int = 0
    has: int = 0
    came_from: Counter[str] = field(default_factory=Counter)
    passed_to: Counter[str] = field(default_factory=Counter)
    quantities: dict[str | None, Decimal] = field(default_factory=dict)
    unsure: bool = False
    """a lot was shipped there without a quantity"""


class Consignees:
    """The tree, told item by item in any order. With `only`, what that one party got is kept as well."""

    def __init__(self, only: str | None = None) -> None:
        self.found: dict[str, Consignee] = {}
        self.got: list[Got] = []
        self._only = only

    def add(self, one: Custody) -> None:
        for hand in one.hands:
            if hand.came_from is None:
                self.found.setdefault(hand.party, Consignee(hand.party)).direct = True
        for got, party in got_of(one):
            self._count(self.found.setdefault(party, Consignee(party)), got)
            if party == self._only:
                self.got.append(got)

    @staticmethod
    def _count(consignee: Consignee, got: Got) -> None:
        if got.kind in ("lot", "class"):
            if got.quantity is None:
                consignee.unsure = True
            else:
                held = consignee.quantities.get(got.uom, Decimal(0))
                consignee.quantities[got.uom] = held + got.quantity
        else:
            consignee.items += 1
            consignee.has += got.has
        if got.came_from is not None:
            consignee.came_from[got.came_from] += 1
        if got.passed_to is not None:
            consignee.passed_to[got.passed_to] += 1
        consignee.owner = consignee.owner and got.sale

    def ordered(self) -> list[Consignee]:
        """Accounts first, then owners; each by id."""
        return sorted(self.found.values(), key=lambda c: (c.owner, c.party))


def got_of(one: Custody) -> Iterable[tuple[Got, str]]:
    """What each party got of one item: a unit once a party, as it came there last; a lot once a shipment."""
    if one.kind in ("lot", "class"):
        for hand in one.hands:
            about = (one.item, one.kind, hand.at_us, hand.event_id, hand.via, None, False, None, hand.sale)
            for uom, quantity in hand.amounts or ((None, None),):
                yield Got(*about, quantity, uom), hand.party
        return
    last: dict[str, int] = {hand.party: n for n, hand in enumerate(one.hands)}
    for party, n in last.items():
        hand = one.hands[n]
        following = one.hands[n + 1] if n + 1 < len(one.hands) else None
        passed_to = following.party if following is not None and following.came_from == party else None
        has = following is None and one.standing.holder == party
        yield (
            Got(one.item, one.kind, hand.at_us, hand.event_id, hand.via, hand.came_from, has, passed_to, hand.sale),
            party,
        )
