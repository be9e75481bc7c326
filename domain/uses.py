"""As what the record names items, and what containers named as input or component stood for (SEMANTICS §3)."""

from collections.abc import Generator, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from domain.facts import Mention, Role
from domain.ids import ItemId
from domain.kinds import kind_of, may_be_box
from domain.namesakes import materials
from domain.record import Found, Known, Naming, Need
from domain.stays import Containment, StandIn, takings_of
from domain.surroundings import surroundings


@dataclass(frozen=True, slots=True)
class Used:
    """One effective use as input or component: the item, the naming that used it, and why it is only possible."""

    item: ItemId
    naming: Naming
    reasons: frozenset[str]
    of_lot: bool = False

    @property
    def stands_in(self) -> bool:
        """Whether it was used through the container that is named."""
        return self.item != self.naming.mention.item


class Uses:
    """Reads namings from what is known. `follow_all`: nothing stands for its contents."""

    def __init__(self, known: Known, *, follow_all: bool) -> None:
        self.known = known
        self.follow_all = follow_all

    # -- what an item's namings are

    def namings(self, item: ItemId, role: Role) -> list[Naming]:
        return [n for n in self.known.found.namings.get(item, []) if n.mention.role is role]

    def flows(self, key: str, role: Role) -> list[Naming]:
        return [n for n in self.known.found.transformations.get(key, []) if n.mention.role is role]

    def contents(self, event_no: int, role: Role) -> list[Mention]:
        return [m for m in self.known.found.contents.get(event_no, []) if m.role is role]

    def is_container(self, item: ItemId) -> bool:
        return bool(self.namings(item, Role.PARENT))

    def kind(self, item: ItemId) -> str:
        return kind_of(item, self.known.found.namings.get(item, []))

    def is_lot(self, item: ItemId) -> bool:
        """Whether it may be in several places at once."""
        return self.kind(item) in ("lot", "class")

    def materials(self, item: ItemId) -> frozenset[ItemId]:
        """The classes an item is known to be of: by its id, or declared at its receipt."""
        return materials(self.known, item)

    def load_names(self, items: Iterable[ItemId]) -> Generator[Need, Found, None]:
        """Load every other name of the items, and their other names."""
        todo = {n for i in items for n in self.names(i)}
        seen: set[ItemId] = set()
        while todo - seen:
            yield from self.known.require(Need(linked=frozenset(n for n in todo if self.known.found.same.get(n) != [])))
            seen |= todo
            todo = {n for i in todo for n in self.names(i)}

    def names(self, item: ItemId) -> set[ItemId]:
        """All names of the thing, as far as they are loaded."""
        found, todo = {item}, [item]
        while todo:
            here = todo.pop()
            others = {s.other if s.one == here else s.one for s in self.known.found.same.get(here, [])} - found
            found |= others
            todo += others
        return found

    def born_us(self, item: ItemId) -> int | None:
        """By when the thing had come forth, where one event alone brought it forth and nothing was done with it before.

        None: it was there already when something flowed into it, or that is not known.
        """
        namings = [n for name in self.names(item) for n in self.known.found.namings.get(name, [])]
        makings = {n.event.no: n.event.facts for n in namings if n.mention.role is Role.OUTPUT}
        if len(makings) != 1:
            return None
        [(making_no, making)] = makings.items()
        before = (
            n.event.no != making_no and n.event.facts.latest_us < making.begins_us
            for n in namings
            if n.mention.role is not Role.SUBJECT
        )
        return None if making.kind == "reworked" or any(before) else making.latest_us

    # -- containers standing for their contents

    def load_inputs(
        self, items: Iterable[ItemId], *, components: AbstractSet[ItemId] = frozenset()
    ) -> Generator[Need, Found, None]:
        """What must be known of things that were used, and of components.

        Lots and classes may be used without end: of these only what they are, unless something was packed in them.
        """
        asked = frozenset(items)
        bulk = frozenset(i for i in asked - components if not may_be_box(i))
        yield from self.known.require(Need(linked=(asked | components) - bulk, related=bulk))
        yield from self.known.require(Need(linked=frozenset(i for i in bulk if self.known.found.filled.get(i))))

    def around_takings(self, items: frozenset[ItemId]) -> Generator[Need, Found, Containment]:
        """Simulate only where something around an item, or the item as a container, was taken."""
        if self.follow_all:
            return (yield from surroundings(self.known, items))
        around: set[ItemId] = set()
        layer: set[ItemId] = {
            n.event.facts.parent for i in items for n in self.namings(i, Role.CHILD) if n.event.facts.parent is not None
        }
        while layer - around:
            layer -= around
            yield from self.known.require(Need(linked=frozenset(layer)))
            around |= layer
            layer = {
                n.event.facts.parent
                for c in layer
                for n in self.namings(c, Role.CHILD)
                if n.event.facts.parent is not None
            }
        taken = {c for c in around if takings_of(self.known.found.namings.get(c, []))}
        opened = self.opened(items)
        if not taken and not opened:
            return Containment({}, {})
        return (yield from surroundings(self.known, items, inside=opened))

    def opened(self, items: Iterable[ItemId]) -> set[ItemId]:
        """The items that were used as containers and taken: what they held then decides what they stood for."""
        return {i for i in items if self.is_container(i) and takings_of(self.known.found.namings.get(i, []))}

    def around_named(self, named: set[ItemId], filled: frozenset[ItemId]) -> Generator[Need, Found, Containment]:
        opened = set(filled) if self.follow_all else {i for i in named if self.is_container(i)}
        if not opened:
            return Containment({}, {})
        return (yield from surroundings(self.known, opened, inside=opened))

    def expand(self, naming: Naming, around: Containment) -> list[Used]:
        """The naming's item, or what it stood for."""
        item = naming.mention.item
        if self.follow_all or not self.is_container(item):
            return [Used(item, naming, frozenset())]
        stand_ins = around.stood_for.get((naming.event.no, item), [StandIn(item)])
        return [Used(one.item, naming, one.reasons, one.of_lot) for one in stand_ins]

    def taken(self, items: Iterable[ItemId], around: Containment) -> dict[ItemId, list[Used]]:
        """Every use of the items as input or component: named themselves, or through a container they were in."""
        found: dict[ItemId, list[Used]] = {item: [] for item in items}
        for item, uses in found.items():
            for naming in takings_of(self.known.found.namings.get(item, [])):
                uses += [u for u in self.expand(naming, around) if u.item == item]
        if self.follow_all:
            return found
        takings: dict[ItemId, dict[int, list[Naming]]] = {}
        for (event_no, container), stand_ins in sorted(around.stood_for.items(), key=lambda kv: kv[0]):
            inside = [one for one in stand_ins if one.item != container and one.item in found]
            if inside and container not in takings:
                takings[container] = _by_event(takings_of(self.known.found.namings.get(container, [])))
            for one in inside:
                found[one.item] += [Used(one.item, n, one.reasons) for n in takings[container].get(event_no, [])]
        return found


def _by_event(namings: Iterable[Naming]) -> dict[int, list[Naming]]:
    found: dict[int, list[Naming]] = {}
    for naming in namings:
        found.setdefault(naming.event.no, []).append(naming)
    return found
