"""Unit over lot: a scan of serials that covers what a unit required of a material (docs/semantics.md 'Unit over lot').

The lot-level link is then shown and not walked: the lot reaches the unit through its serials.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.answers import Superseded
from domain.facts import Action, Mention, Role, Status
from domain.ids import ItemId
from domain.links import ALWAYS_US, Link, Relation
from domain.record import Found, Need
from domain.uses import Uses

PIECES = (None, "EA", "H87", "C62", "PCE")
"""Units of measure that count pieces (UN/ECE Rec 20); absent: pieces."""
OPENING_KINDS = frozenset({"reworked", "remedied"})
_PUT = (Action.PUT, Action.OBSERVE)


@dataclass(frozen=True, slots=True)
class _Use:
    """One record of what went into a unit. `alone`: it was for this unit only."""

    mention: Mention
    event_id: str
    latest_us: int
    sure: bool
    alone: bool


class Superseding:
    """Takes superseded links out of links."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self.known = uses.known

    def split(self, links: dict[ItemId, list[Link]]) -> Generator[Need, Found, list[Superseded]]:
        """Remove the superseded links from each list; returns them."""
        asked = [link for ls in links.values() for link in ls if self._lot_level(link)]
        if not asked:
            return []
        targets = frozenset(link.target for link in asked)
        uses, opened = yield from self._uses_of(targets)
        covered: dict[Link, tuple[str, ...]] = {}
        for link in asked:
            events = self._covering(link, uses[link.target], opened.get(link.target, ALWAYS_US))
            if events:
                covered[link] = events
        if covered:  # only now, since it takes a look at everything that happened to them
            yield from self.known.require(Need(named=frozenset(link.target for link in covered)))
            for link in list(covered):
                until = min(opened.get(link.target, ALWAYS_US), self._went_on(link.target) + 1)
                if not self._covering(link, uses[link.target], until):
                    del covered[link]
        for item, ls in links.items():
            links[item] = [link for link in ls if link not in covered]
        return [Superseded(link, events) for link, events in covered.items()]

    def _lot_level(self, link: Link) -> bool:
        into = link.relation in (Relation.DERIVATION, Relation.PART_OF)
        counted = link.quantity is not None and link.uom in PIECES
        return into and counted and self.uses.kind(link.source) == "lot"

    def _uses_of(
        self, units: frozenset[ItemId]
    ) -> Generator[Need, Found, tuple[dict[ItemId, list[_Use]], dict[ItemId, int]]]:
        """All that went into each unit, and when each was first opened."""
        yield from self.known.require(Need(linked=units))
        keys = {u: self._keys(u) for u in units}
        events = {u: frozenset(n.event.no for n in self.uses.namings(u, Role.WHOLE)) for u in units}
        yield from self.known.require(
            Need(
                transformations=frozenset(k for ks in keys.values() for k in ks),
                contents=frozenset(no for nos in events.values() for no in nos),
            )
        )
        found = {u: [*self._inputs(keys[u]), *self._components(u)] for u in units}
        found = {u: uses if any(_may_be_unit(use) for use in uses) else [] for u, uses in found.items()}
        named = frozenset(use.mention.item for uses in found.values() for use in uses)
        yield from self.known.require(Need(linked=named))
        opened = {u: at for u in units if (at := self._opened(u)) is not None}
        return found, opened

    def _keys(self, unit: ItemId) -> frozenset[str]:
        outputs = self.uses.namings(unit, Role.OUTPUT)
        return frozenset(n.event.facts.transformation for n in outputs if n.event.facts.transformation is not None)

    def _inputs(self, keys: Iterable[str]) -> Iterable[_Use]:
        for key in sorted(keys):
            alone = len({n.mention.item for n in self.uses.flows(key, Role.OUTPUT)}) == 1
            for n in self.uses.flows(key, Role.INPUT):
                sure = alone and not n.event.pending and n.event.facts.posting is None
                yield _Use(n.mention, n.event.facts.event_id, n.event.facts.latest_us, sure, alone)

    def _components(self, unit: ItemId) -> Iterable[_Use]:
        for n in self.uses.namings(unit, Role.WHOLE):
            sure = not n.event.pending and n.event.facts.kind not in OPENING_KINDS
            for m in self.uses.contents(n.event.no, Role.COMPONENT):
                if m.action in _PUT:
                    yield _Use(m, n.event.facts.event_id, n.event.facts.latest_us, sure, True)

    def _opened(self, unit: ItemId) -> int | None:
        """When something was first taken out of it, or it was mended."""
        times = [
            n.event.facts.begins_us
            for n in self.uses.namings(unit, Role.WHOLE)
            if n.event.facts.kind in OPENING_KINDS
            or n.mention.action in (Action.TAKE, Action.TAKE_ALL)
            or any(m.action is Action.TAKE for m in self.uses.contents(n.event.no, Role.COMPONENT))
        ]
        return min(times, default=None)

    def _went_on(self, unit: ItemId) -> int:
        """The earliest that it may first have been packed, fitted into something, shipped, sold or released."""
        return min(
            (
                n.event.facts.begins_us
                for n in self.known.found.namings.get(unit, [])
                if n.mention.role is Role.CHILD
                or (n.mention.role is Role.COMPONENT and n.mention.action in _PUT)
                or n.mention.status in (Status.IN_TRANSIT, Status.SOLD)
                or n.event.facts.kind == "released"
            ),
            default=ALWAYS_US - 1,
        )

    def _covering(self, link: Link, uses: list[_Use], until_us: int) -> tuple[str, ...]:
        """The events whose scans cover what the unit required of the lot's material; none if they do not."""
        material = self.uses.materials(link.source)
        if not material:
            return ()
        required = Decimal(0)
        serials: set[ItemId] = set()
        events: set[str] = set()
        for use in uses:
            theirs = self.uses.materials(use.mention.item)
            if theirs and not material & theirs:
                continue
            if self.uses.kind(use.mention.item) != "unit":
                if use.mention.quantity is None or use.mention.uom not in PIECES or not use.alone:
                    return ()
                required += use.mention.quantity
            elif theirs and use.sure and use.latest_us < until_us and self._lot_is_known(use.mention.item):
                serials.add(use.mention.item)
                events.add(use.event_id)
        return tuple(sorted(events)) if 0 < required <= len(serials) else ()

    def _lot_is_known(self, unit: ItemId) -> bool:
        members = self.known.found.members.get(unit, [])
        return any(not m.event.pending for m in members) and not self.known.things.doubts(unit)


def _may_be_unit(use: _Use) -> bool:
    return use.mention.item.kind in ("unit", None)
