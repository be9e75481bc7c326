"""What came out of a vessel, from all that went into it since it was clean (docs/semantics.md, Vessels)."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.acts import drawn_lot
from domain.derivation import SURE_BASES
from domain.events import VesselMode
from domain.facts import EventFacts, Role, VesselAct
from domain.fifo import shares
from domain.fills import Held, breaks_of, fill_of, held_in, merged_fills
from domain.ids import ItemId
from domain.kinds import is_lot
from domain.links import NEVER_US, Link, Relation
from domain.presence import Presence
from domain.record import Found, Naming, Need, VesselSign
from domain.spans import FillSpan
from domain.stays import Containment
from domain.uses import Uses

CHARGED = "charged"
"""The basis of a link whose charge names none: the charge says what went in, the discharge what came out."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What a charge stood for: the item it named, what was in that box, a lot of that class."""

    item: ItemId
    reasons: frozenset[str]
    basis: str


Sources = dict[tuple[int, ItemId], list[_Source]]
"""By the charge and the item it named."""


class Vessels:
    """Builds the links between what is charged and what is discharged, both ways."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self.known = uses.known
        self.presence = Presence(uses)

    def links_out(
        self, items: frozenset[ItemId], around: Containment
    ) -> Generator[Need, Found, dict[ItemId, list[Link]]]:
        """From charged items to what came out. `around`: their containment, for what was charged in a box."""
        boxes = {box for (_, box), stand_ins in around.stood_for.items() if any(s.item in items for s in stand_ins)}
        named = items | boxes | {m for i in items if self._may_be_class_use(i) for m in self.uses.materials(i)}
        yield from self.known.require(Need(acts_on=frozenset(named)))
        charges = [s for s in self._acts(named) if s.fact.act is VesselAct.CHARGE]
        if not charges:
            return {}
        yield from self.known.require(Need(linked=frozenset(s.fact.item for s in charges if s.fact.item is not None)))
        sources = yield from self._sources(charges, around=around, asked=items)
        ahead = merged_fills(
            fill_of(s, ahead=True) for s in charges if s.fact.item and sources[s.event.no, s.fact.item]
        )
        yield from self.known.require(Need(fills=frozenset(ahead)))
        found = [s for span in ahead for s in self.known.found.fills.get(span, [])]
        discharges = [s for s in found if s.fact.act is VesselAct.DISCHARGE and s.fact.item is not None]
        held = yield from self._held(list(dict.fromkeys(discharges)))
        links: dict[ItemId, list[Link]] = {}
        for link in self._links(held, sources):
            links.setdefault(link.source, []).append(link)
        return links

    def links_in(self, items: frozenset[ItemId]) -> Generator[Need, Found, dict[ItemId, list[Link]]]:
        """To what came out, from all that may have been in the vessel."""
        yield from self.known.require(Need(acts_on=items))
        held = yield from self._held([s for s in self._acts(items) if s.fact.act is VesselAct.DISCHARGE])
        if not held:
            return {}
        named = frozenset(one.item for _, _, found in held for one in found)
        around = yield from self.uses.around_named(set(named), frozenset())
        charges = list(dict.fromkeys(one.charge for _, _, found in held for one in found))
        sources = yield from self._sources(charges, around=around, asked=None)
        links: dict[ItemId, list[Link]] = {}
        for link in self._links(held, sources):
            links.setdefault(link.target, []).append(link)
        return links

    def _acts(self, items: Iterable[ItemId]) -> list[VesselSign]:
        return [s for i in sorted(items) for s in self.known.found.acts_on.get(i, [])]

    def _held(
        self, discharges: list[VesselSign]
    ) -> Generator[Need, Found, list[tuple[VesselSign, list[VesselSign], list[Held]]]]:
        """Each discharge with the acts on its vessel since it was surely clean, and what it may hold."""
        spans = merged_fills(fill_of(s, ahead=False) for s in discharges)
        yield from self.known.require(Need(fills=frozenset(spans)))
        fills: dict[FillSpan, tuple[list[VesselSign], list[VesselSign]]] = {}
        for span in spans:
            acts = self.known.found.fills.get(span, [])
            fills[span] = (acts, breaks_of(acts))
        found = []
        for discharge in discharges:
            own = fill_of(discharge, ahead=False)
            span = next(s for s in spans if s.vessel == own.vessel and s.from_us <= own.from_us <= s.to_us)
            acts, breaks = fills[span]
            found.append((discharge, acts, held_in(discharge, acts, breaks)))
        yield from self.known.require(Need(linked=frozenset(h.item for _, _, held in found for h in held)))
        return found

    # -- what a charge stood for

    def _may_be_class_use(self, item: ItemId) -> bool:
        namings = self.known.found.namings.get(item, [])
        return not self.uses.follow_all and item.kind != "class" and is_lot(item, namings)

    def _sources(
        self, charges: list[VesselSign], *, around: Containment, asked: frozenset[ItemId] | None
    ) -> Generator[Need, Found, Sources]:
        """What the charges stood for. `asked`: these alone (forward), None: all."""
        lots = yield from self._lots(charges, asked)
        charged = {s.fact.item for s in charges if s.fact.item is not None}
        namings = {(n.event.no, i): n for i in charged for n in self.uses.namings(i, Role.INPUT)}
        found: Sources = {}
        for charge in charges:
            item = charge.fact.item
            if item is None:
                continue
            key = (charge.event.no, item)
            stood_for = self._stood_for(item, namings.get(key), around)
            stood_for += [
                _Source(lot, frozenset({"class_level"}), CHARGED) for lot in self._of_class(charge, lots, item)
            ]
            found[key] = [s for s in stood_for if asked is None or s.item in asked]
        return found

    def _lots(
        self, charges: Iterable[VesselSign], asked: frozenset[ItemId] | None
    ) -> Generator[Need, Found, dict[ItemId, list[ItemId]]]:
        """The lots of each class charged without one, among those asked about."""
        named = {s.fact.item for s in charges if s.fact.item is not None}
        classes = set() if self.uses.follow_all else {i for i in named if self.uses.kind(i) == "class"}
        if not classes:
            return {}
        if asked is None:
            yield from self.known.require(Need(of_material=frozenset(classes)))
            lots = {c: self.known.found.of_material.get(c, []) for c in classes}
        else:
            lots = {c: [i for i in sorted(asked) if c in self.uses.materials(i)] for c in classes}
        yield from self.presence.load(frozenset(i for found in lots.values() for i in found))
        return lots

    def _stood_for(self, item: ItemId, naming: Naming | None, around: Containment) -> list[_Source]:
        if naming is None:
            return [_Source(item, frozenset(), CHARGED)]
        basis = naming.mention.basis
        doubts = frozenset({"basis"} if basis not in SURE_BASES else ())
        told = str(basis) if basis is not None else CHARGED
        return [_Source(u.item, u.reasons | doubts, told) for u in self.uses.expand(naming, around)]

    def _of_class(self, charge: VesselSign, lots: dict[ItemId, list[ItemId]], item: ItemId) -> Iterable[ItemId]:
        facts = charge.event.facts
        for lot in lots.get(item, []):
            namings = self.known.found.namings.get(lot, [])
            if lot != item and is_lot(lot, namings) and self._may_have_been(lot, facts):
                yield lot

    def _may_have_been(self, lot: ItemId, facts: EventFacts) -> bool:
        return self.presence.may_have_been(lot, facts.site, from_us=facts.begins_us, to_us=facts.latest_us)

    # -- links

    def _links(
        self, held: Iterable[tuple[VesselSign, list[VesselSign], list[Held]]], sources: Sources
    ) -> Iterable[Link]:
        for discharge, acts, found in held:
            several = self._several(discharge, found)
            fifo = discharge.fact.mode is VesselMode.FIFO
            share = shares(discharge, acts, [h.charge for h in found]) if fifo else {}
            for one in found:
                key = (one.charge.event.no, one.item)
                reasons = one.reasons | several[one.item]
                for source in sources.get(key, []):
                    if source.item != discharge.fact.item:
                        yield _link(one.charge, discharge, source, reasons=reasons, share=share.get(key))

    def _several(self, discharge: VesselSign, held: list[Held]) -> dict[ItemId, frozenset[str]]:
        """Whether the vessel, held so, leaves open that none of an item came out."""
        items = {h.item for h in held}
        by_class: dict[ItemId | None, set[ItemId]] = {}
        for item in items:
            for material in self.uses.materials(item) or (None,):
                by_class.setdefault(material, set()).add(item)
        found = {}
        for item in items:
            same = {s.other if s.one == item else s.one for s in self.known.found.same.get(item, [])} | {item}
            match discharge.fact.mode:
                case VesselMode.MIXED:
                    rivals: set[ItemId] = set()
                case VesselMode.FIFO | VesselMode.UNKNOWN | VesselMode.SEGREGATED:
                    rivals = items - same
                case None:
                    mine = self.uses.materials(item)
                    alike = [by_class.get(m, set()) for m in (*mine, None)] if mine else [items]
                    rivals = set().union(*alike) - same
            found[item] = frozenset({"several_inputs"} if rivals else ())
        return found


def _is_drawn(discharge: VesselSign) -> bool:
    """Whether what came out is a lot of its own: it is nothing before."""
    facts, fact = discharge.event.facts, discharge.fact
    return fact.item == drawn_lot(fact.vessel, facts.event_id, fact.part)


def _link(
    charge: VesselSign, discharge: VesselSign, source: _Source, *, reasons: frozenset[str], share: Decimal | None
) -> Link:
    taken, made = charge.event.facts, discharge.event.facts
    assert discharge.fact.item is not None
    return Link(
        relation=Relation.DERIVATION,
        source=source.item,
        target=discharge.fact.item,
        event_id=taken.event_id,
        since_us=taken.latest_us,
        leave_us=taken.begins_us,
        leave_until_us=taken.latest_us,
        reach_us=max(taken.begins_us, made.begins_us),
        reach_until_us=NEVER_US if _is_drawn(discharge) else made.latest_us,
        quantity=charge.fact.quantity,
        uom=charge.fact.uom,
        basis=source.basis,
        reasons=reasons | source.reasons,
        share=share,
    )
