"""What was made while something was mounted: derivation links by overlap, none stored (rules: domain.stands)."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace

from domain.answers import Conflict, Gap
from domain.bookings import BOOKED_WITHIN_US, is_bounded, made_since_us
from domain.facts import Role
from domain.ids import ItemId
from domain.links import NEVER_US, Link, Relation
from domain.moments import DAY_US
from domain.mountings import Scene, find_ends, scene_of, windows_of
from domain.record import Found, LoadSign, Making, Need, OrderStart
from domain.stands import Position, Stand, held
from domain.uses import Used, Uses

MOUNTED = "mounted"
"""The basis of these links: the scan names the material, the making the equipment, so it counts as scanned."""

Wanted = dict[tuple[int, ItemId], list[tuple[ItemId, frozenset[str]]]]
"""(mount, item named) -> what it stood for, with reasons."""
Stood = list[tuple[Position, Stand, frozenset[str]]]


@dataclass(slots=True)
class _Holding:
    """What one making holds of one item, by all the positions it stood at: certain if one of them makes it so."""

    sign: LoadSign
    ways: list[frozenset[str]] = field(default_factory=list)

    def take(self, sign: LoadSign, reasons: frozenset[str]) -> None:
        if sign.event.facts.order > self.sign.event.facts.order:
            self.sign = sign
        self.ways.append(reasons)

    @property
    def reasons(self) -> frozenset[str]:
        return frozenset() if frozenset() in self.ways else frozenset[str]().union(*self.ways)


class Loading:
    """Builds the links between what is mounted and what is made meanwhile, both ways."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self.known = uses.known
        self._gaps: list[Gap] = []

    def told(self) -> list[Gap]:
        """What came to light since it was last asked: outputs of which nothing tells when they were made."""
        found, self._gaps = self._gaps, []
        return found

    def links_out(
        self, taken: dict[ItemId, list[Used]], conflicts: list[Conflict]
    ) -> Generator[Need, Found, dict[ItemId, list[Link]]]:
        """From mounted items to what was made. `taken`: their uses as input, themselves or in a tray."""
        wanted: Wanted = {}
        for item, uses in taken.items():
            for u in uses:
                if u.naming.event.facts.kind == MOUNTED:
                    wanted.setdefault((u.naming.event.no, u.naming.mention.item), []).append((item, u.reasons))
        named = frozenset(n for _, n in wanted) | taken.keys()
        yield from self.known.require(Need(loadings_of=named))
        signs = [s for i in sorted(named) for s in self.known.found.loadings_of.get(i, [])]
        if not signs:
            return {}
        windows = yield from windows_of(self.known, signs)
        yield from self.known.require(Need(makings=frozenset(windows)))
        makings = yield from self._dated(m for w in windows for m in self.known.found.makings.get(w, []))
        scene = yield from scene_of(self.known, makings)
        yield from self._materials(makings, {s.item for ps in scene.positions.values() for p in ps for s in p.stands})
        scene.positions = {w: self._relevant(ps, wanted, taken.keys()) for w, ps in scene.positions.items()}
        yield from self._moves(s for ps in scene.positions.values() for p in ps for s in p.stands if s.item in named)
        links: dict[ItemId, list[Link]] = {}
        for making in makings:
            stood = _stood(scene, making)
            for source, link in self._links(making, stood, wanted=wanted, asked=taken.keys()):
                links.setdefault(source, []).append(link)
            _tell(conflicts, making, [s for _, s, _ in stood if s.item in taken])
        return links

    def links_in(
        self, items: frozenset[ItemId], conflicts: list[Conflict]
    ) -> Generator[Need, Found, dict[ItemId, list[Link]]]:
        """To what was made, from what was mounted meanwhile."""
        yield from self.known.require(Need(makings_of=items))
        makings = yield from self._dated(m for i in sorted(items) for m in self.known.found.makings_of.get(i, []))
        if not makings:
            return {}
        scene = yield from scene_of(self.known, makings)
        stood = [(making, _stood(scene, making)) for making in makings]
        named = {s.item for _, found in stood for _, s, _ in found}
        yield from self._materials(makings, named)
        yield from self.known.require(Need(loadings_of=frozenset(named)))
        yield from self._moves(s for _, found in stood for _, s, _ in found)
        around = yield from self.uses.around_named(named, frozenset())
        wanted: Wanted = {}
        for item in named:
            for naming in self.uses.namings(item, Role.INPUT):
                if naming.event.facts.kind == MOUNTED:
                    stand_ins = [(u.item, u.reasons) for u in self.uses.expand(naming, around)]
                    wanted[(naming.event.no, item)] = stand_ins
        links: dict[ItemId, list[Link]] = {}
        for making, found in stood:
            for _, link in self._links(making, found, wanted=wanted, asked=named):
                if link.target in items:
                    links.setdefault(link.target, []).append(link)
            _tell(conflicts, making, [s for _, s, _ in found])
        return links

    # -- when it was made

    def _dated(self, makings: Iterable[Making]) -> Generator[Need, Found, list[Making]]:
        """Each once; of what is only booked, since when it may have been made by what the order tells."""
        once = _once(makings)
        keys = {m.event.facts.transformation for m in once if m.event.facts.posting is not None}
        yield from self.known.require(Need(order_starts=frozenset(k for k in keys if k is not None)))
        return [replace(m, since_us=made_since_us(m.event.facts, self._starts(m))) for m in once]

    def _starts(self, making: Making) -> list[OrderStart]:
        return self.known.found.order_starts.get(making.event.facts.transformation or "", [])

    def _tell_unbounded(self, making: Making) -> None:
        """Nothing in the record says how far back what was booked may have been made."""
        facts = making.event.facts
        if is_bounded(facts, self._starts(making)):
            return
        items = tuple(sorted({m.item for m in making.made}))
        detail = (
            f"only booked ({facts.event_id}), and nothing says since when the order was worked on: what stood on"
            f" {', '.join(making.made_on)} in the {BOOKED_WITHIN_US // DAY_US} days before may be in it"
        )
        gap = Gap("no_making", items, detail)
        if gap not in self._gaps:
            self._gaps.append(gap)

    # -- the links of one making

    def _links(
        self, making: Making, stood: Stood, *, wanted: Wanted, asked: Iterable[ItemId]
    ) -> list[tuple[ItemId, Link]]:
        """One link for each item that it holds of what stood there and each thing made."""
        found: dict[ItemId, _Holding] = {}
        for position, stand, reasons in stood:
            for source, doubts in _stood_for(stand, wanted, asked):
                why = reasons | doubts | self._doubts(source, stand, position, making=making, stood=stood)
                found.setdefault(source, _Holding(stand.start)).take(stand.start, why)
        if found:
            self._tell_unbounded(making)
        return [
            (source, _link(making, source, made.item, holding=holding))
            for source, holding in sorted(found.items(), key=lambda kv: kv[0])
            for made in making.made
            if made.item != source
        ]

    def _doubts(
        self, source: ItemId, stand: Stand, position: Position, *, making: Making, stood: Stood
    ) -> frozenset[str]:
        why = set()
        if self._moved(stand):
            why.add("inferred")
        if making.event.pending:
            why.add("replacement_pending")
        others = {s.item for p, s, _ in stood if p is not position} | {m.item for m in making.used}
        same = {s.other if s.one == source else s.one for s in self.known.found.same.get(source, [])}
        if any(self._alike(source, other) for other in others - same - {source, stand.item}):
            why.add("several_inputs")
        return frozenset(why)

    def _alike(self, one: ItemId, other: ItemId) -> bool:
        """Rule 7: of one class, or of one that is not known."""
        mine, theirs = self.uses.materials(one), self.uses.materials(other)
        return not mine or not theirs or bool(mine & theirs)

    def _moves(self, stands: Iterable[Stand]) -> Generator[Need, Found, None]:
        """Where a unit may have been mounted elsewhere meanwhile, its end must be known."""
        yield from find_ends(self.known, [s for s in stands if self._moved(s)])

    def _moved(self, stand: Stand) -> bool:
        """Rule 6: a unit that is mounted elsewhere while nothing took it off here."""
        if stand.unrecorded or self.uses.is_lot(stand.item):
            return False
        here = (stand.start.fact.equipment, stand.start.fact.position)
        return any(
            s.fact.mounts
            and not s.event.pending
            and (s.fact.equipment, s.fact.position) != here
            and s.event.facts.latest_us >= stand.from_us
            and s.event.facts.earliest_us < stand.until_us
            for s in self.known.found.loadings_of.get(stand.item, [])
        )

    # -- what is needed of the material

    def _materials(self, makings: Iterable[Making], named: set[ItemId]) -> Generator[Need, Found, None]:
        used = {m.item for making in makings for m in making.used}
        yield from self.known.require(Need(linked=frozenset(named), related=frozenset(used - named)))

    def _relevant(self, positions: list[Position], wanted: Wanted, asked: Iterable[ItemId]) -> list[Position]:
        """Forward: the positions where the items asked about stood, and those that may have given the same material."""
        named, sources = {n for _, n in wanted}, {i for found in wanted.values() for i, _ in found} | set(asked)
        return [
            p
            for p in positions
            if any(
                s.item in named or s.item in sources or any(self._alike(i, s.item) for i in sources) for s in p.stands
            )
        ]


def _stood(scene: Scene, making: Making) -> Stood:
    return [
        (position, stand, reasons)
        for position in scene.during(making)
        for stand in position.stands
        if (reasons := held(position, stand, making, units_between=scene.units_between)) is not None
    ]


def _stood_for(stand: Stand, wanted: Wanted, asked: Iterable[ItemId]) -> list[tuple[ItemId, frozenset[str]]]:
    """The item, or what the tray held when it was mounted. Of a mount nobody recorded only the item is known."""
    if stand.unrecorded:
        return [(stand.item, frozenset())] if stand.item in asked else []
    return wanted.get((stand.start.event.no, stand.item), [])


def _once(makings: Iterable[Making]) -> list[Making]:
    return list({m.event.no: m for m in makings}.values())


def _link(making: Making, source: ItemId, target: ItemId, *, holding: _Holding) -> Link:
    facts = making.event.facts
    return Link(
        relation=Relation.DERIVATION,
        source=source,
        target=target,
        event_id=holding.sign.event.facts.event_id,
        since_us=facts.latest_us,
        leave_us=making.since_us,
        leave_until_us=facts.latest_us,
        reach_us=making.since_us,
        reach_until_us=NEVER_US if facts.kind == "commissioned" else facts.latest_us,
        basis=MOUNTED,
        reasons=holding.reasons,
    )


def _tell(conflicts: list[Conflict], making: Making, stands: Iterable[Stand]) -> None:
    """Two items at one position while it was made."""
    facts = making.event.facts
    for stand in stands:
        for rival in stand.rivals:
            if rival.from_us <= facts.latest_us and rival.until_us >= making.since_us:
                items = tuple(sorted((stand.item, rival.item)))
                events = tuple(sorted({stand.start.event.facts.event_id, rival.event_id}))
                where = f"{stand.start.fact.equipment}, position {stand.start.fact.position}"
                detail = f"{items[0]} and {items[1]} are recorded at {where} at the same time"
                conflict = Conflict("two_at_position", items, events, detail)
                if conflict not in conflicts:
                    conflicts.append(conflict)
