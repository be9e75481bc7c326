"""Reading one item's facts together with those of what it is in: place, holder, status, flags (SEMANTICS §4)."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from domain.assembly import Part
from domain.facts import INHERITED, Action, EventFacts, Role, Status
from domain.ids import ItemId
from domain.record import Naming
from domain.stays import Containment, Order, Stay

Greatest = tuple[Order, str | None]
"""A value and the order of the fact it comes from; the greatest wins."""

INHERITED_RANKS = frozenset({3, 4, 5, 6, 7})
"""shipped, received, sold, returned, scrapped, destroyed: what contents share with their container"""


class Places:
    """Values of items at instants. Everything they are in must be loaded."""

    def __init__(
        self,
        namings: Mapping[ItemId, list[Naming]],
        around: Containment,
        parts: Mapping[ItemId, list[Part]],
    ) -> None:
        self._namings = namings
        self._around = around
        self._parts = parts
        self._cache: dict[tuple[str, ItemId, int], Greatest | None] = {}

    # -- place and holder: the greatest of its own facts and of what it was in, while it was in it

    def site(self, item: ItemId, at_us: int) -> str | None:
        """bizLocation, else readPoint."""
        return self._value("site", item, at_us)

    def holder(self, item: ItemId, at_us: int) -> str | None:
        return self._value("holder", item, at_us)

    def owner(self, item: ItemId, at_us: int) -> str | None:
        return self._value("owner", item, at_us)

    def destination(self, item: ItemId, at_us: int) -> str | None:
        """Where the last shipment goes to."""
        return self._value("to_place", item, at_us)

    def _value(self, field: str, item: ItemId, at_us: int) -> str | None:
        found = self._greatest(field, item, at_us)
        return found[1] if found is not None else None

    def _greatest(self, field: str, item: ItemId, at_us: int) -> Greatest | None:
        """The greatest of all that is said of it and of what it was in, each up to the end of its being in there."""
        best: Greatest | None = None
        seen = {(item, at_us)}
        todo = [(item, at_us)]
        while todo:
            here, until_us = todo.pop()
            said = self._own(field, here, until_us)
            if said is not None and (best is None or said[0] > best[0]):
                best = said
            above = set(self._above(here, until_us)) - seen
            seen |= above
            todo += above
        return best

    def _own(self, field: str, item: ItemId, at_us: int) -> Greatest | None:
        key = (field, item, at_us)
        if key not in self._cache:
            read = _READ[field]
            facts = [n.event.facts for n in self._namings.get(item, []) if n.mention.role is not Role.INPUT]
            said = [(f.order, read(f) or None) for f in facts if f.latest_us <= at_us and read(f) is not None]
            self._cache[key] = max(said, key=lambda s: s[0], default=None)
        return self._cache[key]

    def _above(self, item: ItemId, at_us: int) -> Iterable[tuple[ItemId, int]]:
        """Every container and unit it has been in by t, each with the last instant it can speak for the item."""
        for stay, until_us in _begun(self._around.stays.get(item, []), at_us):
            yield stay.parent, until_us
        for part in self._parts.get(item, []):
            if part.since_us <= at_us:
                yield part.whole, at_us if part.until_us is None else min(at_us, part.until_us)

    # -- containment

    def containers(self, item: ItemId, at_us: int) -> tuple[ItemId, ...]:
        """The chain of containers it is in, innermost first."""
        chain: list[ItemId] = []
        here = item
        while True:
            stays = [s for s in self._around.stays.get(here, []) if s.covers(at_us)]
            if not stays or stays[-1].parent in chain or stays[-1].parent == item:
                return tuple(chain)
            here = stays[-1].parent
            chain.append(here)

    def wholes(self, item: ItemId, at_us: int) -> tuple[ItemId, ...]:
        """The units it is fitted in, innermost first, by every recorded fitting."""
        found: dict[ItemId, None] = {}
        todo = [item]
        while todo:
            here = todo.pop(0)
            for part in self._parts.get(here, []):
                if part.covers(at_us) and part.whole not in found and part.whole != item:
                    found[part.whole] = None
                    todo.append(part.whole)
        return tuple(found)

    # -- status

    def status(self, item: ItemId, at_us: int) -> tuple[Status | None, bool]:
        """The status, and whether the record leaves open which of two came last."""
        facts = self._ordered_status(item, at_us)
        if not facts:
            return None, False
        order, earliest_us, status = facts[-1]
        rivals = [f for f in facts[:-1] if f[2] is not status]
        uncertain = any(_could_be_later(f, order, earliest_us) for f in rivals)
        return status, uncertain

    def status_since(self, item: ItemId, at_us: int) -> tuple[Status, int] | None:
        """The status and the instant of the fact that decided it."""
        facts = self._ordered_status(item, at_us)
        return (facts[-1][2], facts[-1][0][0]) if facts else None

    def _ordered_status(self, item: ItemId, at_us: int) -> list[tuple[Order, int, Status]]:
        return sorted(self._status_facts(item, at_us), key=lambda f: (f[0], f[2]))

    def _status_facts(self, item: ItemId, at_us: int) -> Iterator[tuple[Order, int, Status]]:
        """Of the item, and of what happened to what it was in while it was inside."""
        yield from self._own_status(item, at_us)
        for here, until_us, since in self.inside(self._around.stays.get(item, []), at_us):
            for order, earliest_us, status in self._own_status(here, until_us):
                if status in INHERITED and order[1] in INHERITED_RANKS and order > since:
                    yield order, earliest_us, status

    def inside(self, stays: Iterable[Stay], at_us: int) -> Iterator[tuple[ItemId, int, Order]]:
        """All that something was in by these stays of it, up to t: each with the last instant that it can speak for
        it, and since when it does.

        Boxes may be in boxes a thousand deep, so nothing calls itself; lots in many lots each, so what was inside as
        long is looked at once.
        """
        todo = [(s.parent, us, s.start.facts.order) for s, us in _begun(stays, at_us)]
        seen = set(todo)
        while todo:
            one = here, until_us, since = todo.pop()
            yield one
            outer = _begun(self._around.stays.get(here, []), until_us)
            above = {(s.parent, us, max(since, s.start.facts.order)) for s, us in outer} - seen
            # What was over before says nothing: of boxes in use again and again, ways would be without number.
            fresh = {one for one in above if one[1] >= one[2][0]}
            seen |= fresh
            todo += fresh

    def _own_status(self, item: ItemId, at_us: int) -> Iterator[tuple[Order, int, Status]]:
        for naming in self._namings.get(item, []):
            facts, status = naming.event.facts, naming.mention.status
            if status is not None and facts.latest_us <= at_us and self._is_itself(naming):
                yield facts.order, facts.earliest_us, status
        yield from self._taken_facts(item, at_us)

    def _taken_facts(self, item: ItemId, at_us: int) -> Iterable[tuple[Order, int, Status]]:
        """Used up or fitted through a container; taken out again."""
        for stay in self._around.stays.get(item, []):
            by = stay.ended_by
            if stay.end == "taken" and by is not None and by.facts.latest_us <= at_us:
                fitted = by.facts.transformation is None or by.facts.parent is not None
                yield by.facts.order, by.facts.earliest_us, Status.INSTALLED if fitted else Status.CONSUMED
        for part in self._parts.get(item, []):
            if part.since_us <= at_us:
                yield part.start.facts.order, part.start.facts.earliest_us, Status.INSTALLED
            if part.until_us is not None and part.until_us <= at_us and part.ended_by is not None:
                yield part.ended_by.facts.order, part.ended_by.facts.earliest_us, Status.IN_STOCK

    def _is_itself(self, naming: Naming) -> bool:
        """A container that only stood for its contents was not used up itself; a reusable one (GRAI, GIAI) never is."""
        taken = naming.mention.role is Role.INPUT or (
            naming.mention.role is Role.COMPONENT and naming.mention.action is not Action.TAKE
        )
        if not taken:
            return True
        item = naming.mention.item
        stand_ins = self._around.stood_for.get((naming.event.no, item))
        return stand_ins is None or any(one.item == item for one in stand_ins)

    # -- flags

    def flags(self, item: ItemId, at_us: int) -> tuple[str, ...]:
        """The persistent dispositions that are set: in one event, unset goes before set."""
        standing: dict[str, bool] = {}
        past = (n for n in self._namings.get(item, []) if n.event.facts.latest_us <= at_us)
        telling = (n for n in past if n.event.facts.set_flags or n.event.facts.unset_flags)  # very few
        spoken = (n for n in telling if n.mention.role is not Role.INPUT)
        for naming in sorted(spoken, key=lambda n: n.event.facts.order):
            standing |= dict.fromkeys(naming.event.facts.unset_flags, False)
            standing |= dict.fromkeys(naming.event.facts.set_flags, True)
        return tuple(sorted(flag for flag, is_set in standing.items() if is_set))

    @staticmethod
    def counts(naming: Naming) -> bool:
        """Whether it counts for event_count: named in a list or as a parent; emptying a container does not count."""
        return naming.mention.action is not Action.TAKE_ALL


def _begun(stays: Iterable[Stay], at_us: int) -> Iterator[tuple[Stay, int]]:
    """Those by t, each with the last instant that its container can speak for what is in it."""
    for stay in stays:
        if stay.since_us <= at_us:
            yield stay, at_us if stay.until_us is None else min(at_us, stay.until_us)


def _could_be_later(fact: tuple[Order, int, Status], order: Order, earliest_us: int) -> bool:
    """A rival of equal rank at the same instant, or one whose day overlaps the winner's."""
    same_instant = fact[0][0] == order[0] and fact[0][1] == order[1] and fact[1] == earliest_us
    imprecise = fact[1] < fact[0][0] or earliest_us < order[0]
    return same_instant or (imprecise and fact[0][0] >= earliest_us)


_READ: dict[str, Callable[[EventFacts], str | None]] = {
    "site": lambda f: f.site,
    "holder": lambda f: "" if f.clears_holder else f.holder,
    "owner": lambda f: f.owner,
    "to_place": lambda f: f.to_place,
}
"""How a field is read from an event; the empty text is a fact that says 'nobody'."""
