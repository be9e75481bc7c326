"""Open holds and recalls that reach an item (SEMANTICS §4 'Holds, recalls').

They reach it from itself, another name of it, its containers, its lots, and lots those were split from.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.events import ProductScope
from domain.facts import EventFacts, Role
from domain.ids import ItemId, serial_of
from domain.kinds import is_lot
from domain.namesakes import materials
from domain.record import Found, Known, Naming, Need
from domain.scene import scene_of
from domain.serials import within
from domain.stays import Containment, Stay


@dataclass(slots=True)
class Restraints:
    """Ids of the open holds and recalls by item."""

    holds: dict[ItemId, tuple[str, ...]] = field(default_factory=dict)
    recalls: dict[ItemId, tuple[str, ...]] = field(default_factory=dict)


def restraints(
    known: Known, items: Sequence[ItemId], around: Containment, *, at_us: int
) -> Generator[Need, Found, Restraints]:
    """The holds and recalls open at an instant. The items and their containers are already known by every role."""
    reach = yield from _reach(known, items, around, at_us=at_us)
    sources = frozenset(s for found in reach.values() for s in found)
    namings = [n for s in sources for n in known.found.namings.get(s, [])]
    hold_ids = frozenset(n.event.facts.hold.hold_id for n in namings if n.event.facts.hold is not None)
    classes = frozenset(m for s in sources for m in materials(known, s))
    yield from known.require(Need(holds=hold_ids, recalls_of=classes))
    recall_ids = {n.event.facts.recall.recall_id for n in namings if n.event.facts.recall is not None}
    recall_ids |= {
        e.facts.recall.recall_id for c in classes for e in known.found.recalls_of.get(c, []) if e.facts.recall
    }
    yield from known.require(Need(recalls=frozenset(recall_ids)))
    result = Restraints()
    for item in items:
        holds = {h for s in reach[item] for h in _holds_on(known, s, at_us)}
        recalls = {r for s in reach[item] for r in _recalls_on(known, s, at_us, reaching=item)}
        done = {r for r in recalls if _remedied(known, item, r, at_us=at_us)}
        if holds:
            result.holds[item] = tuple(sorted(holds))
        if recalls - done:
            result.recalls[item] = tuple(sorted(recalls - done))
    return result


def _reach(
    known: Known, items: Sequence[ItemId], around: Containment, *, at_us: int
) -> Generator[Need, Found, dict[ItemId, set[ItemId]]]:
    """For each item, everything whose holds and recalls reach it. Grows until nothing new is found."""
    reach = {item: {item} for item in items}
    frontier = {item: {item} for item in items}
    stays = around.stays
    while any(frontier.values()):
        fresh = frozenset(s for found in frontier.values() for s in found)
        yield from known.require(Need(named=fresh))
        stays = yield from _with_containers(known, stays, fresh)
        keys = frozenset(
            n.event.facts.transformation
            for s in fresh
            if is_lot(s, known.found.namings.get(s, []))
            for n in known.found.namings.get(s, [])
            if n.mention.role is Role.OUTPUT and n.event.facts.transformation is not None
        )
        yield from known.require(Need(transformations=keys))
        for item in items:
            above = {t for s in frontier[item] for t in _towards(known, stays, s, at_us=at_us)}
            frontier[item] = above - reach[item]
            reach[item] |= above
    return reach


def _with_containers(
    known: Known, stays: dict[ItemId, list[Stay]], items: Iterable[ItemId]
) -> Generator[Need, Found, dict[ItemId, list[Stay]]]:
    """The stays of these, too: a lot, or another name, was perhaps packed by itself."""
    packed = frozenset(
        i for i in items if i not in stays and any(n.mention.role is Role.CHILD for n in known.found.namings.get(i, []))
    )
    if not packed:
        return stays
    scene = yield from scene_of(known, packed)
    return {**scene.around.stays, **stays}


def _towards(known: Known, stays: Mapping[ItemId, list[Stay]], item: ItemId, *, at_us: int) -> Iterable[ItemId]:
    for stay in stays.get(item, []):
        if stay.covers(at_us):
            yield stay.parent
    for member in known.found.members.get(item, []):
        if member.membership.unit == item and member.event.facts.latest_us <= at_us:
            yield member.membership.lot
    for same in known.found.same.get(item, []):
        if same.event.facts.latest_us <= at_us:
            yield same.other if same.one == item else same.one
    namings = known.found.namings.get(item, [])
    if is_lot(item, namings):
        yield from _split_from(known, item, namings, at_us=at_us)


def _split_from(known: Known, lot: ItemId, namings: list[Naming], *, at_us: int) -> Iterable[ItemId]:
    """Lots of the same material that a transformation turned into this lot: it was split off, or merged."""
    mine = materials(known, lot)
    for naming in namings:
        if naming.mention.role is Role.OUTPUT and naming.event.facts.latest_us <= at_us:
            for other in known.found.transformations.get(naming.event.facts.transformation or "", []):
                source = other.mention.item
                if other.mention.role is Role.INPUT and source != lot and materials(known, source) & mine:
                    yield source


def _holds_on(known: Known, item: ItemId, at_us: int) -> Iterable[str]:
    """Holds placed on exactly this item and not released since. A release names its hold, and may name no item."""
    named = {n.event.no for n in known.found.namings.get(item, [])}
    ids = {n.event.facts.hold.hold_id for n in known.found.namings.get(item, []) if n.event.facts.hold is not None}
    for hold_id in ids:
        past = [e for e in known.found.holds.get(hold_id, []) if e.facts.latest_us <= at_us]
        concerning = [
            e for e in past if e.no in named or (e.facts.hold and not e.facts.hold.placed and e.facts.hold.for_all)
        ]
        last = max(concerning, key=lambda e: e.facts.order, default=None)
        if last is not None and last.facts.hold is not None and last.facts.hold.placed:
            yield hold_id


def _recalls_on(known: Known, item: ItemId, at_us: int, *, reaching: ItemId) -> Iterable[str]:
    """Recalls declared on exactly this item, or on a stretch of its product that it falls into, and not closed.

    `reaching`: whom they would reach from it; a stretch of serials reaches a unit by its own serial, not by its lot.
    """
    found: set[str] = set()
    for naming in known.found.namings.get(item, []):
        facts = naming.event.facts
        if facts.recall and facts.recall.action == "declared" and facts.latest_us <= at_us:
            scoped_product = {p.product for p in facts.recall.products}
            if item not in scoped_product or naming.mention.by_class is False:
                found.add(facts.recall.recall_id)
    for material in materials(known, item):
        for event in known.found.recalls_of.get(material, []):
            recall = event.facts.recall
            if recall is not None and event.facts.latest_us <= at_us:
                scopes = [p for p in recall.products if p.product == material]
                if any(_falls_into(known, item, scope, reaching=reaching) for scope in scopes):
                    found.add(recall.recall_id)
    return {r for r in found if not _closed(known, r, at_us)}


def _closed(known: Known, recall_id: str, at_us: int) -> bool:
    past = [e.facts for e in known.found.recalls.get(recall_id, []) if e.facts.latest_us <= at_us and e.facts.recall]
    standing = [f for f in past if f.recall and f.recall.action in ("declared", "closed")]
    last = max(standing, key=lambda f: f.order, default=None)
    return last is not None and last.recall is not None and last.recall.action == "closed"


def _remedied(known: Known, item: ItemId, recall_id: str, *, at_us: int) -> bool:
    return any(
        facts.recall is not None
        and facts.recall.action == "remedied"
        and facts.recall.recall_id == recall_id
        and facts.latest_us <= at_us
        for facts in (n.event.facts for n in known.found.namings.get(item, []))
    )


def _falls_into(known: Known, item: ItemId, scope: ProductScope, *, reaching: ItemId) -> bool:
    """Whether the item is in the stretch. What the record does not tell (its serial, its birth) counts as inside."""
    serials = _serials(known, item, scope) or _serials(known, reaching, scope)
    if scope.first_serial is not None and scope.last_serial is not None and serials:
        low, high = scope.first_serial, scope.last_serial
        if not any(within(s, low, high, alphabet=scope.alphabet, check=scope.check) for s in serials):
            return False
    born = _born(n.event.facts for n in known.found.namings.get(item, []))
    if born is None:
        return True
    after = scope.made_from is None or born.latest_us >= scope.made_from.earliest_us
    before = scope.made_until is None or born.begins_us <= scope.made_until.latest_us
    return after and before


def _serials(known: Known, item: ItemId, scope: ProductScope) -> list[str]:
    ids = (i for i in known.things.ids(item) if i.material == scope.product)
    return [serial for i in ids if (serial := serial_of(i)) is not None]


def _born(facts: Iterable[EventFacts]) -> EventFacts | None:
    made = [f for f in facts if f.rank == 0 or f.transformation is not None]
    return min(made, key=lambda f: f.order, default=None)
