"""A record held in memory: the reference that every store is tested against."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from domain.corrections import Copy, Standing, Verdict, Version, judge
from domain.envelope import Envelope
from domain.facts import FLOW_ROLES, EventFacts, Mention, Role, spelled_out
from domain.flatten import facts_of
from domain.ids import ItemId
from domain.kinds import may_be_box
from domain.memory_equipment import EquipmentMemory
from domain.record import FactorAt, Found, Happened, MemberAt, Naming, Need, RenamedAt, SameAt


class MemoryRecord:
    """Every copy of every event, and the answer to any Need as known at a vector. Order of adding does not matter."""

    def __init__(self, log: Iterable[tuple[Copy, Envelope]] = ()) -> None:
        self.held: dict[tuple[str, str, int], tuple[Copy, EventFacts]] = {}
        for copy, envelope in log:
            self.add(copy, envelope)

    def add(self, copy: Copy, envelope: Envelope) -> None:
        """Take in one copy of one event; a copy seen before changes nothing."""
        key = (envelope.event_id, envelope.content_hash, copy.partition)
        held = self.held.get(key)
        if held is None or copy < held[0]:
            self.held[key] = (copy, facts_of(envelope))

    def as_of(self, vector: Mapping[int, int] | None = None) -> "MemoryView":
        """The record as known at the vector (None: all of it)."""
        return MemoryView(self, vector)


class MemoryView:
    """The record as known at one vector."""

    def __init__(self, record: MemoryRecord, vector: Mapping[int, int] | None) -> None:
        self.verdicts: dict[int, Verdict] = {}
        self.versions = self._versions(record)
        self.happened: dict[int, Happened] = {}
        by_id: dict[str, list[Version]] = {}
        voids: dict[str, set[str]] = {}
        for version in self.versions:
            by_id.setdefault(version.event_id, []).append(version)
            if version.void is not None:
                voids.setdefault(version.void.target, set()).add(version.event_id)
        in_log = {i: any(v.first(vector) is not None for v in versions) for i, versions in by_id.items()}
        for version in self.versions:
            verdict = judge(
                version,
                rivals=by_id[version.event_id],
                voids=[v for i in sorted(voids.get(version.event_id, ())) for v in by_id[i]],
                in_log=in_log,
                vector=vector,
            )
            self.verdicts[version.no] = verdict
            if verdict.standing in (Standing.COUNTS, Standing.PENDING):
                facts = record.held[(version.event_id, version.content_hash, version.copy.partition)][1]
                self.happened[version.no] = Happened(version.no, facts, verdict.standing is Standing.PENDING)
        self._index()

    @staticmethod
    def _versions(record: MemoryRecord) -> list[Version]:
        found = []
        for no, key in enumerate(sorted(record.held)):
            copy, facts = record.held[key]
            found.append(Version(no, key[0], key[1], facts.source, facts.may_correct, copy, facts.void))
        return found

    def _index(self) -> None:
        self._equipment = EquipmentMemory()
        self._namings: dict[ItemId, list[Naming]] = {}
        self._members: dict[ItemId, list[MemberAt]] = {}
        self._units_of: dict[ItemId, list[MemberAt]] = {}
        self._same: dict[ItemId, list[SameAt]] = {}
        self._renamed: list[RenamedAt] = []
        self._materials: dict[ItemId, set[ItemId]] = {}
        self._transformations: dict[str, list[Naming]] = {}
        self._closings: dict[str, list[Happened]] = {}
        self._factors: dict[ItemId, list[FactorAt]] = {}
        self._contents: dict[int, list[Mention]] = {}
        self._holds: dict[str, list[Happened]] = {}
        self._recalls: dict[str, list[Happened]] = {}
        self._recalls_of: dict[ItemId, list[Happened]] = {}
        for event in (replace(e, facts=spelled_out(e.facts)) for e in self.happened.values()):
            header = Happened(event.no, replace(event.facts, mentions=()), event.pending)
            self._equipment.add(header, event.facts)
            for mention in event.facts.mentions:
                naming = Naming(header, mention)
                self._namings.setdefault(mention.item, []).append(naming)
                if mention.role in FLOW_ROLES:
                    if event.facts.transformation is not None:
                        self._transformations.setdefault(event.facts.transformation, []).append(naming)
                elif mention.role is not Role.SUBJECT:
                    self._contents.setdefault(event.no, []).append(mention)
            if event.facts.kind == "order_closed" and event.facts.transformation is not None:
                self._closings.setdefault(event.facts.transformation, []).append(header)
            for item, factor in event.facts.uom_factors:
                self._factors.setdefault(item, []).append(FactorAt(header, factor))
            if event.facts.hold is not None:
                self._holds.setdefault(event.facts.hold.hold_id, []).append(header)
            if event.facts.recall is not None:
                self._recalls.setdefault(event.facts.recall.recall_id, []).append(header)
                for product in {p.product for p in event.facts.recall.products}:
                    self._recalls_of.setdefault(product, []).append(header)
            for membership in event.facts.memberships:
                self._members.setdefault(membership.unit, []).append(MemberAt(header, membership))
                self._units_of.setdefault(membership.lot, []).append(MemberAt(header, membership))
            for one, other in event.facts.identities:
                for item in (one, other):
                    self._same.setdefault(item, []).append(SameAt(header, one, other))
            if event.facts.renaming is not None:
                self._renamed.append(RenamedAt(header, *event.facts.renaming))
            for item, material in event.facts.materials:
                self._materials.setdefault(item, set()).add(material)

    def look_up(self, need: Need) -> Found:
        """What the record holds for a need."""
        found = Found(renamed=list(self._renamed))
        for item in need.named | need.linked:
            roles = self._namings.get(item, [])
            every = item in need.named
            found.namings[item] = [n for n in roles if every or n.mention.role is not Role.SUBJECT]
        for item in need.named | need.linked | need.related:
            found.members[item] = self._members.get(item, [])
            found.same[item] = self._same.get(item, [])
            found.materials[item] = self._materials.get(item, set())
        for item in need.related:
            if not may_be_box(item):
                found.filled[item] = {n.event.no for n in self._namings.get(item, []) if n.mention.role is Role.PARENT}
        found.units_of = {lot: self._units_of.get(lot, []) for lot in need.units_of}
        found.contents = {no: self._contents.get(no, []) for no in need.contents}
        found.transformations = {key: self._transformations.get(key, []) for key in need.transformations}
        found.closings = {key: self._closings.get(key, []) for key in need.closings}
        found.factors = {item: self._factors.get(item, []) for item in need.factors}
        found.holds = {h: self._holds.get(h, []) for h in need.holds}
        found.recalls = {r: self._recalls.get(r, []) for r in need.recalls}
        found.recalls_of = {c: self._recalls_of.get(c, []) for c in need.recalls_of}
        self._equipment.look_up(need, found)
        for material in need.of_material:
            found.of_material[material] = sorted(i for i in self._namings if self._is_of(i, material))
        return found

    def _is_of(self, item: ItemId, material: ItemId) -> bool:
        declared = self._materials.get(item, set())
        return item != material and (item.material == material or material in declared)

    @property
    def items(self) -> list[ItemId]:
        """Every item that an event that counts names."""
        return sorted(self._namings)
