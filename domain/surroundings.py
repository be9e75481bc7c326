"""Loading what a simulation of containment needs, no more: the containers around items, and the contents of some."""

from collections.abc import Generator, Iterable

from domain.containment import Simulation
from domain.facts import Action, Role
from domain.ids import ItemId
from domain.kinds import is_lot
from domain.record import Found, Known, Need
from domain.stays import Containment, marks_of, takings_of


def surroundings(
    known: Known, items: Iterable[ItemId], *, inside: Iterable[ItemId] = ()
) -> Generator[Need, Found, Containment]:
    """The containment of `items` (their own stays), and of everything in the containers `inside`, at every depth.

    Upwards all containers are loaded, since what happens to them happens to the item. Downwards only where contents
    decide: containers named in `inside`, containers that were taken while contained, or in something that was
    taken, and containers that were emptied in the very instant of a packing.
    """
    up, down = set(items), set(inside)
    seen_up: set[ItemId] = set()
    seen_down: set[ItemId] = set()
    above = _Above()
    while up - seen_up or down - seen_down:
        fresh_up, fresh_down = up - seen_up, down - seen_down
        yield from known.require(Need(linked=frozenset(fresh_up | fresh_down)))
        seen_up |= fresh_up | fresh_down
        for item in fresh_up | fresh_down:
            up |= above.add(known, item)
            if _contents_decide(known, item):
                down.add(item)
        yield from _load_contents(known, fresh_down)
        for container in fresh_down:
            children = _children(known, container)
            up |= children
            down |= {c for c in children if _is_container(known, c)}
        seen_down |= fresh_down
        down |= {c for c in above.boxes - seen_down if not seen_down.isdisjoint(above.of[c]) or above.is_taken(c)}
    namings = {item: known.found.namings.get(item, []) for item in seen_up}
    lots = frozenset(item for item, ns in namings.items() if is_lot(item, ns))
    doubts = {item: known.things.doubts(item) for item in seen_up}
    return Simulation(namings, lots, doubts).run()


def _containers(known: Known, item: ItemId) -> set[ItemId]:
    namings = known.found.namings.get(item, [])
    return {n.event.facts.parent for n in namings if n.mention.role is Role.CHILD and n.event.facts.parent is not None}


def _is_container(known: Known, item: ItemId) -> bool:
    return any(n.mention.role is Role.PARENT for n in known.found.namings.get(item, []))


class _Above:
    """What items are in, as far as it is loaded, and whether something that a box was in was used up or fitted: a box
    that only stood for its contents stays, an empty one leaves with them. An item is looked at once, however deep.
    """

    def __init__(self) -> None:
        self.of: dict[ItemId, set[ItemId]] = {}
        self.boxes: set[ItemId] = set()
        self._within: dict[ItemId, list[ItemId]] = {}
        self._taken: dict[ItemId, frozenset[ItemId]] = {}
        """Up to two that were taken, of all that it was in and itself: one is always another than itself."""

    def add(self, known: Known, item: ItemId) -> set[ItemId]:
        """Take in an item that was loaded; what it was in."""
        if item in self.of:
            return self.of[item]
        outer = self.of[item] = _containers(known, item)
        if _is_container(known, item):
            self.boxes.add(item)
        for container in outer:
            self._within.setdefault(container, []).append(item)
        taken = frozenset({item}) if takings_of(known.found.namings.get(item, [])) else frozenset[ItemId]()
        self._hand_down(item, taken.union(*(self._taken.get(container, ()) for container in outer)))
        return outer

    def is_taken(self, box: ItemId) -> bool:
        return bool(self._taken.get(box, frozenset()) - {box})

    def _hand_down(self, item: ItemId, taken: frozenset[ItemId]) -> None:
        todo = [(item, taken)]
        while todo:
            here, told = todo.pop()
            before = self._taken.get(here, frozenset())
            if len(before) > 1 or told <= before:
                continue
            now = self._taken[here] = frozenset((*before, *sorted(told - before))[:2])
            todo += [(inner, now) for inner in self._within.get(here, ())]


def _contents_decide(known: Known, item: ItemId) -> bool:
    namings = known.found.namings.get(item, [])
    if not any(n.mention.role is Role.PARENT for n in namings):
        return False
    contained = any(n.mention.role is Role.CHILD for n in namings)
    if contained and takings_of(namings):
        return True
    emptied = {m.at_us for m in marks_of(namings) if m.action is Action.TAKE_ALL}
    filled = {
        n.event.facts.latest_us
        for n in namings
        if n.mention.role is Role.PARENT and n.mention.action in (Action.PUT, Action.OBSERVE)
    }
    return bool(emptied & filled)


def _load_contents(known: Known, containers: Iterable[ItemId]) -> Generator[Need, Found, None]:
    events = frozenset(
        n.event.no
        for container in containers
        for n in known.found.namings.get(container, [])
        if n.mention.role is Role.PARENT
    )
    yield from known.require(Need(contents=events))


def _children(known: Known, container: ItemId) -> set[ItemId]:
    return {
        m.item
        for n in known.found.namings.get(container, [])
        if n.mention.role is Role.PARENT
        for m in known.found.contents.get(n.event.no, [])
        if m.role is Role.CHILD
    }
