"""Who got an item, one after the other, from what handed it on (docs/recall.md, 'Consignees')."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.cases.unnamed import SOMEBODY
from domain.facts import EventFacts, Status
from domain.ids import ItemId, PlaceId
from domain.stays import Balance

_RECEIVING_RANK = 4


@dataclass(frozen=True, slots=True)
class Ours:
    """Who we are, whose the described places are (one described without a party is ours), and parties' countries."""

    party: str
    place_parties: Mapping[str, str | None] = field(default_factory=dict)
    countries: Mapping[str, str] = field(default_factory=dict)

    def outside(self, party: str | None) -> str | None:
        """The party, None if it is ourselves."""
        return None if party == self.party else party

    def owner(self, place: str | None) -> tuple[bool, str | None]:
        """(whether it is known whose a place is, the party outside; None: ours)."""
        for name in (place, PlaceId(place).site) if place is not None else ():
            if name in self.place_parties:
                return True, self.outside(self.place_parties[name])
        return False, None

    def abroad(self, party: str | None) -> bool:
        """Whether both countries are known and differ."""
        home, there = self.countries.get(self.party), self.countries.get(party or "")
        return home is not None and there is not None and home != there


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody outside got it. `party` is an id of a party, else of a place, `""` where the record names neither.

    `via`: the item that the event names: it, or a container it was in. `sale`: it was sold. `came_from`: who outside
    passed it on. `amounts`: how much of a lot; nothing if that is not told.
    """

    party: str
    at_us: int
    event_id: str
    via: ItemId
    sale: bool = False
    came_from: str | None = None
    amounts: Balance = ()
    place: str | None = None
    """where it was sent to"""


@dataclass(frozen=True, slots=True)
class Passing:
    """One event that may hand it on, as of the item: named through which item, and how much of a lot."""

    facts: EventFacts
    status: Status | None
    via: ItemId
    amounts: Balance = ()


def may_pass(facts: EventFacts, status: Status | None) -> bool:
    """Whether an event may hand on what it names."""
    return (
        facts.holder is not None
        or facts.clears_holder
        or facts.rank == _RECEIVING_RANK
        or status in (Status.IN_TRANSIT, Status.SOLD, Status.RETURNED)
    )


def handed(passings: Iterable[Passing], ours: Ours) -> tuple[tuple[Hand, ...], int | None]:
    """Of a unit: who got it, one after the other; and when it last came back, if it has not left since."""
    ordered = sorted(passings, key=lambda p: p.facts.order)  # of one event: itself first, then what it was in
    whose = _Whose(ours, ordered)
    hands: list[Hand] = []
    returned_us: int | None = None
    has: str | None = None
    for passing in ordered:
        party = whose.after(passing, has)
        if party == has:
            continue
        facts = passing.facts
        if party is None:
            returned_us = facts.latest_us
        else:
            hands.append(_hand(passing, party, has))
            returned_us = None
        has = party
    return tuple(hands), returned_us


def handed_of_lot(passings: Iterable[Passing], ours: Ours) -> tuple[Hand, ...]:
    """Of a lot, of which several may have some: each shipment and each sale to somebody outside."""
    ordered = sorted(passings, key=lambda p: p.facts.order)  # of one event: itself first, then what it was in
    whose = _Whose(ours, ordered)
    found: dict[tuple[str, ItemId], Hand] = {}
    for passing in ordered:
        party = whose.after(passing, None) if passing.status in (Status.IN_TRANSIT, Status.SOLD) else None
        if party is not None:
            key, hand = (passing.facts.event_id, passing.via), _hand(passing, party, None)
            before = found.get(key)  # some of it was in another box of the same pallet
            found[key] = hand if before is None else replace(hand, amounts=_together(before.amounts, hand.amounts))
    return tuple(found.values())


def _together(one: Balance, other: Balance) -> Balance:
    """Both amounts; of a unit of measure of which one is unknown, unknown."""
    unknown: Balance = ((None, None),)
    told: dict[str | None, Decimal | None] = {}
    for uom, quantity in (*(one or unknown), *(other or unknown)):
        so_far = told.get(uom, Decimal(0))
        told[uom] = None if quantity is None or so_far is None else so_far + quantity
    return tuple(told.items())


def _hand(passing: Passing, party: str, has: str | None) -> Hand:
    facts, sale = passing.facts, passing.status is Status.SOLD
    return Hand(party, facts.latest_us, facts.event_id, passing.via, sale, has, passing.amounts, facts.to_place)


class _Whose:
    """Whose the places are that the passings of one item name: by master data, else as far as they tell."""

    def __init__(self, ours: Ours, passings: Sequence[Passing]) -> None:
        self._ours = ours
        named = [(p.facts.to_place, p.facts.holder) for p in passings]
        self._theirs = {place: party for place, party in named if place is not None and party is not None}
        self._home: set[str] = set()

    def after(self, passing: Passing, has: str | None) -> str | None:
        """Who outside has it after the event; None: we."""
        facts = passing.facts
        if has is None and facts.site is not None and facts.site not in self._theirs:
            self._home.add(facts.site)  # it leaves from there, and nobody outside had it
        if facts.holder is not None:
            return self._ours.outside(facts.holder)
        back = facts.clears_holder or passing.status is Status.RETURNED
        if back or facts.rank == _RECEIVING_RANK:
            told, party = self._owner(facts.site)
            return party if told or back else has
        if passing.status is Status.SOLD:
            return SOMEBODY
        told, party = self._owner(facts.to_place)
        return party if told else facts.to_place or SOMEBODY

    def _owner(self, place: str | None) -> tuple[bool, str | None]:
        told, party = self._ours.owner(place)
        if told:
            return True, party
        if place in self._theirs:
            return True, self._ours.outside(self._theirs[place])
        return place in self._home, None
