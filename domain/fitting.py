"""What is part of what, and what is in what, as links over intervals (SEMANTICS §3 'part_of')."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from domain.answers import Conflict
from domain.assembly import SOFTWARE_INSTALLED, Fit, Part, parts_of
from domain.facts import Action, Role
from domain.ids import ItemId
from domain.links import Link, Relation
from domain.record import Naming
from domain.stays import Containment, StandIn, Stay
from domain.uses import Used, Uses


class Fittings:
    """Reads the intervals of components from the fittings and removals of units."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses

    # -- parts

    def parts_of_component(
        self, item: ItemId, taken: list[Used], around: Containment, *, of_lots: bool = True
    ) -> list[Part]:
        """Where it was fitted; `of_lots`: also where a lot was that it was packed in."""
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
            fits += self._endings(whole, around)
            if not of_lots:
                fits = [replace(f, stand_ins=tuple(one for one in f.stand_ins if not one.of_lot)) for f in fits]
            found += [p for p in parts_of(whole, _once(fits)) if p.item == item]
        return found

    def _fits(self, named: ItemId, whole: ItemId, around: Containment) -> Iterable[Fit]:
        for n in self.uses.namings(named, Role.COMPONENT):
            if n.event.facts.parent == whole:
                stand_ins = tuple(map(_stand_in, self.uses.expand(n, around)))
                m = n.mention
                yield Fit(n.event, m.action, named, stand_ins, m.quantity, m.uom)

    def _endings(self, whole: ItemId, around: Containment) -> Iterable[Fit]:
        """Everything taken out, and software that replaces other; for the first also the other fits, so that 'held
        nothing' can be told.
        """
        wholes = self.uses.namings(whole, Role.WHOLE)
        emptied = any(n.mention.action is Action.TAKE_ALL for n in wholes)
        for n in wholes:
            if n.mention.action is Action.TAKE_ALL:
                yield Fit(n.event, Action.TAKE_ALL, None)
            if emptied or n.event.facts.kind == SOFTWARE_INSTALLED:
                for m in self.uses.contents(n.event.no, Role.COMPONENT):
                    yield Fit(n.event, m.action, m.item, (StandIn(m.item),), m.quantity, m.uom)

    def parts_of_whole(self, whole: ItemId, around: Containment) -> list[Part]:
        fits = []
        for n in self.uses.namings(whole, Role.WHOLE):
            if n.mention.action is Action.TAKE_ALL:
                fits.append(Fit(n.event, Action.TAKE_ALL, None))
            for m in self.uses.contents(n.event.no, Role.COMPONENT):
                stand_ins = tuple(map(_stand_in, self.uses.expand(Naming(n.event, m), around)))
                fits.append(Fit(n.event, m.action, m.item, stand_ins, m.quantity, m.uom))
        return parts_of(whole, fits)


def _stand_in(used: Used) -> StandIn:
    return StandIn(used.item, None, used.reasons, of_lot=used.of_lot)


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
    held = build(stay.since_us, stay.until_us, reasons)
    links = [replace(held, since_from_us=stay.since_from_us, until_from_us=stay.until_from_us)]
    if stay.end_pending and stay.until_us is not None and stay.possible_until_us != stay.until_us:
        links.append(build(stay.until_us, stay.possible_until_us, reasons | {"replacement_pending"}))
    return links


def part_links(part: Part) -> list[Link]:
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


def stay_links(stay: Stay) -> list[Link]:
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


def two_parents(parts: Mapping[ItemId, Sequence[Part]]) -> list[Conflict]:
    """Items that surely were in two units at the same time; both stand."""
    found: dict[Conflict, None] = {}
    for item, stays in parts.items():
        for one, other in combinations(stays, 2):
            doubtful = one.again or other.again or one.of_lot or other.of_lot
            if one.whole != other.whole and not doubtful and _overlap(one, other):
                events = tuple(sorted({one.start.facts.event_id, other.start.facts.event_id}))
                wholes = sorted((one.whole, other.whole))
                detail = f"{item} is recorded in {wholes[0]} and in {wholes[1]} at the same time"
                found[Conflict("two_parents", (item, *wholes), events, detail)] = None
    return list(found)


def _overlap(one: Part, other: Part) -> bool:
    starts = max(one.since_us, other.since_us)
    ends = [u for u in (one.until_from_us, other.until_from_us) if u is not None]
    return not ends or starts < min(ends)
