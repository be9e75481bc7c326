"""What was exposed to a circumstance: the seeds of an exposure trace (SEMANTICS §3 'Exposure').

Seeds are outputs and assembly parents of events that overlap the window, for equipment, tool, line, operator, site and
parameter; inspected subjects for an instrument; received lots for supplier and material.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.facts import EventFacts, Mention, Role
from domain.ids import ItemId
from domain.record import Happened

RECEIVED = frozenset({"supplier", "material"})
INSPECTED = frozenset({"instrument"})


@dataclass(frozen=True, slots=True)
class ParameterRange:
    """A process parameter between two values, both included; None: open."""

    name: str
    at_least: Decimal | None = None
    at_most: Decimal | None = None

    def covers(self, facts: EventFacts) -> bool:
        return any(
            p.name == self.name
            and (self.at_least is None or p.value >= self.at_least)
            and (self.at_most is None or p.value <= self.at_most)
            for p in facts.parameters
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstance:
    """What is asked: every given dimension must match, the window [since, until) must be overlapped."""

    dimensions: tuple[tuple[str, str], ...] = ()
    parameter: ParameterRange | None = None
    since_us: int | None = None
    until_us: int | None = None

    def overlaps(self, facts: EventFacts) -> bool:
        """Whether the event, which lasted from its start to its latest bound, overlaps the window."""
        return (self.until_us is None or facts.begins_us < self.until_us) and (
            self.since_us is None or facts.latest_us >= self.since_us
        )

    def matches(self, facts: EventFacts) -> bool:
        dims = set(facts.dimensions)
        return all(d in dims for d in self.dimensions) and (self.parameter is None or self.parameter.covers(facts))


@dataclass(frozen=True, slots=True)
class Seed:
    """An exposed item. `doubtful`: its event lies beside the window and its duration is unknown."""

    item: ItemId
    doubtful: bool


def seeds(circumstance: Circumstance, happened: Iterable[tuple[Happened, Sequence[Mention]]]) -> list[Seed]:
    """The exposed items among events that match the circumstance's dimensions, whatever their time.

    The neighbours of the window (the last event before it, where nothing tells how long that lasted) are doubtful.
    """
    events = [(h, ms) for h, ms in happened if circumstance.matches(h.facts)]
    inside = [(h, ms) for h, ms in events if circumstance.overlaps(h.facts)]
    found: dict[ItemId, bool] = {}
    for event, mentions in inside:
        for item in _exposed(circumstance, mentions):
            found[item] = found.get(item, True) and event.pending
    before = [
        (h, ms)
        for h, ms in events
        if circumstance.since_us is not None
        and h.facts.latest_us < circumstance.since_us
        and h.facts.started_us is None
    ]
    if before:
        last_us = max(h.facts.latest_us for h, _ in before)
        for event, mentions in before:
            if event.facts.latest_us == last_us:
                for item in _exposed(circumstance, mentions):
                    found.setdefault(item, True)
    return [Seed(item, doubtful) for item, doubtful in sorted(found.items())]


def _exposed(circumstance: Circumstance, mentions: Iterable[Mention]) -> list[ItemId]:
    asked = {d for d, _ in circumstance.dimensions}
    if asked & (RECEIVED | INSPECTED):
        roles = {Role.SUBJECT}
    else:
        roles = {Role.OUTPUT, Role.WHOLE}
    named = [m for m in mentions if m.role in roles]
    if not asked & (RECEIVED | INSPECTED):
        named += [m for m in mentions if m.role is Role.SUBJECT and m.flow.name == "ENTER"]
    return [m.item for m in named]
