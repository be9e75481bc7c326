"""From the record to links: what flows into what, what is part of what (SEMANTICS §3, before any walk)."""

from collections.abc import Generator
from dataclasses import dataclass, field

from domain.answers import Conflict, Gap, Superseded
from domain.assembly import Part
from domain.class_level import ClassLevel
from domain.derivation import Derivations
from domain.facts import Role
from domain.fitting import Fittings, part_links, stay_links, two_parents
from domain.ids import ItemId
from domain.links import Link
from domain.loading import Loading
from domain.namesakes import identities, memberships, similar_lots
from domain.open_orders import order_gaps
from domain.record import Found, Known, Naming, Need, Question
from domain.renaming import doubted
from domain.stays import Containment
from domain.superseding import Superseding
from domain.surroundings import surroundings
from domain.uses import Used, Uses
from domain.vessels import Vessels


@dataclass(slots=True)
class Linked:
    """Links of a set of items in one direction, and what came to light beside them."""

    links: dict[ItemId, list[Link]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    superseded: list[Superseded] = field(default_factory=list)
    parts: dict[ItemId, list[Part]] = field(default_factory=dict)
    """component -> where it was fitted (forward only); not of lots and classes, which may be in many units at once"""
    born: dict[ItemId, int] = field(default_factory=dict)
    """by when what came forth only once had done so: what went into it then is in it from the beginning"""


class Linker:
    """Builds links both ways from one record. `follow_all`: containment is a link, nothing stands for its contents."""

    def __init__(self, known: Known, *, follow_all: bool) -> None:
        self.known = known
        self.follow_all = follow_all
        self.uses = Uses(known, follow_all=follow_all)
        self.derivations = Derivations(self.uses)
        self.class_level = ClassLevel(self.derivations)
        self.fittings = Fittings(self.uses)
        self.loading = Loading(self.uses)
        self.vessels = Vessels(self.uses)
        self.superseding = Superseding(self.uses)

    def out_of(self, items: frozenset[ItemId]) -> Generator[Need, Found, Linked]:
        """The links that leave these items: into outputs, units, members, containers (follow_all), other names."""
        yield from self.known.require(Need(linked=items, units_of=items))
        result = Linked()
        yield from self.uses.load_names(items)
        around = yield from self.uses.around_takings(items)
        taken = self.uses.taken(items, around)
        boxes = yield from self.derivations.load_targets(taken)
        if boxes:
            around = yield from surroundings(self.known, items, inside=boxes | self.uses.opened(items))
        self.derivations.start()
        yield from self._order_gaps(taken, result)
        for item in sorted(items):
            links = result.links.setdefault(item, [])
            for used in taken[item]:
                if used.naming.mention.role is Role.INPUT:
                    links += self.derivations.links_of(used, around)
            parts = self.fittings.parts_of_component(item, taken[item], around)
            if not self.uses.is_lot(item):
                result.parts[item] = parts
            links += [link for part in parts for link in part_links(part)]
            links += yield from memberships(self.known, item, forward=True)
            links += identities(self.known, item, forward=True)
            links += yield from similar_lots(self.known, item, forward=True)
            links += yield from self.class_level.out_of(item)
            if self.follow_all:
                links += [link for s in around.stays.get(item, []) for link in stay_links(s)]
        result.gaps += self.class_level.told()
        _add(result, (yield from self.loading.links_out(taken, result.conflicts)))
        result.gaps += self.loading.told()
        _add(result, (yield from self.vessels.links_out(items, around)))
        return (yield from self._finished(result))

    def _order_gaps(self, taken: dict[ItemId, list[Used]], result: Linked) -> Generator[Need, Found, None]:
        """Orders that items were issued to and that are open, or closed with nothing reported."""
        issues: dict[tuple[ItemId, str], list[Naming]] = {}
        for item, uses in sorted(taken.items()):
            for used in uses:
                key = used.naming.event.facts.transformation
                if used.naming.mention.role is Role.INPUT and used.naming.event.facts.posting is not None and key:
                    if self.derivations.transformation(key).standing(used) is not None:
                        issues.setdefault((item, key), []).append(used.naming)
                    result.conflicts += self.derivations.transformation(key).conflicts_of(used.naming.mention.item)
        yield from self.known.require(Need(closings=frozenset(key for _, key in issues)))
        for (item, key), namings in issues.items():
            closings = self.known.found.closings.get(key, [])
            result.gaps += order_gaps(item, namings, self.derivations.transformation(key), closings=closings)

    def fitted(self, items: frozenset[ItemId]) -> Generator[Need, Found, tuple[dict[ItemId, list[Part]], Containment]]:
        """Where each item was fitted, and the containment of all of them; not what a lot only may have held."""
        yield from self.known.require(Need(linked=items))
        around = yield from surroundings(self.known, items, inside=self.uses.opened(items))
        taken = self.uses.taken(items, around)
        fits = {i: [u for u in uses if u.naming.mention.role is Role.COMPONENT] for i, uses in taken.items()}
        yield from self.derivations.load_targets(fits)
        parts = {i: self.fittings.parts_of_component(i, fits[i], around, of_lots=False) for i in items}
        return {i: [p for p in found if not p.again] for i, found in parts.items()}, around

    def in_two(self, items: frozenset[ItemId]) -> Generator[Need, Found, dict[ItemId, list[Conflict]]]:
        """Of which of the items it is recorded that they were in two units at once: fitted themselves, or by a box.

        Lots and classes, which may be in a great many, are not followed.
        """
        yield from self.known.require(Need(linked=items))
        single = frozenset(item for item in items if not self.uses.is_lot(item))
        around = yield from self.uses.around_takings(single)
        taken = self.uses.taken(single, around)
        several = frozenset(item for item, uses in taken.items() if len(_wholes(uses)) > 1)
        if not several:
            return {}
        linked = yield from self.out_of(several)
        return {item: told for item, parts in linked.parts.items() if (told := two_parents({item: parts}))}

    def into(self, items: frozenset[ItemId]) -> Generator[Need, Found, Linked]:
        """The links that arrive at these items: from inputs, components, lots, contents (follow_all), other names."""
        yield from self.known.require(Need(linked=items))
        yield from self.uses.load_names(items)
        result = Linked()
        keys = frozenset(
            n.event.facts.transformation
            for i in items
            for n in self.uses.namings(i, Role.OUTPUT)
            if n.event.facts.transformation is not None
        )
        whole_events = frozenset(n.event.no for i in items for n in self.uses.namings(i, Role.WHOLE))
        filled = (
            frozenset(n.event.no for i in items for n in self.uses.namings(i, Role.PARENT)) if self.follow_all else []
        )
        yield from self.known.require(Need(transformations=keys, contents=whole_events | frozenset(filled)))
        inputs = {n.mention.item for k in keys for n in self.uses.flows(k, Role.INPUT)}
        components = {m.item for no in whole_events for m in self.uses.contents(no, Role.COMPONENT)}
        yield from self.uses.load_inputs(inputs, components=components)
        around = yield from self.uses.around_named(inputs | components, items if self.follow_all else frozenset())
        lots = yield from self.class_level.load_lots(inputs, keys)
        self.derivations.start()
        yield from self.uses.load_names({u.item for key in keys for u in self.derivations.flow(key, around).used})
        flows = {key: self.derivations.links_into(key, around) for key in keys}
        for item in sorted(items):
            links = result.links.setdefault(item, [])
            for key in sorted({n.event.facts.transformation or "" for n in self.uses.namings(item, Role.OUTPUT)}):
                links += flows.get(key, {}).get(item, [])
                links += self.class_level.into(key, item, lots)
                result.conflicts += self.derivations.transformation(key).settled.conflicts
            for part in self.fittings.parts_of_whole(item, around):
                links += part_links(part)
            links += yield from memberships(self.known, item, forward=False)
            links += identities(self.known, item, forward=False)
            links += yield from similar_lots(self.known, item, forward=False)
            if self.follow_all:
                held = [s for stays in around.stays.values() for s in stays if s.parent == item]
                links += [link for s in held for link in stay_links(s)]
        result.gaps += self.class_level.told()
        _add(result, (yield from self.loading.links_in(items, result.conflicts)))
        result.gaps += self.loading.told()
        _add(result, (yield from self.vessels.links_in(items)))
        return (yield from self._finished(result))

    def _finished(self, linked: Linked) -> Generator[Need, Found, Linked]:
        """Without the links that a scan supersedes; a thing whose ids may be of two things makes its links possible."""
        linked.born = {item: born_us for item in linked.links if (born_us := self.uses.born_us(item)) is not None}
        linked.superseded += yield from self.superseding.split(linked.links)
        linked.links = {item: [doubted(self.known.things, link) for link in ls] for item, ls in linked.links.items()}
        return linked


def _wholes(uses: list[Used]) -> set[ItemId | None]:
    return {u.naming.event.facts.parent for u in uses if u.naming.mention.role is Role.COMPONENT}


def _add(linked: Linked, more: dict[ItemId, list[Link]]) -> None:
    for item, links in more.items():
        linked.links.setdefault(item, []).extend(links)


def links_of(items: frozenset[ItemId], *, forward: bool, follow_all: bool = False) -> Question[frozenset[Link]]:
    """The links that leave these items, or that lead into them: one step of a walk, with nothing left out."""
    known = Known()
    things = frozenset((yield from known.start(sorted(items))))
    linker = Linker(known, follow_all=follow_all)
    linked = yield from (linker.out_of(things) if forward else linker.into(things))
    return frozenset(link for links in linked.links.values() for link in links)
