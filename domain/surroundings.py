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
    while up - seen_up or down - seen_down:
        fresh_up, fresh_down = up - seen_up, down - seen_down
        yield from known.require(Need(linked=frozenset(fresh_up | fresh_down)))
        seen_up |= fresh_up | fresh_down
        for item in fresh_up | fresh_down:
            up |= _containers(known, item)
            if _contents_decide(known, item):
                down.add(item)
        yield from _load_contents(known, fresh_down)
        for container in fresh_down:
            children = _children(known, container)
            up |= children
            down |= {c for c in children if _is_container(known, c)}
        seen_down |= fresh_down
        boxes = {c for c in up & seen_up if c not in seen_down and _is_container(known, c)}
        down |= {c for c in boxes if _containers(known, c) & seen_down or _taken_above(known, c)}
    namings = {item: known.found.namings.get(item, []) for item in seen_up}
    lots = frozenset(item for item, ns in namings.items() if is_lot(item, ns))
    doubts = {item: known.things.doubts(item) for item in seen_up}
    return Simulation(namings, lots, doubts).run()


def _containers(known: Known, item: ItemId) -> set[ItemId]:
    namings = known.found.namings.get(item, [])
    return {n.event.facts.parent for n in namings if n.mention.role is Role.CHILD and n.event.facts.parent is not None}


def _is_container(known: Known, item: ItemId) -> bool:
    return any(n.mention.role is Role.PARENT for n in known.found.namings.get(item, []))


def _taken_above(known: Known, box: ItemId) -> bool:
    """Whether something it was in was used up or fitted: a box that only stood for its contents stays, an empty one
    leaves with them.
    """
    above, todo = {box}, [box]
    while todo:
        outer = _containers(known, todo.pop()) - above
        if any(takings_of(known.found.namings.get(o, [])) for o in outer):
            return True
        above |= outer
        todo += outer
    return False


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
