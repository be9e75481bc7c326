"""When complaints are so many that a case must be looked into (REQUIREMENTS CN10; docs/recall.md, 'Complaints')."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from domain.ids import ItemId
from domain.moments import DAY_US

About = Literal["lot", "component_lot", "model", "serious"]
"""What complaints have in common: the unit's own lot, a lot that went into it, its model; `serious`: its model, and
that somebody was badly hurt."""

_RULE = re.compile(r"^([a-z_]+)=(\d{1,6})/(\d{1,5})d$")


@dataclass(frozen=True, slots=True)
class ComplaintRule:
    """So many complaints with one thing in common within so many days open a draft."""

    about: About
    count: int
    days: int

    @property
    def text(self) -> str:
        return f"{self.about}={self.count}/{self.days}d"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint of one item. `in_common` are what it may share with others, by kind."""

    event_id: str
    item: ItemId
    at_us: int
    in_common: Mapping[About, Collection[ItemId]]


@dataclass(frozen=True, slots=True)
class Crossing:
    """A rule was met by one complaint, the last of `complaints`, for every one of `subjects`."""

    rule: ComplaintRule
    subjects: tuple[ItemId, ...]
    complaints: tuple[Complaint, ...]


def rules_of(text: str) -> tuple[ComplaintRule, ...]:
    """Rules as a setting writes them, e.g. `lot=3/30d model=10/30d`. Raises ValueError."""
    found = []
    for word in text.replace(",", " ").split():
        read = _RULE.match(word)
        about = next((a for a in get_args(About) if read and a == read[1]), None)
        if read is None or about is None or not int(read[2]) or not int(read[3]):
            raise ValueError(f"{word}: write <{'|'.join(get_args(About))}>=<complaints>/<days>d, e.g. lot=3/30d")
        found.append(ComplaintRule(about, int(read[2]), int(read[3])))
    return tuple(found)


def crossings(
    rules: Sequence[ComplaintRule],
    complaints: Iterable[Complaint],
    *,
    covered: Mapping[About, Mapping[ItemId, int | None]],
) -> list[Crossing]:
    """Where a rule was met, one a complaint that met it.

    What `covered` names has a case: an open one (None), or one that was closed at an instant, whose complaints are
    those up to then.

    The same complaints give the same crossings, in whatever order they are told.
    """
    ordered = sorted(complaints, key=_order)
    return [found for rule in rules for found in _crossings(rule, ordered, covered.get(rule.about, {}))]


def _crossings(
    rule: ComplaintRule, ordered: Sequence[Complaint], covered: Mapping[ItemId, int | None]
) -> Iterable[Crossing]:
    told: defaultdict[ItemId, dict[str, Complaint]] = defaultdict(dict)
    for complaint in ordered:
        for subject in complaint.in_common.get(rule.about, ()):
            closed_us = covered.get(subject)
            if subject not in covered or (closed_us is not None and complaint.at_us > closed_us):
                told[subject].setdefault(complaint.event_id, complaint)
    met: defaultdict[str, tuple[list[ItemId], dict[str, Complaint]]] = defaultdict(lambda: ([], {}))
    for subject, by_event in told.items():
        window = _window(rule, list(by_event.values()))
        if window:
            subjects, together = met[window[-1].event_id]
            subjects.append(subject)
            together |= {c.event_id: c for c in window}
    for subjects, together in met.values():
        yield Crossing(rule, tuple(sorted(subjects)), tuple(sorted(together.values(), key=_order)))


def _order(complaint: Complaint) -> tuple[int, str, ItemId]:
    return complaint.at_us, complaint.event_id, complaint.item


def _window(rule: ComplaintRule, complaints: Sequence[Complaint]) -> tuple[Complaint, ...]:
    """The first `count` of them that lie within `days`; none: nothing."""
    for first in range(len(complaints) - rule.count + 1):
        window = complaints[first : first + rule.count]
        if window[-1].at_us - window[0].at_us < rule.days * DAY_US:
            return tuple(window)
    return ()
