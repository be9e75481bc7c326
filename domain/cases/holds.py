"""Which holds follow from the acts of a recall, one series after the other (docs/recall.md 'Holds')."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.cases import acts
from domain.cases.recall import RecallCase, first_evaluation
from domain.cases.record import Recorded
from domain.ids import ItemId
from domain.moments import Moment


class What(StrEnum):
    """Which items a series is about."""

    FROZEN = "frozen"
    """members of the freeze `number`: held"""
    ADDED = "added"
    """members that the evaluation `number` added: held"""
    WORKING_SET = "working_set"
    """all that are affected now: held"""
    NARROWED = "narrowed"
    """held for an earlier freeze, or as added to that, and neither in the freeze `number` nor added to it: released.
    Before that was evaluated once, nothing is let go: a freeze may be as known long ago."""
    REMOVED = "removed"
    """`items`: released"""
    ALL = "all"
    """released"""

    @property
    def places(self) -> bool:
        return self in (What.FROZEN, What.ADDED, What.WORKING_SET)


@dataclass(frozen=True, slots=True)
class Series:
    """Events of one decision. `name` is part of their ids: sent again they are duplicates."""

    name: str
    what: What
    number: int
    because: Recorded
    items: tuple[ItemId, ...] = ()
    added_from: int = 0
    added_to: int = 0
    """the evaluations, first and last, of which added members are in the set"""
    released_before: Recorded | None = None
    """the act before it that let go of something and tells the latest time: what is placed now is placed after that"""

    @property
    def occurred_at(self) -> str:
        """When it happens. An evaluation that began before a removal, and was told after it, places nothing before."""
        before = self.released_before
        if not self.what.places or before is None or _us(before) <= _us(self.because):
            return self.because.occurred_at
        return before.occurred_at


def _us(one: Recorded) -> int:
    return Moment.parse(one.occurred_at).latest_us


def due(case: RecallCase) -> Iterator[Series]:
    """What is to be placed and released yet, in the order of what it follows from. Only live recalls hold anything."""
    if case.mode != "live" or case.approved is None:
        return
    done = {
        one.act.series or f"f{getattr(one.act, 'freeze', 0)}"
        for one in case.history
        if isinstance(one.act, acts.HoldsPlaced | acts.HoldsReleased)
    }
    yield from (series for series in _series(case) if series.name not in done)


def _series(case: RecallCase) -> Iterator[Series]:
    """Of every act what follows from it, and after what it is placed."""
    released: Recorded | None = None
    for series in _following(case):
        yield replace(series, released_before=released)
        if not series.what.places and (released is None or _us(released) < _us(series.because)):
            released = series.because


def _following(case: RecallCase) -> Iterator[Series]:
    approved = 0
    waiting: list[Series] = []
    evaluated = 0
    for one in case.history:
        sequence = one.sequence or 0
        match one.act:
            case acts.Approved(freeze=n):
                yield Series(f"f{n}", What.FROZEN, n, one)
                since = first_evaluation(case.history, n)
                if approved and since:
                    yield Series(f"n{n}", What.NARROWED, n, one, (), since, max(since, evaluated))
                approved = n
                yield from (series for series in waiting if series.number >= since)
                waiting = []
            case acts.Evaluated(evaluation=n, added=added):
                evaluated = n
                if not added:
                    continue
                series = Series(f"d{n}", What.ADDED, n, one)
                if approved:
                    yield series
                else:
                    waiting.append(series)
            case acts.RemovalDecided(decision="remove", items=items) if approved:
                yield Series(f"m{sequence}", What.REMOVED, sequence, one, items)
            case acts.Closed() if approved:
                yield Series(f"c{sequence}", What.ALL, sequence, one)
            case acts.Reopened() if approved:
                yield Series(f"r{sequence}", What.WORKING_SET, sequence, one, (), case.added_from, evaluated)
            case _:
                pass
