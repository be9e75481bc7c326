"""What stood on which equipment while something was made there, looked up in windows (rules: domain.stands)."""

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace

from domain.links import ALWAYS_US, NEVER_US
from domain.record import Found, Known, LoadSign, Making, Need
from domain.spans import REACH, Near, Span, merged
from domain.stands import Position, Stand

APART_US = 3_600_000_000
"""Makings nearer to each other than this are looked up as one window."""


@dataclass(slots=True)
class Scene:
    """The positions of equipment, window by window, and the units done around them that doubts are counted in."""

    windows: dict[str, list[Span]] = field(default_factory=dict)
    positions: dict[Span, list[Position]] = field(default_factory=dict)
    _done: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)

    def during(self, making: Making) -> Iterator[Position]:
        """The positions of every equipment that it was made on, as known around that time."""
        for equipment in making.made_on:
            windows = self.windows.get(equipment, [])
            at = bisect_right(windows, making.since_us, key=lambda w: w.from_us) - 1
            if at >= 0:
                yield from self.positions[windows[at]]

    def units_between(self, equipment: str, from_us: int, to_us: int) -> int:
        return sum(n for done_us, n in self._done.get(equipment, {}).values() if from_us < done_us < to_us)

    def count(self, equipment: str, makings: Iterable[Making]) -> None:
        done = self._done.setdefault(equipment, {})
        done |= {m.event.no: (m.event.facts.latest_us, m.units) for m in makings}


def scene_of(known: Known, makings: Iterable[Making]) -> Generator[Need, Found, Scene]:
    """Everything that stood where these were made, while they were made."""
    wanted = merged(
        (Span(e, m.since_us, m.event.facts.latest_us) for m in makings for e in m.made_on),
        gap_us=APART_US,
    )
    yield from known.require(Need(loads=frozenset(wanted)))
    scene = Scene()
    doubts: dict[str, int] = {}
    for window in wanted:
        signs = known.found.loads.get(window, [])
        scene.windows.setdefault(window.equipment, []).append(window)
        scene.positions[window] = positions_of(window.equipment, signs)
        most = max((s.fact.doubt_units for s in signs), default=0)
        doubts[window.equipment] = max(most, doubts.get(window.equipment, 0))
    doubtful = [w for w in wanted if doubts[w.equipment]]
    near = [Near(w.equipment, w.from_us, doubts[w.equipment], True) for w in doubtful]
    near += [Near(w.equipment, w.to_us, doubts[w.equipment], False) for w in doubtful]
    yield from known.require(Need(makings=frozenset(doubtful), makings_near=frozenset(near)))
    for span in doubtful:
        scene.count(span.equipment, known.found.makings.get(span, []))
    for beside in near:
        scene.count(beside.equipment, known.found.makings_near.get(beside, []))
    return scene


def windows_of(known: Known, signs: list[LoadSign]) -> Generator[Need, Found, list[Span]]:
    """The spans in which something made may hold what these signs tell of, with the units of doubt on both sides."""
    stands = yield from _own_stands(known, signs)
    yield from known.require(Need(makings_near=frozenset(n for s in stands for n in _beside(s))))
    windows = []
    for stand in stands:
        from_us, to_us = stand.from_us, stand.until_us
        for near in _beside(stand):
            far_us = yield from _far(known, stand, near)
            from_us, to_us = (far_us, to_us) if near.before else (from_us, far_us)
        windows.append(Span(stand.start.fact.equipment, from_us, to_us))
    return merged(windows)


def _far(known: Known, stand: Stand, near: Near) -> Generator[Need, Found, int]:
    """How far the units of doubt beside a stand reach.

    Where too few are counted (only booked outputs count none), as far as REACH further signs of the position allow.
    """
    makings = known.found.makings_near.get(near, [])
    done = _nearest(near, makings)
    if sum(m.units for m in makings) >= near.units:
        return min([near.at_us, *done]) if near.before else max([near.at_us, *done])
    place = Span(near.equipment, near.at_us, near.at_us)
    yield from known.require(Need(loads=frozenset({place})))
    name = stand.start.fact.position
    signs = [s.event.facts for s in known.found.loads.get(place, []) if s.fact.position == name]
    if near.before:
        before = sorted(f.earliest_us for f in signs if f.latest_us < near.at_us)
        return before[-REACH] if len(before) >= REACH else NEVER_US
    after = sorted(f.latest_us for f in signs if f.earliest_us > near.at_us)
    return after[REACH - 1] if len(after) >= REACH else ALWAYS_US


def find_ends(known: Known, stands: Iterable[Stand]) -> Generator[Need, Found, None]:
    """Look on for the ends of stands that no known sign ends."""
    unended = [s for s in stands if s.until_us == ALWAYS_US]
    if unended:
        found = yield from _own_stands(known, [s.start for s in unended])
        until = {s.start.event.no: s.until_us for s in found}
        for stand in unended:
            stand.until_us = until.get(stand.start.event.no, stand.until_us)


def positions_of(equipment: str, signs: Iterable[LoadSign]) -> list[Position]:
    """The positions of an equipment from its signs, by name."""
    by_name: dict[str, list[LoadSign]] = {}
    for sign in signs:
        by_name.setdefault(sign.fact.position, []).append(sign)
    return [Position.of(equipment, name, found) for name, found in sorted(by_name.items())]


def _own_stands(known: Known, signs: list[LoadSign]) -> Generator[Need, Found, list[Stand]]:
    """The stands that these signs tell of, each looked at until its end is known."""
    own = {s.event.no for s in signs}
    todo = {_span(s) for s in signs}
    found: dict[int, Stand] = {}
    while todo:
        yield from known.require(Need(loads=frozenset(todo)))
        further: set[Span] = set()
        for span in todo:
            for position in positions_of(span.equipment, known.found.loads.get(span, [])):
                for stand in position.stands:
                    if stand.start.event.no in own and _span(stand.start).from_us >= span.from_us:
                        _keep(found, stand)
                        further |= _further(position, stand, span)
        todo = further
    return list(found.values())


def _span(sign: LoadSign) -> Span:
    return Span(sign.fact.equipment, sign.event.facts.earliest_us, sign.event.facts.latest_us)


def _keep(found: dict[int, Stand], stand: Stand) -> None:
    """Of one stand known from several spans, the one whose end is known."""
    held = found.get(stand.start.event.no)
    if held is None or stand.until_us < held.until_us:
        found[stand.start.event.no] = stand


def _further(position: Position, stand: Stand, span: Span) -> set[Span]:
    """Where to look on for the end of a stand; nowhere if the signs known are the last ones there are."""
    last_us = position.signs[-1].event.facts.latest_us
    after = sum(s.event.facts.latest_us > span.to_us for s in position.signs)
    if stand.until_us != ALWAYS_US or after < REACH:
        return set()
    return {replace(span, to_us=last_us)}


def _beside(stand: Stand) -> list[Near]:
    """Where units in doubt lie: before its mount, after the mount that ended it."""
    found = []
    start, end = stand.start, stand.end
    if not stand.unrecorded and start.fact.doubt_units:
        found.append(Near(start.fact.equipment, stand.from_us, start.fact.doubt_units, True))
    if end is not None and end.fact.doubt_units:
        found.append(Near(end.fact.equipment, stand.until_us, end.fact.doubt_units, False))
    return found


def _nearest(near: Near, makings: Iterable[Making]) -> list[int]:
    """When the makings beside an instant were done, until they count the units."""
    found, counted = [], 0
    for making in sorted(makings, key=lambda m: m.event.facts.latest_us, reverse=near.before):
        if counted >= near.units:
            break
        counted += making.units
        found.append(making.event.facts.latest_us)
    return found
