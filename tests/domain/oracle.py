"""An oracle for traces: every path of a small history is listed and judged by the letter of SEMANTICS §3.

It knows nothing of `domain/walk.py`, `domain/linking.py` or `domain/containment.py`, and it merges nothing: a path is a
list of links, looked at whole. Slow on purpose. Cycles are walked too: a path may use each link twice.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from domain.corrections import Copy
from domain.envelope import Envelope
from domain.facts import Role, Status
from domain.ids import ItemId
from domain.measures import Measures
from domain.presence import stood_at
from domain.record import Happened, Naming
from domain.stock import same_site
from tests.domain.oracle_intervals import Boxes, Interval, parts
from tests.domain.oracle_record import FOREVER, Ev, Record

TWICE = 2
"""how often one path may use one link"""


@dataclass(frozen=True)
class Step:
    """One link. `window`: [first, end) of intervals, `surely` the same of what is sure; `leaves`: earliest and latest
    instants of the rest; `reaches`, `there`: when what it carries may be, and surely is, in the target.
    """

    relation: str
    source: ItemId
    target: ItemId
    reasons: frozenset[str]
    window: tuple[int, int] | None = None
    leaves: tuple[int, int] | None = None
    reaches: int = 0
    there: int = 0
    surely: tuple[int, int] = (-FOREVER, FOREVER)
    backwards: bool = False


@dataclass(frozen=True)
class Fate:
    """What one path is: in order of time or not, or surely in order, and all that makes it only possible."""

    consistent: bool
    ordered: bool
    reasons: frozenset[str]


@dataclass
class Answer:
    """item -> (certainty, reasons, level). `whole`: every path was looked at."""

    nodes: dict[ItemId, tuple[str, tuple[str, ...], int]]
    whole: bool


class Oracle:
    """One history, as known at a vector."""

    def __init__(
        self, log: Sequence[tuple[Copy, Envelope]], vector: Mapping[int, int] | None = None, *, follow_all: bool = False
    ) -> None:
        self.record = Record(log, vector)
        self.boxes = Boxes(self.record)
        self.follow_all = follow_all
        self.stood = {} if follow_all else self.boxes.stood
        self.parts = parts(self.record, self.stood)
        self.steps = [*self._derivations(), *self._parts(), *self._memberships(), *self._names()]
        if follow_all:
            self.steps += [s for stay in self.boxes.stays for s in _over_time("contained_in", stay)]

    # -- links

    def _derivations(self) -> Iterator[Step]:
        keys = sorted({e.facts.transformation for e in self.record.events if e.facts.transformation is not None})
        for key in keys:
            events = [e for e in self.record.events if e.facts.transformation == key]
            outs = [(e, m) for e in events for m in e.names(Role.OUTPUT)]
            used = [
                (item, e, m.basis, reasons)
                for e in events
                for m in e.names(Role.INPUT)
                for item, reasons in self._meant(e, m.item).items()
            ]
            mixed = any(e.facts.mixed for e in events)
            single = len({m.item for _, m in outs}) == 1
            for item, e, basis, why in used:
                alone = mixed or single or not any(self._confusable(item, other) for other, *_ in used)
                reasons = set(why) | (set() if alone else {"several_inputs"})
                for out, m in outs:
                    yield self._derivation(item, m.item, taken=e, made=out, basis=basis, reasons=reasons)
            if not self.follow_all:
                yield from self._class_level(events, outs)

    def _derivation(
        self, source: ItemId, target: ItemId, *, taken: Ev, made: Ev, basis: object, reasons: set[str]
    ) -> Step:
        why = set(reasons)
        if basis not in (None, "scanned", "declared"):
            why.add("basis")
        if taken.pending or made.pending:
            why.add("replacement_pending")
        begun = taken.facts.begins_us
        backwards = begun > made.at
        if backwards:
            why.add("against_time")
        reaches = max(begun, made.facts.begins_us)
        born = self.record.born(target)
        there = reaches if born is not None and made.at <= born else max(reaches, made.at)
        leaves = (begun, taken.at)
        return Step("derivation", source, target, frozenset(why), None, leaves, reaches, there, backwards=backwards)

    def _meant(self, e: Ev, named: ItemId) -> Mapping[ItemId, frozenset[str]]:
        return self.stood.get((e.facts.event_id, named), {named: frozenset()})

    def _confusable(self, item: ItemId, other: ItemId) -> bool:
        """Another item of the same material, or of one that is not known."""
        if other in self.record.same_thing(item):
            return False
        mine, theirs = self.record.materials(item), self.record.materials(other)
        return not mine or not theirs or bool(mine & theirs)

    def _class_level(self, events: Sequence[Ev], outs: Sequence[tuple[Ev, object]]) -> Iterator[Step]:
        for e in events:
            for m in e.names(Role.INPUT):
                if self.record.kind(m.item) != "class":
                    continue
                for lot in self.record.items:
                    of_it = m.item in self.record.materials(lot) and self.record.kind(lot) == "lot"
                    if of_it and self._may_be_there(lot, e, outs):
                        for out, made in outs:
                            yield self._derivation(
                                lot,
                                made.item,
                                taken=e,
                                made=out,
                                basis=m.basis,
                                reasons={"class_level"},  # type: ignore[attr-defined]
                            )

    def _may_be_there(self, lot: ItemId, e: Ev, outs: Sequence[tuple[Ev, object]]) -> bool:
        """At some instant of the use, which begins with the first output if that is earlier."""
        namings = [Naming(Happened(i, ev.facts, ev.pending), m) for i, (ev, m) in enumerate(self.record.naming(lot))]
        begins = min([e.facts.begins_us, *(out.facts.begins_us for out, _ in outs)])
        times = {begins, e.at} | {n.event.facts.latest_us for n in namings}

        def seen_there(box: ItemId) -> bool:
            return any(self._seen(b, e) for b in self._ever_around(box))

        return any(
            stood_at(namings, e.facts.site, from_us=t, to_us=t, measures=Measures(), seen_there=seen_there)
            for t in times
            if begins <= t <= e.at
        )

    def _seen(self, box: ItemId, e: Ev) -> bool:
        places = [p for ev, _ in self.record.naming(box) if ev.at <= e.at for p in (ev.facts.site, ev.facts.to_place)]
        return any(same_site(p, e.facts.site) for p in places)

    def _ever_around(self, box: ItemId) -> set[ItemId]:
        found, todo = {box}, [box]
        while todo:
            for ev, m in self.record.naming(todo.pop()):
                if m.role is Role.CHILD and ev.facts.parent is not None and ev.facts.parent not in found:
                    found.add(ev.facts.parent)
                    todo.append(ev.facts.parent)
        return found

    def _parts(self) -> Iterator[Step]:
        for part in self.parts:
            yield from _over_time("part_of", part)

    def _memberships(self) -> Iterator[Step]:
        for e in self.record.events:
            for member in e.facts.memberships:
                at = e.facts.begins_us
                if not member.at_making:
                    seen = self.record.naming(member.unit)
                    births = [
                        ev.facts.begins_us
                        for ev, m in seen
                        if (m.role is Role.OUTPUT and ev.facts.kind == "transformed") or ev.facts.rank == 0
                    ]
                    at = min(births or [ev.facts.begins_us for ev, _ in seen] or [at])
                why = frozenset({"replacement_pending"} if e.pending else ())
                yield Step("member_of_lot", member.lot, member.unit, why, None, (at, at), at, at)

    def _names(self) -> Iterator[Step]:
        for e in self.record.events:
            for one, other in e.facts.identities:
                why = frozenset({"replacement_pending"} if e.pending else ())
                yield Step("identified_as", one, other, why)
                yield Step("identified_as", other, one, why)

    # -- paths

    def trace(
        self, starts: Sequence[ItemId], *, forward: bool, mode: str, at: int, at_given: bool = False, most: int = 1_000
    ) -> Answer:
        """Every node of the question, from every path."""
        held = self._held_when_built(at) if mode == "as_built" else None
        steps = self.steps
        if held is not None:
            steps = [*(s for s in self.steps if s.relation != "part_of"), *held]
        leads: dict[ItemId, list[Step]] = {}
        for s in steps:
            leads.setdefault(s.source if forward else s.target, []).append(s)
        fates: dict[ItemId, list[tuple[Fate, int]]] = {}
        queue: deque[tuple[ItemId, tuple[Step, ...], frozenset[str], int]] = deque()
        for item, reasons, hops in self._beginnings(starts, at=at, at_given=at_given):
            queue.append((item, (), reasons, hops))
            if hops:
                fates.setdefault(item, []).append((Fate(True, True, reasons), hops))
        looked = 0
        while queue:
            item, path, base, hops = queue.popleft()
            for s in leads.get(item, []):
                looked += 1
                if looked > most:
                    return Answer(_summed(fates, starts), whole=False)
                if path.count(s) >= TWICE:
                    continue
                longer = (*path, s) if forward else (s, *path)
                alive, fate = judged(longer, mode=mode, at=at)
                other = s.target if forward else s.source
                if fate is not None:
                    fates.setdefault(other, []).append((replace(fate, reasons=fate.reasons | base), hops + 1))
                if alive and (forward or fate is not None):
                    queue.append((other, longer, base, hops + 1))
        return Answer(_summed(fates, starts), whole=True)

    def _beginnings(
        self, starts: Sequence[ItemId], *, at: int, at_given: bool
    ) -> Iterator[tuple[ItemId, frozenset[str], int]]:
        for start in starts:
            yield start, frozenset(), 0
            if self.record.kind(start) == "class":
                yield from (
                    (i, frozenset(), 1) for i in self.record.items if i != start and start in self.record.materials(i)
                )
            if not self.follow_all and self.record.boxed(start):
                yield from self._contents(start, at=at, at_given=at_given)

    def _contents(self, box: ItemId, *, at: int, at_given: bool) -> Iterator[tuple[ItemId, frozenset[str], int]]:
        stays = [s for s in self.boxes.stays if s.since <= at or s.may_have_begun(at)]
        held = [s for s in stays if s.outer == box and s.may_hold(at)]
        last = not held and not at_given
        if last:
            held = _last_fill([s for s in stays if s.outer == box and s.since <= at])
        todo = [(s, frozenset[str](), (box,)) for s in held]
        while todo:
            stay, doubts, above = todo.pop()
            why = set(doubts)
            early = not last and stay.may_have_begun(at)
            leaving = stay.ended is not None and stay.ended.facts.begins_us <= at < stay.until
            if early or (not last and leaving):
                why.add("inferred")
            if stay.begun.pending or (not last and not early and not stay.holds(at)):
                why.add("replacement_pending")
            inner = [
                s
                for s in stays
                if s.outer == stay.inner
                and (s.may_hold(at) if not last else (s.since <= stay.until and s.until > stay.since))
            ]
            if not inner or self.record.own(stay.inner):
                yield stay.inner, frozenset(why), 1
            if stay.inner not in above:
                todo += [(s, frozenset(why), (*above, stay.inner)) for s in inner]

    # -- as built

    def _held_when_built(self, now: int) -> list[Step]:
        held = []
        for part in self.parts:
            departures = list(self._departures(part.outer, _WHENEVER, ()))
            first = min((e.facts.begins_us for e, _ in departures), default=now)
            last = min((e.at for e, sure in departures if sure), default=now)
            for s in _over_time("part_of", part):
                assert s.window is not None
                if s.window[0] <= last and first < s.window[1]:
                    sure = s.surely[0] <= first and last < s.surely[1]
                    held.append(s if sure else replace(s, reasons=s.reasons | {"order_uncertain"}))
        return held

    def _departures(
        self, item: ItemId, inside: tuple[int, int, int, int], climbing: tuple[ItemId, ...]
    ) -> Iterator[tuple[Ev, bool]]:
        """When it was shipped, sold or released: itself, or what it was in or fitted in at the time; and whether that
        is sure. `inside`: possibly from, to; surely from, to.
        """
        since, until, sure_since, sure_until = inside
        for e, m in self.record.naming(item):
            left = m.status in (Status.IN_TRANSIT, Status.SOLD) or e.facts.kind == "released"
            if left and since <= e.at and e.facts.begins_us <= until:
                yield e, sure_since <= e.facts.begins_us and e.at <= sure_until
        for stay in [*self.boxes.stays, *self.parts]:
            then = (
                max(since, stay.begun.facts.begins_us),
                min(until, stay.until),
                max(sure_since, stay.since),
                min(sure_until, stay.may_end),
            )
            if stay.inner == item and not stay.again and then[0] <= then[1] and stay.outer not in climbing:
                yield from self._departures(stay.outer, then, (*climbing, item))


_WHENEVER = (-FOREVER, FOREVER, -FOREVER, FOREVER)


def _over_time(relation: str, stay: Interval) -> list[Step]:
    """A link over its interval; where the end is pending, a possible one from that end on."""
    why = set(stay.reasons) | ({"replacement_pending"} if stay.begun.pending else set())
    first = stay.begun.facts.begins_us
    window, surely = (first, max(stay.until, first + 1)), (stay.since, max(stay.may_end, first + 1))
    found = [Step(relation, stay.inner, stay.outer, frozenset(why), window, surely=surely)]
    if stay.maybe_until is not None and stay.maybe_until != stay.until:
        after = (stay.until, max(stay.maybe_until, stay.until + 1))
        later = frozenset(why | {"replacement_pending"})
        found.append(Step(relation, stay.inner, stay.outer, later, after, surely=after))
    return found


def _last_fill(stays: list[Interval]) -> list[Interval]:
    """What it held since it was last empty."""
    ends = [s.until for s in stays if not any(o.since <= s.until < o.until for o in stays)]
    before = [t for t in ends if t < max(ends)] if ends else []
    empty_since = max(before, default=-FOREVER)
    return [s for s in stays if s.since > empty_since or s.until > empty_since]


def judged(path: Sequence[Step], *, mode: str, at: int) -> tuple[bool, Fate | None]:
    """Whether the path may go on, and its fate; None if its mode does not show what it leads to."""
    kept = mode == "as_maintained"
    here = there = -FOREVER
    consistent = ordered = True
    reasons: set[str] = set()
    chain: list[Step] = []
    for s in path:
        reasons |= s.reasons
        begins = s.window[0] if s.window else s.leaves[0] if s.leaves else -FOREVER
        if kept and begins > at:
            return False, None
        if s.window:
            chain.append(s)
        if s.leaves is None:
            continue
        first, end = _shared(chain)
        derives = s.relation == "derivation"
        if chain:
            if kept and not (first < end and first <= s.leaves[1] and s.leaves[0] < end):
                return False, None
            if derives and end <= s.leaves[0]:
                reasons.add("touched")
            elif derives or kept:
                ordered = ordered and all(one.surely[1] > s.leaves[1] for one in chain)
            consistent = consistent and max(first, here) < end
            here = max(first, here)
        ordered = ordered and _surely_together(chain, there)
        ordered = ordered and max([there, *(one.surely[0] for one in chain)]) <= s.leaves[0]
        consistent = consistent and not s.backwards and here <= s.leaves[1]
        here, there, chain = s.reaches, s.there, []
    if chain:
        first, end = _shared(chain)
        if kept and first >= end:
            return False, None
        consistent = consistent and max(first, here) < end
        ordered = ordered and _surely_together(chain, there)
        if kept and not first <= at < end:
            return True, None
        if kept:
            ordered = ordered and all(one.surely[0] <= at < one.surely[1] for one in chain)
    if not consistent:
        reasons.add("against_time")
    return True, Fate(consistent, consistent and ordered, frozenset(reasons))


def _surely_together(chain: Sequence[Step], there: int) -> bool:
    """Whether the parts were in each other at one instant, after the path was there, whenever in its time each came and
    went.
    """
    pairs = (one.surely[0] < other.surely[1] for one in chain for other in chain if one is not other)
    return all(pairs) and all(there < one.surely[1] for one in chain)


def _shared(chain: Sequence[Step]) -> tuple[int, int]:
    windows = [s.window for s in chain if s.window]
    return max((w[0] for w in windows), default=-FOREVER), min((w[1] for w in windows), default=FOREVER)


def _summed(
    fates: Mapping[ItemId, Sequence[tuple[Fate, int]]], starts: Sequence[ItemId]
) -> dict[ItemId, tuple[str, tuple[str, ...], int]]:
    """Certain if one whole path is certain and surely in order; else the reasons of the paths that surely are in order,
    else of those that may be, else of all.
    """
    found = {}
    for item, paths in fates.items():
        if item in starts:
            continue
        level = min(hops for _, hops in paths)
        fitting = [f for f, _ in paths if f.consistent]
        ordered = [f for f in fitting if f.ordered]
        if any(not f.reasons for f in ordered):
            found[item] = ("certain", (), level)
        else:
            why = frozenset().union(*(f.reasons for f in ordered or fitting or [f for f, _ in paths]))
            why |= {"order_uncertain"} if fitting and not ordered else set()
            found[item] = ("possible", tuple(sorted(why)), level)
    return found
