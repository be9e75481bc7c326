"""An oracle for state: SEMANTICS §4 folded over the whole record, with no cache and no loading (see oracle.py)."""

from collections.abc import Callable, Iterator

from domain.facts import INHERITED, Action, EventFacts, Role
from domain.ids import ItemId
from tests.domain.oracle_intervals import Boxes, Interval, parts, takes_up
from tests.domain.oracle_record import Ev, Record

Said = tuple[tuple[object, ...], str | None]
"""Something said of an item: the order of the event, and what."""
SHARED_RANKS = range(3, 8)
"""shipped, received, sold, returned, scrapped or destroyed"""


class StateOracle:
    """States of one history at an instant."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.boxes = Boxes(record)
        self.parts = parts(record, self.boxes.sure_parts())

    def containers(self, item: ItemId, at: int) -> tuple[ItemId, ...]:
        chain: list[ItemId] = []
        while True:
            here = chain[-1] if chain else item
            held = [s for s in self.boxes.stays if s.inner == here and s.holds(at)]
            if not held or held[-1].outer in (*chain, item):
                return tuple(chain)
            chain.append(held[-1].outer)

    def event_count(self, item: ItemId, at: int) -> int:
        named = [(e, m) for e, m in self.record.naming(item) if e.at <= at and m.action is not Action.TAKE_ALL]
        return len({e.facts.event_id for e, _ in named})

    def site(self, item: ItemId, at: int) -> str | None:
        return self._latest(item, at, lambda f: f.site)

    def holder(self, item: ItemId, at: int) -> str | None:
        return self._latest(item, at, lambda f: "" if f.clears_holder else f.holder)

    def _latest(self, item: ItemId, at: int, read: Callable[[EventFacts], str | None]) -> str | None:
        said = list(self._said(item, at, read=read, below=()))
        return max(said, key=lambda s: s[0])[1] or None if said else None

    def _said(
        self, item: ItemId, at: int, *, read: Callable[[EventFacts], str | None], below: tuple[ItemId, ...]
    ) -> Iterator[Said]:
        """Its own facts, and those of all it was in, up to the end of its being in there."""
        for e, m in self.record.naming(item):
            if e.at <= at and m.role is not Role.INPUT and read(e.facts) is not None:
                yield e.order, read(e.facts)
        for stay in [*self.boxes.stays, *self.parts]:
            if stay.inner == item and stay.since <= at and stay.outer not in below:
                yield from self._said(stay.outer, min(at, stay.until), read=read, below=(*below, item))

    def status(self, item: ItemId, at: int) -> str | None:
        said = list(self._statuses(item, at, ()))
        return max(said, key=lambda s: (s[0], s[1] or ""))[1] if said else None

    def _statuses(self, item: ItemId, at: int, below: tuple[ItemId, ...]) -> Iterator[Said]:
        for e, m in self.record.naming(item):
            meant = self.boxes.stood.get((e.facts.event_id, item), {item: frozenset()})
            if e.at <= at and m.status is not None and (item in meant or not takes_up(m)):
                yield e.order, m.status.value
        for stay in self.boxes.stays:
            if stay.inner == item and stay.since <= at:
                yield from self._used_through(stay, at)
                if stay.outer not in below:
                    yield from self._inherited(stay, at, (*below, item))
        for part in self.parts:
            if part.inner == item and part.since <= at:
                yield part.begun.order, "installed"
                if part.ended is not None and part.until <= at:
                    yield part.ended.order, "in_stock"

    @staticmethod
    def _used_through(stay: Interval, at: int) -> Iterator[Said]:
        """Contents of a container that was used up are consumed, of one that was fitted installed."""
        if stay.how == "taken" and stay.ended is not None and stay.until <= at:
            yield stay.ended.order, "installed" if stay.ended.parent is not None else "consumed"

    def _inherited(self, stay: Interval, at: int, below: tuple[ItemId, ...]) -> Iterator[Said]:
        """What happened to its container while it was in there."""
        for order, status in self._statuses(stay.outer, min(at, stay.until), below):
            shared = status in {s.value for s in INHERITED} and order[1] in SHARED_RANKS
            if shared and order > stay.begun.order:
                yield order, status

    def holds(self, item: ItemId, at: int) -> tuple[str, ...]:
        """Open holds of the item and of all that reaches it: containers, lots, names, lots it was split from."""
        reach, todo = {item}, [item]
        while todo:
            fresh = set(self._above(todo.pop(), at)) - reach
            reach |= fresh
            todo += fresh
        return tuple(sorted({h for i in reach for h in self._held(i, at)}))

    def _above(self, item: ItemId, at: int) -> Iterator[ItemId]:
        yield from (s.outer for s in self.boxes.stays if s.inner == item and s.holds(at))
        for e in self.record.events:
            if e.at <= at:
                yield from (m.lot for m in e.facts.memberships if m.unit == item)
                yield from (x for pair in e.facts.identities if item in pair for x in pair)
        if self.record.several(item):
            for made, m in self.record.naming(item, Role.OUTPUT):
                for e in self.record.events:
                    if made.at <= at and m and e.facts.transformation == made.facts.transformation:
                        inputs = [i.item for i in e.names(Role.INPUT)]
                        yield from (i for i in inputs if self.record.materials(i) & self.record.materials(item))

    def _held(self, item: ItemId, at: int) -> Iterator[str]:
        last: dict[str, Ev] = {}
        mine = {e.facts.hold.hold_id for e, _ in self.record.naming(item) if e.facts.hold}
        for e in self.record.events:
            hold = e.facts.hold
            if hold and e.at <= at and hold.hold_id in mine:
                named = any(m.item == item for m in e.facts.mentions)
                if named or (hold.for_all and not hold.placed):
                    last[hold.hold_id] = e
        yield from (h for h, e in last.items() if e.facts.hold and e.facts.hold.placed)
