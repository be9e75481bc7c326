"""What flows into what: derivation links, of named inputs and of classes without a lot (SEMANTICS §3)."""

from collections.abc import Generator

from domain.facts import Action, Role
from domain.ids import ItemId
from domain.kinds import is_lot
from domain.links import Link, Relation
from domain.record import Found, Naming, Need
from domain.stays import Containment
from domain.stock import stood_at
from domain.uses import Used, Uses

SURE_BASES = (None, "scanned", "declared")


class Derivations:
    """Builds derivation links. `classes_without_site` collects classes used at no known place, by transformation."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses

    # -- derivation

    def load_targets(self, taken: dict[ItemId, list[Used]]) -> Generator[Need, Found, set[ItemId]]:
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
        yield from self.uses.known.require(Need(transformations=keys, linked=wholes))
        # other inputs matter only where several outputs could have come from either
        split = {k for k in keys if len({n.mention.item for n in self.uses.flows(k, Role.OUTPUT)}) > 1}
        others = {n.mention.item for k in split for n in self.uses.flows(k, Role.INPUT)}
        yield from self.uses.known.require(Need(linked=frozenset(o for o in others if o.kind not in ("lot", "class"))))
        emptied = {
            n.event.no
            for whole in wholes
            for n in self.uses.namings(whole, Role.WHOLE)
            if any(m.mention.action is Action.TAKE_ALL for m in self.uses.namings(whole, Role.WHOLE))
        }
        yield from self.uses.known.require(Need(contents=frozenset(emptied)))
        return set() if self.uses.follow_all else {o for o in others if self.uses.is_container(o)}

    def derivations_of(self, used: Used, around: Containment) -> list[Link]:
        key = used.naming.event.facts.transformation or ""
        outputs = self.uses.flows(key, Role.OUTPUT)
        everything = [u for n in self.uses.flows(key, Role.INPUT) for u in self.uses.expand(n, around)]
        clear = self.unambiguous(used.item, key, everything)
        return [self.derivation(used, out, clear=clear) for out in outputs]

    def flow(self, key: str, around: Containment) -> tuple[list[tuple[Used, bool]], dict[ItemId, list[Naming]]]:
        """A transformation: each use with whether it is clear what came of it, and the outputs by item."""
        used = [u for n in self.uses.flows(key, Role.INPUT) for u in self.uses.expand(n, around)]
        made: dict[ItemId, list[Naming]] = {}
        for out in self.uses.flows(key, Role.OUTPUT):
            made.setdefault(out.mention.item, []).append(out)
        return [(u, self.unambiguous(u.item, key, used)) for u in used], made

    def derivation(self, used: Used, out: Naming, *, clear: bool) -> Link:
        """The link of one use to one output; `clear`: nothing else can be what this output came from."""
        taken, made = used.naming.event.facts, out.event.facts
        reasons = set(used.reasons)
        basis = used.naming.mention.basis
        if basis not in SURE_BASES:
            reasons.add("basis")
        if not clear:
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

    def unambiguous(self, item: ItemId, key: str, everything: list[Used]) -> bool:
        """A single output, or declared mixed, or no other input item of the same (or an unknown) material."""
        flows = self.uses.known.found.transformations.get(key, [])
        if any(n.event.facts.mixed for n in flows):
            return True
        if len({n.mention.item for n in flows if n.mention.role is Role.OUTPUT}) == 1:
            return True
        mine = self.uses.materials(item)
        same = {item} | {s.other if s.one == item else s.one for s in self.uses.known.found.same.get(item, [])}
        for other in {u.item for u in everything} - same:
            theirs = self.uses.materials(other)
            if not mine or not theirs or mine & theirs:
                return False
        return True

    # -- classes: 2 kg of M, no lot named

    def class_uses(self, lot: ItemId, classes_without_site: dict[str, ItemId]) -> Generator[Need, Found, list[Link]]:
        """A lot is possibly what a class-level input of its material used."""
        if self.uses.follow_all or not is_lot(lot, self.uses.known.found.namings.get(lot, [])) or lot.kind == "class":
            return []
        classes = frozenset(m for m in self.uses.materials(lot) if m != lot)
        yield from self.uses.known.require(Need(linked=classes))
        uses = [n for c in sorted(classes) for n in self.uses.namings(c, Role.INPUT)]
        if not uses:
            return []
        keys = frozenset(n.event.facts.transformation for n in uses if n.event.facts.transformation is not None)
        yield from self.uses.known.require(Need(transformations=keys, named=frozenset({lot})))
        found = []
        for use in uses:
            if self._may_have_been(lot, use):
                key = use.event.facts.transformation or ""
                found += [self._class_link(lot, use, out) for out in self.uses.flows(key, Role.OUTPUT)]
                _note_site(use, classes_without_site)
        return found

    def lots_of_classes(self, inputs: set[ItemId]) -> Generator[Need, Found, dict[ItemId, list[ItemId]]]:
        classes = frozenset(i for i in inputs if self.uses.kind(i) == "class")
        if self.uses.follow_all or not classes:
            return {}
        yield from self.uses.known.require(Need(of_material=classes))
        lots = {c: [i for i in self.uses.known.found.of_material.get(c, []) if i != c] for c in classes}
        yield from self.uses.known.require(Need(named=frozenset(i for found in lots.values() for i in found)))
        return {c: [i for i in found if self.uses.kind(i) == "lot"] for c, found in lots.items()}

    def from_classes(
        self,
        key: str,
        outs: list[Naming],
        *,
        classes: dict[ItemId, list[ItemId]],
        classes_without_site: dict[str, ItemId],
    ) -> Generator[Need, Found, list[Link]]:
        found = []
        for use in self.uses.flows(key, Role.INPUT):
            for lot in classes.get(use.mention.item, []):
                if self._may_have_been(lot, use):
                    found += [self._class_link(lot, use, out) for out in outs]
            if use.mention.item in classes:
                _note_site(use, classes_without_site)
        return found
        yield  # a question like its siblings, though it needs nothing more

    def _may_have_been(self, lot: ItemId, use: Naming) -> bool:
        return stood_at(
            self.uses.known.found.namings.get(lot, []), use.event.facts.site, at_us=use.event.facts.latest_us
        )

    def _class_link(self, lot: ItemId, use: Naming, out: Naming) -> Link:
        plain = self.derivation(Used(lot, use, frozenset({"class_level"})), out, clear=True)
        return plain


def _note_site(use: Naming, classes_without_site: dict[str, ItemId]) -> None:
    if use.event.facts.site is None:
        classes_without_site[use.event.facts.transformation or ""] = use.mention.item
