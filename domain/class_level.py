"""Material booked without lot: which lots it may have come from (docs/semantics.md, 'Material booked without lot')."""

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import chain

from domain.answers import Gap
from domain.bookings import UNSURE_BASES, made_since_us
from domain.derivation import Derivations, derivation
from domain.facts import Role
from domain.ids import ItemId
from domain.kinds import is_lot
from domain.links import Link
from domain.open_orders import order_gaps
from domain.presence import Presence
from domain.record import Found, Naming, Need
from domain.transformations import Output, Transformation
from domain.uses import Used


@dataclass(frozen=True, slots=True)
class ClassUses:
    """The uses of a class without lot, which may be very many: those about the time of a lot are found by search.

    `alone`: uses of transformations that are one event, by when that began; nothing of these began earlier. `by_site`:
    which of these each site has.
    """

    all: list[Naming]
    alone: list[Naming]
    others: list[Naming]
    longest_us: int
    by_site: dict[str | None, list[int]]

    @classmethod
    def of(cls, uses: list[Naming]) -> "ClassUses":
        alone = [n for n in uses if n.event.facts.transformation == f"event {n.event.facts.event_id}"]
        alone.sort(key=lambda n: n.event.facts.begins_us)
        others = [n for n in uses if n.event.facts.transformation != f"event {n.event.facts.event_id}"]
        longest_us = max((n.event.facts.latest_us - n.event.facts.begins_us for n in alone), default=0)
        by_site: dict[str | None, list[int]] = {}
        for number, n in enumerate(alone):
            by_site.setdefault(n.event.facts.site, []).append(number)
        return cls(uses, alone, others, longest_us, by_site)

    def near(self, lot: ItemId, presence: Presence) -> list[Naming]:
        """Without those that surely were before the lot came, or after it was surely gone."""
        first_us, last_us = presence.span(lot)
        begin = bisect_left(self.alone, first_us - self.longest_us, key=_begins_us)
        end = bisect_right(self.alone, last_us, key=_begins_us)
        uses = [*self.alone[begin:end], *self._from(end, lot, presence), *self.others]
        return [n for n in uses if n.event.facts.latest_us >= first_us]

    def _from(self, first: int, lot: ItemId, presence: Presence) -> list[Naming]:
        """The later uses where the lot stays: of each site it is asked once, since every lot has many."""
        numbers = [its[bisect_left(its, first) :] for its in self.by_site.values()]
        stay = [its for its in numbers if its and presence.stays(lot, self.alone[its[0]].event.facts.site)]
        return [self.alone[number] for number in sorted(chain.from_iterable(stay))]


def _begins_us(use: Naming) -> int:
    return use.event.facts.begins_us


class ClassLevel:
    """Builds the possible links of lots by way of their class, the same from either end."""

    def __init__(self, derivations: Derivations) -> None:
        self.derivations = derivations
        self.uses = derivations.uses
        self.presence = Presence(self.uses)
        self._gaps: list[Gap] = []
        self._used: dict[ItemId, ClassUses] = {}

    def told(self) -> list[Gap]:
        """What came to light since it was last asked: uses at no known place, orders that brought nothing forth."""
        found, self._gaps = self._gaps, []
        return found

    def out_of(self, lot: ItemId) -> Generator[Need, Found, list[Link]]:
        """What may have come of a lot that a class-level input of its material may have used."""
        if self.uses.follow_all or lot.kind in ("class", "unit", "container"):
            return []
        classes = frozenset(m for m in self.uses.materials(lot) if m != lot)
        yield from self.uses.known.require(Need(linked=classes - self._used.keys()))
        for of_class in classes - self._used.keys():
            self._used[of_class] = ClassUses.of(self.uses.namings(of_class, Role.INPUT))
        if not any(self._used[c].all for c in classes):
            return []
        yield from self.presence.load(frozenset({lot}))
        if not is_lot(lot, self.uses.known.found.namings.get(lot, [])):
            return []
        uses = [n for c in sorted(classes) for n in self._used[c].near(lot, self.presence)]
        keys = frozenset(n.event.facts.transformation for n in uses if n.event.facts.transformation is not None)
        yield from self.uses.known.require(Need(transformations=keys, order_starts=_orders(uses)))
        yield from self.uses.known.require(Need(closings=_orders(uses)))
        found: list[Link] = []
        for use in uses:
            transformation = self.derivations.transformation(use.event.facts.transformation or "")
            if self._may_have_been(lot, use, transformation):
                for outs in transformation.met_by(use).values():
                    found += self._links(lot, use, transformation, outs=outs)
                self._note_order(use, transformation)
                self._note_site(use)
        return found

    def load_lots(
        self, inputs: set[ItemId], keys: frozenset[str]
    ) -> Generator[Need, Found, dict[ItemId, list[ItemId]]]:
        """The lots of the classes among the inputs of these transformations."""
        classes = frozenset(i for i in inputs if self.uses.kind(i) == "class")
        if self.uses.follow_all or not classes:
            return {}
        booked = _orders(n for key in keys for n in self.uses.flows(key, Role.INPUT) if n.mention.item in classes)
        yield from self.uses.known.require(Need(order_starts=booked))
        yield from self.uses.known.require(Need(of_material=classes))
        lots = {c: [i for i in self.uses.known.found.of_material.get(c, []) if i != c] for c in classes}
        yield from self.presence.load(frozenset(i for found in lots.values() for i in found))
        return {c: [i for i in found if self.uses.kind(i) == "lot"] for c, found in lots.items()}

    def into(self, key: str, item: ItemId, lots: dict[ItemId, list[ItemId]]) -> list[Link]:
        """From which lots an output may have come by way of the classes used in its transformation."""
        found: list[Link] = []
        transformation = self.derivations.transformation(key)
        for use in transformation.inputs:
            if use.mention.item not in lots:
                continue
            for lot in lots[use.mention.item]:
                if self._may_have_been(lot, use, transformation):
                    outs = transformation.met_by(use).get(item, [])
                    found += self._links(lot, use, transformation, outs=outs)
            self._note_site(use)
        return found

    def _may_have_been(self, lot: ItemId, use: Naming, transformation: Transformation) -> bool:
        """The use lasts from its beginning, or that of its first output, to its booking.

        What is booked after the work was used when the outputs were made, which may be before they were booked, too.
        """
        facts = use.event.facts
        made = [n.event.facts for outs in transformation.met_by(use).values() for n, _ in outs]
        from_us = min([facts.begins_us, *(out.begins_us for out in made)])
        if facts.posting is not None and (use.mention.basis in UNSURE_BASES or from_us < facts.begins_us):
            starts = self.uses.known.found.order_starts.get(facts.transformation or "", [])
            from_us = min([from_us, *(made_since_us(out, starts) for out in made)])
        return self.presence.may_have_been(lot, facts.site, from_us=from_us, to_us=facts.latest_us)

    @staticmethod
    def _links(lot: ItemId, use: Naming, transformation: Transformation, *, outs: Iterable[Output]) -> list[Link]:
        reasons = transformation.settled.reasons(use)
        if reasons is None:
            return []
        used = Used(lot, use, reasons | {"class_level"})
        return [derivation(used, out, clear=True) for out in outs]

    def _note_order(self, use: Naming, transformation: Transformation) -> None:
        if use.event.facts.posting is not None and transformation.settled.reasons(use) is not None:
            closings = self.uses.known.found.closings.get(use.event.facts.transformation or "", [])
            self._note(*order_gaps(use.mention.item, [use], transformation, closings=closings))

    def _note(self, *gaps: Gap) -> None:
        self._gaps += [gap for gap in gaps if gap not in self._gaps]

    def _note_site(self, use: Naming) -> None:
        if use.event.facts.site is None:
            item = use.mention.item
            detail = (
                f"{item} was used without lot at an unknown place ({use.event.facts.transformation}): every lot not"
                " used up is possible"
            )
            self._note(Gap("class_level", (item,), detail))


def _orders(uses: Iterable[Naming]) -> frozenset[str]:
    """The orders that uses are posted to."""
    return frozenset(n.event.facts.transformation or "" for n in uses if n.event.facts.posting is not None)
