"""What stands about items, as arrays: their facts in order, their stays in containers, and texts by number.

The order of events (SEMANTICS §2) is one number an event, `rank_no`: whatever is greatest is a maximum of numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.facts import Status
from services.query.graph.groups import Bools, Groups, Ints, first_of_each, small

STATUSES: tuple[Status | None, ...] = (None, *Status)
"""Statuses by code; 0 is none."""
CLEARED = 1
"""The code of a holder that says: nobody outside has it any more."""


@dataclass(frozen=True, slots=True)
class EventTexts:
    """By event: codes of texts (0: none), and its place in the order of all events."""

    site: Ints
    holder: Ints
    owner: Ints
    disposition: Ints
    rank_no: Ints
    by_rank: Ints
    """the event of each rank"""
    latest_sorted: Ints
    """`latest_us` in the order of ranks: how many events are known to have happened by an instant"""


@dataclass(frozen=True, slots=True)
class Facts:
    """Mentions by (item, order). `last_…` is, by row, the newest row of the same item up to it that says something."""

    key: Ints
    start: Ints
    event: Ints
    status: Ints
    last_site: Ints
    last_holder: Ints
    last_owner: Ints
    last_disposition: Ints
    last_status: Ints
    last_shared_status: Ints


@dataclass(frozen=True, slots=True)
class Stays:
    """Who was in what over [since, until), as packings and unpackings tell; parts in units likewise."""

    child: Ints
    parent: Ints
    since_us: Ints
    until_us: Ints
    started: Ints
    """rank of the event that began it"""
    by_child: Groups

    def inside(self, items: Ints, at_us: int) -> Ints:
        """What each item is in at the instant; -1 where it is in nothing."""
        on, rows = self.by_child.expand(items)
        covers = (self.since_us[rows] <= at_us) & (at_us < self.until_us[rows])
        found = np.full(len(items), -1, dtype=np.int64)
        on, rows = on[covers], rows[covers]
        last = first_of_each(on[::-1])
        found[on[::-1][last]] = self.parent[rows[::-1][last]]
        return found


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the state of plain units is read from. `odd` are the items that the domain must answer about."""

    odd: Bools
    stock: Bools
    """lots and classes of which nothing but their stock needs a second look"""
    kind: Ints
    texts: Mapping[int, str]
    events: EventTexts
    facts: Facts
    stays: Stays
    parts: Stays


def newest(says: Bools, start_of_row: Ints) -> Ints:
    """For each row the newest row up to it, of the same item, that says something; -1 where there is none."""
    rows = np.where(says, np.arange(len(says)), -1)
    found = np.maximum.accumulate(rows) if len(rows) else rows
    return small(np.where(found >= start_of_row, found, -1))
