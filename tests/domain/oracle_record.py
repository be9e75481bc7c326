"""The record for oracles: which events count, read from the log in the plainest way (SEMANTICS §1, §5).

Nothing of `domain/` is used but `facts_of`, which tells what one event says, and its ranges of serials are
written out. Slow on purpose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.corrections import Copy
from domain.envelope import Envelope
from domain.facts import EventFacts, Mention, Role, spelled_out
from domain.flatten import facts_of
from domain.ids import ItemId

FOREVER = 1 << 62


@dataclass(frozen=True)
class Ev:
    """An event that counts. `pending`: a void of it waits for its replacement."""

    facts: EventFacts
    pending: bool

    @property
    def at(self) -> int:
        return self.facts.latest_us

    @property
    def order(self) -> tuple[object, ...]:
        f = self.facts
        return (f.latest_us, f.rank, f.accepted_us, f.index, f.event_id)

    def names(self, *roles: Role) -> list[Mention]:
        return [m for m in self.facts.mentions if m.role in roles]

    @property
    def parent(self) -> ItemId | None:
        """The container, or the unit fitted into."""
        return next((m.item for m in self.names(Role.PARENT, Role.WHOLE)), None)


class Record:
    """The events that count at a vector (None: the whole log), in the order of what happened."""

    def __init__(self, log: Sequence[tuple[Copy, Envelope]], vector: Mapping[int, int] | None = None) -> None:
        known = [(c, e) for c, e in log if vector is None or c.offset <= vector.get(c.partition, -1)]
        first: dict[str, tuple[Copy, Envelope]] = {}
        for copy, envelope in sorted(known, key=lambda ce: (ce[0].appended_us, ce[0].partition, ce[0].offset)):
            first.setdefault(envelope.event_id, (copy, envelope))
        events = {i: spelled_out(facts_of(e)) for i, (_, e) in first.items()}
        voids = [f for f in events.values() if f.void is not None]
        self.events: list[Ev] = []
        for event_id, facts in events.items():
            aimed = [
                v
                for v in voids
                if facts.void is None
                and v.void is not None
                and v.void.target == event_id
                and (v.source == facts.source or v.may_correct)
            ]
            if any(v.void and set(v.void.replaced_by) <= set(events) for v in aimed):
                continue
            self.events.append(Ev(facts, bool(aimed)))
        self.events.sort(key=lambda e: e.order)

    def naming(self, item: ItemId, *roles: Role) -> list[tuple[Ev, Mention]]:
        """Every event that names the item in one of the roles (none given: any)."""
        return [
            (e, m) for e in self.events for m in e.facts.mentions if m.item == item and (not roles or m.role in roles)
        ]

    @property
    def items(self) -> list[ItemId]:
        return sorted({m.item for e in self.events for m in e.facts.mentions})

    def kind(self, item: ItemId) -> str:
        """§1: by its id; a private URI is a container if a packing's parent, lot if in a quantity list, else a unit."""
        if item.kind is not None:
            return item.kind
        if self.naming(item, Role.PARENT):
            return "container"
        return "lot" if any(m.by_class for _, m in self.naming(item)) else "unit"

    def several(self, item: ItemId) -> bool:
        """Whether it may be in many places at once: lots and classes."""
        return self.kind(item) in ("lot", "class")

    def boxed(self, item: ItemId) -> bool:
        """Whether it is a container: the parent of a packing."""
        return bool(self.naming(item, Role.PARENT))

    def partly(self, item: ItemId) -> bool:
        """A lot or class by its id: used, it is itself, and nobody knows whether what is packed in it was used."""
        return item.kind in ("lot", "class")

    def own(self, item: ItemId) -> bool:
        """A thing of its own: ever an output, or the parent of an assembly."""
        return bool(self.naming(item, Role.OUTPUT, Role.WHOLE))

    def born(self, item: ItemId) -> int | None:
        """By when the one event that brought it forth had done so; None if others did too, or it was seen before."""
        names = self.same_thing(item)
        roles = [(e, m.role) for e in self.events for m in e.facts.mentions if m.item in names]
        outs = {e.facts.event_id: e for e, role in roles if role is Role.OUTPUT}
        if len(outs) != 1:
            return None
        [made] = outs.values()
        seen = any(e is not made and role is not Role.SUBJECT and e.at < made.facts.begins_us for e, role in roles)
        return None if seen or made.facts.kind == "reworked" else made.at

    def materials(self, item: ItemId) -> set[str]:
        declared = {str(c) for e in self.events for i, c in e.facts.materials if i == item}
        return declared | ({item.material} if item.material else set())

    def same_thing(self, item: ItemId) -> set[ItemId]:
        """All names of the thing, its own included."""
        names = {item}
        while True:
            more = {x for e in self.events for pair in e.facts.identities if set(pair) & names for x in pair} | names
            if more == names:
                return names
            names = more
