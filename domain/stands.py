"""How long each thing stood at one position of an equipment, and what a making there holds of it.

The rules, by number, are those of docs/semantics.md, "Line loading".
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from domain.bookings import BOOKED_LATER, is_booked, may_begin_us
from domain.facts import EventFacts
from domain.happened import Happened
from domain.ids import ItemId
from domain.links import ALWAYS_US, NEVER_US
from domain.record import LoadSign, Making
from domain.spans import REACH

DATE_US = 26 * 3_600_000_000
"""Longer than any day: no sign's time is less exact."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another item recorded at the same position at the same time."""

    item: ItemId
    event_id: str
    from_us: int
    until_us: int


@dataclass(slots=True)
class Stand:
    """One item at one position: possible over [from_us, until_us], sure strictly inside the other two instants.

    `start` is its mount, or (`unrecorded`) the unmount that tells of it. `pending_us`: an end that may yet be void.
    """

    item: ItemId
    start: LoadSign
    from_us: int
    until_us: int
    sure_from_us: int
    sure_until_us: int
    end: LoadSign | None = None
    unrecorded: bool = False
    pending_us: int = ALWAYS_US
    rivals: list[Rival] = field(default_factory=list)

    def touches(self, from_us: int, to_us: int) -> bool:
        return self.from_us <= to_us and self.until_us >= from_us


@dataclass(slots=True)
class Position:
    """The signs of one position in the order of their latest bounds, and the stands they tell of."""

    equipment: str
    name: str
    signs: list[LoadSign]
    stands: list[Stand]

    @classmethod
    def of(cls, equipment: str, name: str, signs: Iterable[LoadSign]) -> "Position":
        ordered = sorted(signs, key=lambda s: s.event.facts.order)
        stands = [_stand(ordered, i) for i, s in enumerate(ordered) if s.fact.mounts]
        unrecorded = [u for i in range(len(ordered)) for u in _unrecorded(ordered, i, stands)]
        for stand in unrecorded:
            _doubt_others(stand, stands)
        _mounted_at_once(stands)
        return cls(equipment, name, ordered, stands + unrecorded)

    def signs_between(self, from_us: int, to_us: int) -> int:
        """How many signs surely lie between two instants."""
        return sum(_first(s) > from_us and _last(s) < to_us for s in self.signs)


UnitsBetween = Callable[[str, int, int], int]
"""(equipment, from, to): units done on it strictly between two instants."""


def held(position: Position, stand: Stand, making: Making, *, units_between: UnitsBetween) -> frozenset[str] | None:
    """Why the making only possibly holds what stood there; empty: certainly; None: it holds nothing of it."""
    begins_us, done_us = making.since_us, making.event.facts.latest_us
    booked = is_booked(making.event.facts)
    reasons = {BOOKED_LATER} if booked else set()
    if stand.touches(begins_us, done_us):
        if stand.unrecorded:
            reasons.add("inferred")
        elif not booked and (
            not (stand.sure_from_us < begins_us and done_us < stand.sure_until_us)
            or _near_start(stand, begins_us, units_between)
            or _near_end(position, stand, done_us, units_between=units_between)
        ):
            reasons.add("edge")
    elif _runs_over(position, stand, begins_us, done_us=done_us, units_between=units_between):
        reasons.add("edge")
    else:
        return None
    if stand.start.event.pending or done_us >= stand.pending_us:
        reasons.add("replacement_pending")
    return frozenset(reasons)


def stood_during(position: Position, facts: EventFacts) -> frozenset[str] | None:
    """Why something only possibly stood at a position while an event made something; empty: surely; None: nothing."""
    begins_us, done_us = may_begin_us(facts), facts.latest_us
    there = [s for s in position.stands if s.touches(begins_us, done_us)]
    if not there:
        return None
    if is_booked(facts):
        return frozenset({BOOKED_LATER})
    sure = any(s.sure_from_us < begins_us and done_us < s.sure_until_us and not s.start.event.pending for s in there)
    return frozenset() if sure else frozenset({"edge"})


def beside_stands(
    position: Position, open_ended: Iterable[Happened], *, since_us: int | None, until_us: int | None
) -> set[int]:
    """Of events that tell no start, by number: the last before each stand in [since, until), and the first after it.

    They may have lasted into it; several of one instant all. While something stood there: see `stood_during`.
    """
    events = list(open_ended)
    ends, begins = sorted(e.facts.latest_us for e in events), sorted(e.facts.earliest_us for e in events)
    last, first = set[int](), set[int]()
    for stand in position.stands:
        from_us = stand.from_us if since_us is None else max(stand.from_us, since_us)
        to_us = stand.until_us if until_us is None else min(stand.until_us, until_us - 1)
        if from_us > to_us:
            continue
        if before := bisect_left(ends, from_us):
            last.add(ends[before - 1])
        if (after := bisect_right(begins, to_us)) < len(begins):
            first.add(begins[after])
    return {e.no for e in events if e.facts.latest_us in last or e.facts.earliest_us in first}


def _near_start(stand: Stand, begins_us: int, units_between: UnitsBetween) -> bool:
    sign = stand.start
    return 0 < sign.fact.doubt_units > units_between(sign.fact.equipment, _last(sign), begins_us)


def _near_end(position: Position, stand: Stand, done_us: int, *, units_between: UnitsBetween) -> bool:
    sign = stand.end
    if sign is None or sign.fact.doubt_units == 0 or position.signs_between(done_us, _first(sign)) >= REACH:
        return False
    return units_between(sign.fact.equipment, done_us, _first(sign)) < sign.fact.doubt_units


def _runs_over(position: Position, stand: Stand, begins_us: int, *, done_us: int, units_between: UnitsBetween) -> bool:
    """Rule 4: beside the stand, but within the units of doubt of its mount or of the mount that ended it."""
    if done_us < stand.from_us:
        sign: LoadSign | None = None if stand.unrecorded else stand.start
        between = (done_us, stand.from_us)
    else:
        sign, between = stand.end, (stand.until_us, begins_us)
    if sign is None or sign.fact.doubt_units == 0 or position.signs_between(*between) >= REACH:
        return False
    return units_between(sign.fact.equipment, *between) < sign.fact.doubt_units


def _first(sign: LoadSign) -> int:
    return sign.event.facts.earliest_us


def _last(sign: LoadSign) -> int:
    return sign.event.facts.latest_us


def _ends(sign: LoadSign, item: ItemId) -> bool:
    """Rule 1: an unmount of it or of everything, a mount of another item."""
    return sign.fact.item != item if sign.fact.mounts else sign.fact.item in (None, item)


def _stand(signs: Sequence[LoadSign], at: int) -> Stand:
    """Rules 1 and 2 for one mount among the signs of its position, which are in the order of their latest bounds."""
    mount = signs[at]
    item, first_us, last_us = mount.fact.item, _first(mount), _last(mount)
    assert item is not None
    end: LoadSign | None = None
    sure_until_us, pending_us = ALWAYS_US, ALWAYS_US
    for sign in _around(signs, at, first_us):
        if _last(sign) - DATE_US > sure_until_us and end is not None:
            break
        if sign is mount or not _ends(sign, item) or _surely_before(sign, item, first_us):
            continue
        later = _first(sign) > last_us
        sure_until_us = min(sure_until_us, _first(sign) if later else first_us)
        if sign.event.pending:
            pending_us = min(pending_us, _first(sign))
        elif later and end is None:
            end = sign
    until_us = ALWAYS_US if end is None else _last(end)
    return Stand(item, mount, first_us, until_us, last_us, sure_until_us, end, pending_us=pending_us)


def _around(signs: Sequence[LoadSign], at: int, first_us: int) -> Iterable[LoadSign]:
    before = at
    while before > 0 and _last(signs[before - 1]) >= first_us:
        before -= 1
    return (signs[i] for i in range(before, len(signs)))


def _surely_before(sign: LoadSign, item: ItemId, mounted_us: int) -> bool:
    """At one instant an unmount comes before a mount; not one of the same item, which may undo it."""
    tied = not sign.fact.mounts and sign.fact.item != item
    return _last(sign) <= mounted_us if tied else _last(sign) < mounted_us


def _unrecorded(signs: Sequence[LoadSign], at: int, stands: Sequence[Stand]) -> list[Stand]:
    """Rule 5: an unmount of what was not there."""
    unmount = signs[at]
    item = unmount.fact.item
    if unmount.fact.mounts or item is None:
        return []
    first_us, last_us = _first(unmount), _last(unmount)
    if any(s.item == item and s.from_us <= last_us and s.until_us >= first_us for s in stands):
        return []
    before = [_first(s) for s in signs[:at] if _last(s) < first_us]
    since_us = before[-1] if before else NEVER_US
    return [Stand(item, unmount, since_us, last_us, ALWAYS_US, NEVER_US, unrecorded=True)]


def _doubt_others(told: Stand, stands: Iterable[Stand]) -> None:
    for other in stands:
        if other.item != told.item and other.from_us < told.until_us and other.until_us >= told.from_us:
            other.sure_until_us = min(other.sure_until_us, told.from_us)
            if other.until_us > told.from_us:
                _rivals(told, other)


def _mounted_at_once(stands: Sequence[Stand]) -> None:
    ordered = sorted(stands, key=lambda s: s.from_us)
    for i, one in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if other.from_us > one.from_us:
                break
            if one.item != other.item and one.sure_from_us == one.from_us == other.from_us == other.sure_from_us:
                _rivals(one, other)


def _rivals(one: Stand, other: Stand) -> None:
    from_us, until_us = max(one.from_us, other.from_us), min(one.until_us, other.until_us)
    for a, b in ((one, other), (other, one)):
        a.rivals.append(Rival(b.item, b.start.event.facts.event_id, from_us, until_us))
