"""From the record to links: what flows into what, what is part of what (SEMANTICS §3, before any walk)."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

from domain.assembly import Fit, Part, parts_of
from domain.containment import Containment, StandIn, Stay, takings_of
from domain.facts import Action, Mention, Role
from domain.ids import ItemId
from domain.kinds import is_lot, kind_of, may_contain
from domain.links import Link, Relation
from domain.record import Found, Known, MemberAt, Naming, Need
from domain.stock import stood_at
from domain.surroundings import surroundings

SURE_BASES = (None, "scanned", "declared")


@dataclass(slots=True)
class Linked:
    """Links of a set of items in one direction, and what came to light beside them."""

    links: dict[ItemId, list[Link]] = field(default_factory=dict)
    classes_without_site: dict[str, ItemId] = field(default_factory=dict)
    """transformation -> a class used in it at no known place"""
    parts: dict[ItemId, list[Part]] = field(default_factory=dict)
    """component -> where it was fitted (forward only)"""


@dataclass(frozen=True, slots=True)
class _Used:
    """One effective input of a transformation: the item, the naming that used it, and what it was named as."""

    item: ItemId
    naming: Naming
    reasons: frozenset[str]


class Linker:
    """Builds links both ways from one record. `follow_all`: containment is a link, nothing stands for its contents."""

    def __init__(self, known: Known, *, follow_all: bool) -> None:
        self.known = known
        self.follow_all = follow_all

    def out_of(self, items: frozenset[ItemId]) -> Generator[Need, Found, Linked]:
        """The links that leave these items: into outputs, units, members, containers (follow_all), other names."""
        yield from self.known.require(Need(linked=items))
        result = Linked()
        around = yield from self._around_takings(items)
        taken = self._taken(items, around)
        boxes = yield from self._load_targets(taken)
        if boxes:
            around = yield from surroundings(self.known, items, inside=boxes | self._opened(items))
        for item in sorted(items):
            links = result.links.setdefault(item, [])
            for used in taken[item]:
                if used.naming.mention.role is Role.INPUT:
                    links += self._derivations_of(used, around)
            parts = self._parts_of_component(item, taken[item], around)
            result.parts[item] = parts
            links += [link for part in parts for link in _part_links(part)]
            links += yield from self._memberships(item, forward=True)
            links += self._identities(item, forward=True)
            links += yield from self._class_uses(item, result)
            if self.follow_all:
                links += [link for s in around.stays.get(item, []) for link in _stay_links(s)]
        return result

    def fitted(self, items: frozenset[ItemId]) -> Generator[Need, Found, tuple[dict[ItemId, list[Part]], Containment]]:
        """Where each item was fitted, and the containment of all of them."""
        yield from self.known.require(Need(linked=items))
        around = yield from surroundings(self.known, items, inside=self._opened(items))
        taken = self._taken(items, around)
        fits = {i: [u for u in uses if u.naming.mention.role is Role.COMPONENT] for i, uses in taken.items()}
        yield from self._load_targets(fits)
        return {i: self._parts_of_component(i, fits[i], around) for i in items}, around

    def into(self, items: frozenset[ItemId]) -> Generator[Need, Found, Linked]:
        """The links that arrive at these items: from inputs, components, lots, contents (follow_all), other names."""
        yield from self.known.require(Need(linked=items))
        result = Linked()
        keys = frozenset(
            n.event.facts.transformation
            for i in items
            for n in self._namings(i, Role.OUTPUT)
            if n.event.facts.transformation is not None
        )
        whole_events = frozenset(n.event.no for i in items for n in self._namings(i, Role.WHOLE))
        filled = frozenset(n.event.no for i in items for n in self._namings(i, Role.PARENT)) if self.follow_all else []
        yield from self.known.require(Need(transformations=keys, contents=whole_events | frozenset(filled)))
        inputs = {n.mention.item for k in keys for n in self._flows(k, Role.INPUT)}
        components = {m.item for no in whole_events for m in self._contents(no, Role.COMPONENT)}
        yield from self.known.require(Need(linked=frozenset(inputs | components)))
        around = yield from self._around_named(inputs | components, items if self.follow_all else frozenset())
        classes = yield from self._lots_of_classes(inputs)
        for item in sorted(items):
            links = result.links.setdefault(item, [])
            for key in sorted({n.event.facts.transformation or "" for n in self._namings(item, Role.OUTPUT)}):
                used = [u for n in self._flows(key, Role.INPUT) for u in self._expand(n, around)]
                outs = [n for n in self._flows(key, Role.OUTPUT) if n.mention.item == item]
                links += [self._derivation(u, out, key=key, everything=used) for u in used for out in outs]
                links += yield from self._from_classes(key, outs, classes=classes, result=result)
            for part in self._parts_of_whole(item, around):
                links += _part_links(part)
            links += yield from self._memberships(item, forward=False)
            links += self._identities(item, forward=False)
            if self.follow_all:
                held = [s for stays in around.stays.values() for s in stays if s.parent == item]
                links += [link for s in held for link in _stay_links(s)]
        return result

    # -- what an item's namings are

    def _namings(self, item: ItemId, role: Role) -> list[Naming]:
        return [n for n in self.known.found.namings.get(item, []) if n.mention.role is role]

    def _flows(self, key: str, role: Role) -> list[Naming]:
        return [n for n in self.known.found.transformations.get(key, []) if n.mention.role is role]

    def _contents(self, event_no: int, role: Role) -> list[Mention]:
        return [m for m in self.known.found.contents.get(event_no, []) if m.role is role]

    def _is_container(self, item: ItemId) -> bool:
        return may_contain(item) and bool(self._namings(item, Role.PARENT))

    # -- containers standing for their contents

    def _around_takings(self, items: frozenset[ItemId]) -> Generator[Need, Found, Containment]:
        """Simulate only where something around an item, or the item as a container, was taken."""
        if self.follow_all:
            return (yield from surroundings(self.known, items))
        around: set[ItemId] = set()
        layer: set[ItemId] = {
            n.event.facts.parent
            for i in items
            for n in self._namings(i, Role.CHILD)
            if n.event.facts.parent is not None
        }
        while layer - around:
            layer -= around
            yield from self.known.require(Need(linked=frozenset(layer)))
            around |= layer
            layer = {
                n.event.facts.parent
                for c in layer
                for n in self._namings(c, Role.CHILD)
                if n.event.facts.parent is not None
            }
        taken = {c for c in around if takings_of(self.known.found.namings.get(c, []))}
        opened = self._opened(items)
        if not taken and not opened:
            return Containment({}, {})
        return (yield from surroundings(self.known, items, inside=opened))

    def _opened(self, items: Iterable[ItemId]) -> set[ItemId]:
        """The items that were used as containers and taken: what they held then decides what they stood for."""
        return {i for i in items if self._is_container(i) and takings_of(self.known.found.namings.get(i, []))}

    def _around_named(self, named: set[ItemId], filled: frozenset[ItemId]) -> Generator[Need, Found, Containment]:
        opened = set(filled) if self.follow_all else {i for i in named if self._is_container(i)}
        if not opened:
            return Containment({}, {})
        return (yield from surroundings(self.known, opened, inside=opened))

    def _expand(self, naming: Naming, around: Containment) -> list[_Used]:
        """The naming's item, or what it stood for."""
        item = naming.mention.item
        if self.follow_all or not self._is_container(item):
            return [_Used(item, naming, frozenset())]
        stand_ins = around.stood_for.get((naming.event.no, item), [StandIn(item)])
        return [_Used(one.item, naming, one.reasons) for one in stand_ins]

    def _taken(self, items: Iterable[ItemId], around: Containment) -> dict[ItemId, list[_Used]]:
        """Every use of the items as input or component: named themselves, or through a container they were in."""
        found: dict[ItemId, list[_Used]] = {item: [] for item in items}
        for item, uses in found.items():
            for naming in takings_of(self.known.found.namings.get(item, [])):
                uses += [u for u in self._expand(naming, around) if u.item == item]
        if self.follow_all:
            return found
        for (event_no, container), stand_ins in sorted(around.stood_for.items(), key=lambda kv: kv[0]):
            for naming in takings_of(self.known.found.namings.get(container, [])):
                if naming.event.no == event_no:
                    for one in stand_ins:
                        if one.item != container and one.item in found:
                            found[one.item].append(_Used(one.item, naming, one.reasons))
        return found

    # -- derivation

    def _load_targets(self, taken: dict[ItemId, list[_Used]]) -> Generator[Need, Found, set[ItemId]]:
        """Load the transformations and units the uses lead to; returns containers among their other inputs."""
        uses = [u for us in taken.values() for u in us]
        keys = frozenset(
            u.naming.event.facts.transformation
            for u in uses
            if u.naming.mention.role is Role.INPUT and u.naming.event.facts.transformation is not None
        )
        wholes = frozenset(
            u.naming.event.facts.parent
            for u in uses
            if u.naming.mention.role is Role.COMPONENT and u.naming.event.facts.parent is not None
        )
        yield from self.known.require(Need(transformations=keys, linked=wholes))
        # other inputs matter only where several outputs could have come from either
        split = {k for k in keys if len({n.mention.item for n in self._flows(k, Role.OUTPUT)}) > 1}
        others = {n.mention.item for k in split for n in self._flows(k, Role.INPUT)}
        yield from self.known.require(Need(linked=frozenset(o for o in others if o.kind not in ("lot", "class"))))
        emptied = {
            n.event.no
            for whole in wholes
            for n in self._namings(whole, Role.WHOLE)
            if any(m.mention.action is Action.TAKE_ALL for m in self._namings(whole, Role.WHOLE))
        }
        yield from self.known.require(Need(contents=frozenset(emptied)))
        return set() if self.follow_all else {o for o in others if self._is_container(o)}

    def _derivations_of(self, used: _Used, around: Containment) -> list[Link]:
        key = used.naming.event.facts.transformation or ""
        outputs = self._flows(key, Role.OUTPUT)
        everything = [u for n in self._flows(key, Role.INPUT) for u in self._expand(n, around)]
        return [self._derivation(used, out, key=key, everything=everything) for out in outputs]

    def _derivation(self, used: _Used, out: Naming, *, key: str, everything: list[_Used]) -> Link:
        taken, made = used.naming.event.facts, out.event.facts
        reasons = set(used.reasons)
        basis = used.naming.mention.basis
        if basis not in SURE_BASES:
            reasons.add("basis")
        if not self._unambiguous(used.item, key, everything):
            reasons.add("several_inputs")
        if used.naming.event.pending or out.event.pending:
            reasons.add("replacement_pending")
        against = taken.begins_us > made.latest_us
        if against:
            reasons.add("against_time")
        return Link(
            relation=Relation.DERIVATION,
            source=used.item,
            target=out.mention.item,
            event_id=taken.event_id,
            since_us=taken.latest_us,
            leave_us=taken.begins_us,
            leave_until_us=taken.latest_us,
            reach_us=max(taken.begins_us, made.begins_us),
            against_time=against,
            quantity=used.naming.mention.quantity,
            uom=used.naming.mention.uom,
            basis=str(basis) if basis is not None else None,
            reasons=frozenset(reasons),
        )

    def _unambiguous(self, item: ItemId, key: str, everything: list[_Used]) -> bool:
        """A single output, or declared mixed, or no other input item of the same (or an unknown) material."""
        flows = self.known.found.transformations.get(key, [])
        if any(n.event.facts.mixed for n in flows):
            return True
        if len({n.mention.item for n in flows if n.mention.role is Role.OUTPUT}) == 1:
            return True
        mine = self.materials(item)
        same = {item} | {s.other if s.one == item else s.one for s in self.known.found.same.get(item, [])}
        for other in {u.item for u in everything} - same:
            theirs = self.materials(other)
            if not mine or not theirs or mine & theirs:
                return False
        return True

    def materials(self, item: ItemId) -> frozenset[ItemId]:
        """The classes an item is known to be of: by its id, or declared at its receipt."""
        declared = self.known.found.materials.get(item, set())
        by_id = {ItemId(item.material)} if item.material is not None else set()
        return frozenset(declared | by_id)

    # -- classes: 2 kg of M, no lot named

    def _class_uses(self, lot: ItemId, result: Linked) -> Generator[Need, Found, list[Link]]:
        """A lot is possibly what a class-level input of its material used."""
        if self.follow_all or not is_lot(lot, self.known.found.namings.get(lot, [])) or lot.kind == "class":
            return []
        classes = frozenset(m for m in self.materials(lot) if m != lot)
        yield from self.known.require(Need(linked=classes))
        uses = [n for c in sorted(classes) for n in self._namings(c, Role.INPUT)]
        if not uses:
            return []
        keys = frozenset(n.event.facts.transformation for n in uses if n.event.facts.transformation is not None)
        yield from self.known.require(Need(transformations=keys, named=frozenset({lot})))
        found = []
        for use in uses:
            if self._may_have_been(lot, use):
                key = use.event.facts.transformation or ""
                found += [self._class_link(lot, use, out) for out in self._flows(key, Role.OUTPUT)]
                self._note_site(use, result)
        return found

    def _lots_of_classes(self, inputs: set[ItemId]) -> Generator[Need, Found, dict[ItemId, list[ItemId]]]:
        classes = frozenset(i for i in inputs if self._kind(i) == "class")
        if self.follow_all or not classes:
            return {}
        yield from self.known.require(Need(of_material=classes))
        lots = {c: [i for i in self.known.found.of_material.get(c, []) if i != c] for c in classes}
        yield from self.known.require(Need(named=frozenset(i for found in lots.values() for i in found)))
        return {c: [i for i in found if self._kind(i) == "lot"] for c, found in lots.items()}

    def _from_classes(
        self, key: str, outs: list[Naming], *, classes: dict[ItemId, list[ItemId]], result: Linked
    ) -> Generator[Need, Found, list[Link]]:
        found = []
        for use in self._flows(key, Role.INPUT):
            for lot in classes.get(use.mention.item, []):
                if self._may_have_been(lot, use):
                    found += [self._class_link(lot, use, out) for out in outs]
            if use.mention.item in classes:
                self._note_site(use, result)
        return found
        yield  # a question like its siblings, though it needs nothing more

    def _kind(self, item: ItemId) -> str:
        return kind_of(item, self.known.found.namings.get(item, []))

    def _may_have_been(self, lot: ItemId, use: Naming) -> bool:
        return stood_at(self.known.found.namings.get(lot, []), use.event.facts.site, at_us=use.event.facts.latest_us)

    def _note_site(self, use: Naming, result: Linked) -> None:
        if use.event.facts.site is None:
            result.classes_without_site[use.event.facts.transformation or ""] = use.mention.item

    def _class_link(self, lot: ItemId, use: Naming, out: Naming) -> Link:
        plain = self._derivation(_Used(lot, use, frozenset({"class_level"})), out, key="", everything=[])
        return plain

    # -- parts

    def _parts_of_component(self, item: ItemId, taken: list[_Used], around: Containment) -> list[Part]:
        wholes = {
            u.naming.event.facts.parent: {u.naming.mention.item}
            for u in taken
            if u.naming.mention.role is Role.COMPONENT and u.naming.event.facts.parent is not None
        }
        for u in taken:
            if u.naming.mention.role is Role.COMPONENT and u.naming.event.facts.parent is not None:
                wholes[u.naming.event.facts.parent].add(u.naming.mention.item)
        found = []
        for whole in sorted(wholes):
            named = wholes[whole] | {item}
            fits = [fit for n in named for fit in self._fits(n, whole, around)]
            fits += self._emptyings(whole, around)
            found += [p for p in parts_of(whole, _once(fits)) if p.item == item]
        return found

    def _fits(self, named: ItemId, whole: ItemId, around: Containment) -> Iterable[Fit]:
        for n in self._namings(named, Role.COMPONENT):
            if n.event.facts.parent == whole:
                stand_ins = tuple(StandIn(u.item, None, u.reasons) for u in self._expand(n, around))
                m = n.mention
                yield Fit(n.event, m.action, named, stand_ins, m.quantity, m.uom)

    def _emptyings(self, whole: ItemId, around: Containment) -> Iterable[Fit]:
        """Everything taken out; and, where that was done, the other fits, so that 'held nothing' can be told."""
        wholes = self._namings(whole, Role.WHOLE)
        if not any(n.mention.action is Action.TAKE_ALL for n in wholes):
            return
        for n in wholes:
            if n.mention.action is Action.TAKE_ALL:
                yield Fit(n.event, Action.TAKE_ALL, None)
            for m in self._contents(n.event.no, Role.COMPONENT):
                yield Fit(n.event, m.action, m.item, (StandIn(m.item),), m.quantity, m.uom)

    def _parts_of_whole(self, whole: ItemId, around: Containment) -> list[Part]:
        fits = []
        for n in self._namings(whole, Role.WHOLE):
            if n.mention.action is Action.TAKE_ALL:
                fits.append(Fit(n.event, Action.TAKE_ALL, None))
            for m in self._contents(n.event.no, Role.COMPONENT):
                stand_ins = tuple(StandIn(u.item, None, u.reasons) for u in self._expand(Naming(n.event, m), around))
                fits.append(Fit(n.event, m.action, m.item, stand_ins, m.quantity, m.uom))
        return parts_of(whole, fits)

    # -- lots and names

    def _memberships(self, item: ItemId, *, forward: bool) -> Generator[Need, Found, list[Link]]:
        members = [
            m
            for m in self.known.found.members.get(item, [])
            if (m.membership.lot if forward else m.membership.unit) == item
        ]
        late = frozenset(m.membership.unit for m in members if not m.membership.at_making)
        if late:
            yield from self.known.require(Need(named=late))
        return [self._membership(m) for m in members]

    def _membership(self, member: MemberAt) -> Link:
        """At the unit's commissioning or making, else its first event."""
        unit = member.membership.unit
        at_us = member.event.facts.begins_us
        if not member.membership.at_making:
            namings = self.known.found.namings.get(unit, [])
            births = [n.event.facts.begins_us for n in namings if _is_birth(n)]
            firsts = [n.event.facts.begins_us for n in namings]
            at_us = min(births or firsts or [at_us])
        return Link(
            relation=Relation.MEMBER_OF_LOT,
            source=member.membership.lot,
            target=unit,
            event_id=member.event.facts.event_id,
            since_us=at_us,
            leave_us=at_us,
            leave_until_us=at_us,
            reach_us=at_us,
            reasons=frozenset({"replacement_pending"} if member.event.pending else ()),
        )

    def _identities(self, item: ItemId, *, forward: bool) -> list[Link]:
        found = []
        for s in self.known.found.same.get(item, []):
            other = s.other if s.one == item else s.one
            found.append(
                Link(
                    relation=Relation.IDENTIFIED_AS,
                    source=item if forward else other,
                    target=other if forward else item,
                    event_id=s.event.facts.event_id,
                    since_us=s.event.facts.latest_us,
                    reasons=frozenset({"replacement_pending"} if s.event.pending else ()),
                )
            )
        return found


def _is_birth(naming: Naming) -> bool:
    return naming.mention.role is Role.OUTPUT or naming.event.facts.rank == 0


def _once(fits: Iterable[Fit]) -> list[Fit]:
    """Fits without repeats; where one is known with stand-ins and without, the one that knows more."""
    kept: dict[tuple[int, ItemId | None, Action], Fit] = {}
    for fit in fits:
        key = (fit.event.no, fit.named, fit.action)
        if key not in kept or len(fit.stand_ins) > len(kept[key].stand_ins):
            kept[key] = fit
    return list(kept.values())


def _interval_links(
    build: Callable[[int, int | None, frozenset[str]], Link],
    stay: Part | Stay,
    reasons: frozenset[str],
) -> list[Link]:
    links = [build(stay.since_us, stay.until_us, reasons)]
    if stay.end_pending and stay.until_us is not None and stay.possible_until_us != stay.until_us:
        links.append(build(stay.until_us, stay.possible_until_us, reasons | {"replacement_pending"}))
    return links


def _part_links(part: Part) -> list[Link]:
    def build(since_us: int, until_us: int | None, reasons: frozenset[str]) -> Link:
        return Link(
            relation=Relation.PART_OF,
            source=part.item,
            target=part.whole,
            event_id=part.start.facts.event_id,
            since_us=since_us,
            until_us=until_us,
            quantity=part.quantity,
            uom=part.uom,
            reasons=reasons,
        )

    return _interval_links(build, part, part.reasons)


def _stay_links(stay: Stay) -> list[Link]:
    def build(since_us: int, until_us: int | None, reasons: frozenset[str]) -> Link:
        return Link(
            relation=Relation.CONTAINED_IN,
            source=stay.child,
            target=stay.parent,
            event_id=stay.start.facts.event_id,
            since_us=since_us,
            until_us=until_us,
            reasons=reasons,
        )

    pending = frozenset({"replacement_pending"} if stay.start.pending else ())
    return _interval_links(build, stay, pending)
