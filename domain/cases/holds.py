"""Which holds follow from the acts of a recall, one series after the other (docs/recall.md 'Holds')."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from domain.cases import acts
from domain.cases.recall import RecallCase
from domain.cases.record import Recorded
from domain.ids import ItemId


class What(StrEnum):
    """Which items a series is about."""

    FROZEN = "frozen"
    """members of the freeze `number`: held"""
    ADDED = "added"
    """members that the evaluation `number` added: held"""
    WORKING_SET = "working_set"
    """all that are affected now: held"""
    NARROWED = "narrowed"
    """held for an earlier freeze and not in the freeze `number`: released"""
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
    approved = 0
    waiting: list[Series] = []
    for one in case.history:
        sequence = one.sequence or 0
        match one.act:
            case acts.Approved(freeze=n):
                yield Series(f"f{n}", What.FROZEN, n, one)
                if approved:
                    yield Series(f"n{n}", What.NARROWED, n, one)
                approved = n
                yield from waiting
                waiting = []
            case acts.Evaluated(evaluation=n, added=added) if added:
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
                yield Series(f"r{sequence}", What.WORKING_SET, sequence, one)
            case _:
                pass
