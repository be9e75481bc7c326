"""What was exposed to a circumstance: the seeds of an exposure trace (SEMANTICS §3 'Exposure').

Seeds are outputs and assembly parents of events that overlap the window, for equipment, tool, line, operator, site and
parameter; inspected subjects for an instrument; received lots for supplier and material. A subject that is a container
stands for what it held then.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.bookings import BOOKED_LATER, is_booked, may_begin_us
from domain.facts import EventFacts, Flow, Mention, Role
from domain.filling import fillings
from domain.ids import ItemId
from domain.kinds import may_be_box
from domain.record import Found, Happened, Known, Need
from domain.stretches import Stretch

RECEIVED = frozenset({"supplier", "material"})
INSPECTED = frozenset({"instrument"})
DURATION_UNKNOWN = "duration_unknown"
_SURE: frozenset[str] = frozenset()


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
        """Whether the event, which lasted from its start to its latest bound, overlaps the window.

        What was only booked may have been made before.
        """
        return (self.until_us is None or may_begin_us(facts) < self.until_us) and (
            self.since_us is None or facts.latest_us >= self.since_us
        )

    def may_miss(self, facts: EventFacts) -> bool:
        """Whether what the event only booked may have been made outside the window, which it overlaps."""
        if not is_booked(facts):
            return False
        before = self.since_us is not None and may_begin_us(facts) < self.since_us
        return before or (self.until_us is not None and facts.latest_us >= self.until_us)

    def matches(self, facts: EventFacts) -> bool:
        dims = set(facts.dimensions)
        return all(d in dims for d in self.dimensions) and (self.parameter is None or self.parameter.covers(facts))


@dataclass(frozen=True, slots=True)
class Seed:
    """An item exposed by an event at `at_us`; `reasons`: why only possibly. `subject`: may stand for its contents."""

    item: ItemId
    at_us: int
    reasons: frozenset[str] = frozenset()
    subject: bool = False


def seeds(
    circumstance: Circumstance,
    matching: Iterable[tuple[Happened, Sequence[Mention]]],
    *,
    stretch: Stretch | None = None,
    doubted: Mapping[int, frozenset[str]] | None = None,
) -> list[Seed]:
    """The exposed items among events that match the circumstance's dimensions, whatever their time.

    An event without a start may have lasted longer than it says: of those, the last before the window and the first
    after it are possible, `duration_unknown`. `stretch`: what the window stands for, where its edges are in doubt.
    `doubted`: why events, by number, were only possibly under the circumstance.
    """
    exposing = [(h, items) for h, ms in matching if (items := exposed_items(circumstance, ms))]
    near = {h.no for h in neighbours(circumstance, [h for h, _ in exposing])}
    found = []
    for happened, items in exposing:
        reasons = frozenset({"replacement_pending"} if happened.pending else ()) | (doubted or {}).get(
            happened.no, _SURE
        )
        if circumstance.overlaps(happened.facts):
            reasons |= stretch.doubt(happened.facts) if stretch is not None else _SURE
            reasons |= {BOOKED_LATER} if circumstance.may_miss(happened.facts) else _SURE
            found += [Seed(m.item, happened.facts.latest_us, reasons, m.role is Role.SUBJECT) for m in items]
        elif happened.no in near:
            doubt = reasons | {DURATION_UNKNOWN} | (stretch.reasons if stretch is not None else _SURE)
            found += [Seed(m.item, happened.facts.latest_us, doubt, m.role is Role.SUBJECT) for m in items]
    return found


def neighbours(circumstance: Circumstance, happened: Iterable[Happened]) -> list[Happened]:
    """Of events that exposed something: those beside the window that may have lasted into it, of one instant a side.

    No receipt lasts.
    """
    if {d for d, _ in circumstance.dimensions} & RECEIVED:
        return []
    open_ended = [h for h in happened if tells_no_start(h.facts)]
    since_us, until_us = circumstance.since_us, circumstance.until_us
    before = [h for h in open_ended if since_us is not None and h.facts.latest_us < since_us]
    after = [h for h in open_ended if until_us is not None and h.facts.earliest_us >= until_us]
    last_us = max((h.facts.latest_us for h in before), default=None)
    first_us = min((h.facts.earliest_us for h in after), default=None)
    return [h for h in before if h.facts.latest_us == last_us] + [h for h in after if h.facts.earliest_us == first_us]


def tells_no_start(facts: EventFacts) -> bool:
    """Whether the event may have lasted longer than it says."""
    return facts.started_us is None and not is_booked(facts)


def exposed_items(circumstance: Circumstance, mentions: Iterable[Mention]) -> list[Mention]:
    """What an event that matches exposed: outputs, assembly parents and what it brought forth; or its subjects.

    A value of a parameter (the temperature of a store, a truck or a test) is what all of these were exposed to.
    """
    if circumstance.parameter is not None:
        return [m for m in mentions if m.role in (Role.OUTPUT, Role.WHOLE, Role.SUBJECT)]
    if {d for d, _ in circumstance.dimensions} & (RECEIVED | INSPECTED):
        return [m for m in mentions if m.role is Role.SUBJECT]
    return [
        m for m in mentions if m.role in (Role.OUTPUT, Role.WHOLE) or (m.role is Role.SUBJECT and m.flow is Flow.ENTER)
    ]


def opened(known: Known, found: Iterable[Seed]) -> Generator[Need, Found, dict[ItemId, frozenset[str]]]:
    """What a walk starts with: each exposed item with why it is only possible; empty for what is surely exposed."""
    result: dict[ItemId, frozenset[str]] = {}
    by_instant: dict[int, list[Seed]] = {}
    for seed in found:
        if seed.subject and may_be_box(seed.item):
            by_instant.setdefault(seed.at_us, []).append(seed)
        else:
            take_seed(result, known.things.of(seed.item), seed.reasons)
    for at_us, there in sorted(by_instant.items()):
        items = sorted({s.item for s in there})
        yield from known.require(Need(linked=frozenset(items)))
        boxes = [i for i in map(known.things.of, items) if _is_container(known, i)]
        filled = yield from fillings(known, boxes, at_us=at_us, now_us=at_us)
        held = {f.container: f.links for f in filled if f.links}
        for seed in there:
            item = known.things.of(seed.item)
            for link in held.get(item, ()):
                take_seed(result, link.source, seed.reasons | link.reasons)
            if item not in held:
                take_seed(result, item, seed.reasons)
    return result


def _is_container(known: Known, item: ItemId) -> bool:
    return any(n.mention.role is Role.PARENT for n in known.found.namings.get(item, []))


def take_seed(into: dict[ItemId, frozenset[str]], item: ItemId, reasons: frozenset[str]) -> None:
    """What is surely exposed once is surely exposed."""
    held = into.get(item)
    into[item] = reasons if held is None else held | reasons if held and reasons else frozenset()
