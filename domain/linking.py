"""From the record to links: what flows into what, what is part of what (SEMANTICS §3, before any walk)."""

from collections.abc import Generator
from dataclasses import dataclass, field

from domain.assembly import Part
from domain.derivation import Derivations
from domain.facts import Role
from domain.fitting import Fittings, part_links, stay_links
from domain.ids import ItemId
from domain.links import Link
from domain.namesakes import identities, memberships
from domain.record import Found, Known, Need
from domain.renaming import doubted
from domain.stays import Containment
from domain.surroundings import surroundings
from domain.uses import Uses


@dataclass(slots=True)
class Linked:
    """Links of a set of items in one direction, and what came to light beside them."""

    links: dict[ItemId, list[Link]] = field(default_factory=dict)
    classes_without_site: dict[str, ItemId] = field(default_factory=dict)
    """transformation -> a class used in it at no known place"""
    parts: dict[ItemId, list[Part]] = field(default_factory=dict)
    """component -> where it was fitted (forward only)"""


class Linker:
    """Builds links both ways from one record. `follow_all`: containment is a link, nothing stands for its contents."""

    def __init__(self, known: Known, *, follow_all: bool) -> None:
        self.known = known
        self.follow_all = follow_all
        self.uses = Uses(known, follow_all=follow_all)
        self.derivations = Derivations(self.uses)
        self.fittings = Fittings(self.uses)

    def out_of(self, items: frozenset[ItemId]) -> Generator[Need, Found, Linked]:
        """The links that leave these items: into outputs, units, members, containers (follow_all), other names."""
        yield from self.known.require(Need(linked=items))
        result = Linked()
        around = yield from self.uses.around_takings(items)
        taken = self.uses.taken(items, around)
        boxes = yield from self.derivations.load_targets(taken)
        if boxes:
            around = yield from surroundings(self.known, items, inside=boxes | self.uses.opened(items))
        for item in sorted(items):
            links = result.links.setdefault(item, [])
            for used in taken[item]:
                if used.naming.mention.role is Role.INPUT:
                    links += self.derivations.derivations_of(used, around)
            parts = self.fittings.parts_of_component(item, taken[item], around)
            result.parts[item] = parts
            links += [link for part in parts for link in part_links(part)]
            links += yield from memberships(self.known, item, forward=True)
            links += identities(self.known, item, forward=True)
            links += yield from self.derivations.class_uses(item, result.classes_without_site)
            if self.follow_all:
                links += [link for s in around.stays.get(item, []) for link in stay_links(s)]
        return self._doubted(result)

    def fitted(self, items: frozenset[ItemId]) -> Generator[Need, Found, tuple[dict[ItemId, list[Part]], Containment]]:
        """Where each item was fitted, and the containment of all of them."""
        yield from self.known.require(Need(linked=items))
        around = yield from surroundings(self.known, items, inside=self.uses.opened(items))
        taken = self.uses.taken(items, around)
        fits = {i: [u for u in uses if u.naming.mention.role is Role.COMPONENT] for i, uses in taken.items()}
        yield from self.derivations.load_targets(fits)
        return {i: self.fittings.parts_of_component(i, fits[i], around) for i in items}, around

    def into(self, items: frozenset[ItemId]) -> Generator[Need, Found, Linked]:
        """The links that arrive at these items: from inputs, components, lots, contents (follow_all), other names."""
        yield from self.known.require(Need(linked=items))
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
        yield from self.known.require(Need(linked=frozenset(inputs | components)))
        around = yield from self.uses.around_named(inputs | components, items if self.follow_all else frozenset())
        classes = yield from self.derivations.lots_of_classes(inputs)
        flows = {key: self.derivations.flow(key, around) for key in keys}
        for item in sorted(items):
            links = result.links.setdefault(item, [])
            for key in sorted({n.event.facts.transformation or "" for n in self.uses.namings(item, Role.OUTPUT)}):
                used, made = flows[key] if key in flows else self.derivations.flow(key, around)
                outs = made.get(item, [])
                links += [self.derivations.derivation(u, out, clear=clear) for u, clear in used for out in outs]
                links += yield from self.derivations.from_classes(
                    key, outs, classes=classes, classes_without_site=result.classes_without_site
                )
            for part in self.fittings.parts_of_whole(item, around):
                links += part_links(part)
            links += yield from memberships(self.known, item, forward=False)
            links += identities(self.known, item, forward=False)
            if self.follow_all:
                held = [s for stays in around.stays.values() for s in stays if s.parent == item]
                links += [link for s in held for link in stay_links(s)]
        return self._doubted(result)

    def _doubted(self, linked: Linked) -> Linked:
        """A thing whose ids may be of two things makes its links possible."""
        linked.links = {item: [doubted(self.known.things, link) for link in ls] for item, ls in linked.links.items()}
        return linked
