"""One transformation as far as it stands: which inputs meet which outputs, and why only possibly (SEMANTICS §3)."""

from collections.abc import Iterable
from dataclasses import replace

from domain.answers import Conflict
from domain.facts import EventFacts, Role
from domain.ids import ItemId
from domain.postings import INFERRED, settle
from domain.record import Naming
from domain.uses import Used

Output = tuple[Naming, frozenset[str]]
"""A standing output, and why it is only possible."""


class Transformation:
    """Everything of one key, loaded. Operations part an order: see docs/semantics.md, 'Order postings'."""

    def __init__(self, namings: Iterable[Naming]) -> None:
        flows = list(namings)
        self.settled = settle(flows)
        self.mixed = any(n.event.facts.mixed for n in flows)
        self.inputs = [n for n in flows if n.mention.role is Role.INPUT]
        self.outputs = [
            (n, reasons)
            for n in flows
            if n.mention.role is Role.OUTPUT and (reasons := self.settled.reasons(n)) is not None
        ]
        self._met: dict[str | None, dict[ItemId, list[Output]]] = {}

    def standing(self, used: Used) -> Used | None:
        """The use with why it is only possible; None if its posting was taken back."""
        if used.stands_in:
            reasons = self.settled.reasons_through(used.naming, used.item)
        else:
            reasons = self.settled.reasons(used.naming)
        return None if reasons is None else replace(used, reasons=used.reasons | reasons)

    def conflicts_of(self, item: ItemId) -> list[Conflict]:
        """Where the postings of an item contradict each other."""
        return [c for c in self.settled.conflicts if item in c.items]

    def met_by(self, naming: Naming) -> dict[ItemId, list[Output]]:
        """The outputs that an input meets, by item: those of its operation, and those of the whole order."""
        operation = _operation(naming.event.facts)
        if operation not in self._met:
            found: dict[ItemId, list[Output]] = {}
            for out in self._meet(operation):
                found.setdefault(out[0].mention.item, []).append(out)
            self._met[operation] = found
        return self._met[operation]

    def _meet(self, operation: str | None) -> list[Output]:
        if operation is None:
            return self.outputs
        theirs = [_operation(n.event.facts) for n, _ in self.outputs]
        met = [out for out, its in zip(self.outputs, theirs, strict=True) if its in (None, operation)]
        if operation not in theirs:  # nothing reported for it: its material went on within the order
            others = zip(self.outputs, theirs, strict=True)
            met += [(n, reasons | {INFERRED}) for (n, reasons), its in others if its not in (None, operation)]
        return met

    def meet_alike(self, one: Naming, other: Naming) -> bool:
        """Whether two inputs meet an output in common."""
        if _operation(one.event.facts) == _operation(other.event.facts):
            return True
        return not self.met_by(one).keys().isdisjoint(self.met_by(other))


def _operation(facts: EventFacts) -> str | None:
    return facts.posting.operation if facts.posting is not None else None
