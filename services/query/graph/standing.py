"""How many plain units stand at an instant: the columns of `domain.state.State` that nodes show (SEMANTICS §4)."""

from dataclasses import dataclass

import numpy as np

from services.query.graph.drawing_parts import DEEPEST
from services.query.graph.facts import CLEARED, Standing, Stays
from services.query.graph.groups import Ints, picked
from services.turns import give_way

_STATUS_BITS = 4


@dataclass(frozen=True, slots=True)
class Stood:
    """Columns, one row an item: codes of texts and of STATUSES; `container` and `whole` are items (-1: none)."""

    items: Ints
    status: Ints
    disposition: Ints
    site: Ints
    holder: Ints
    owner: Ints
    container: Ints
    whole: Ints


@dataclass(frozen=True, slots=True)
class _Asked:
    """Items at instants, and for each what it was in by then: rows of the next level."""

    item: Ints
    at_us: Ints
    below: Ints
    above: Ints
    since_us: Ints
    started: Ints
    is_stay: Ints


class TooDeep(Exception):
    """Containers within containers without an end: the domain must answer."""


def stand(standing: Standing, items: Ints, at_us: int) -> Stood:
    """The standing of plain items at an instant. Raises TooDeep."""
    levels = _climb(standing, items, at_us)
    texts = standing.events
    facts = standing.facts

    def greatest(last: Ints) -> Ints:
        """By row of the lowest level, the rank of the greatest fact of it and of what it was in; -1: none."""
        found: Ints | None = None
        for level in reversed(levels):
            own = _rank_of(standing, _row_of(standing, level.item, level.at_us), last)
            if found is not None:
                np.maximum.at(own, level.below, found[level.above])
            found = own
        assert found is not None
        return found

    def text(values: Ints, rank: Ints) -> Ints:
        give_way()
        return picked(values, picked(texts.by_rank, rank), 0)

    holder = text(texts.holder, greatest(facts.last_holder))
    own_row = _row_of(standing, items, np.full(len(items), at_us))
    return Stood(
        items,
        _status(standing, levels),
        text(texts.disposition, _rank_of(standing, own_row, facts.last_disposition)),
        text(texts.site, greatest(facts.last_site)),
        np.where(holder == CLEARED, 0, holder),
        text(texts.owner, greatest(facts.last_owner)),
        standing.stays.inside(items, at_us),
        standing.parts.inside(items, at_us),
    )


def last_events(standing: Standing, items: Ints, at_us: int) -> Ints:
    """The last event by an instant that names each item, whatever of it; -1 where there is none."""
    return picked(standing.facts.event, _row_of(standing, items, np.full(len(items), at_us)))


def _climb(standing: Standing, items: Ints, at_us: int) -> list[_Asked]:
    """The items, then the containers and units each was in by then and until when, and so on to the top."""
    levels: list[_Asked] = []
    item, at = items, np.full(len(items), at_us, dtype=np.int64)
    while len(item):
        give_way()
        if len(levels) > 2 * DEEPEST:
            raise TooDeep
        found = [_begun(stays, item, at) for stays in (standing.stays, standing.parts)]
        below = np.concatenate([f[0] for f in found])
        parent, until, since, started = (np.concatenate([f[k] for f in found]) for k in (1, 2, 3, 4))
        is_stay = np.repeat(np.array([1, 0]), [len(f[0]) for f in found])
        instants, code = np.unique(until, return_inverse=True)
        keys, above = np.unique(parent.astype(np.int64) * max(1, len(instants)) + code, return_inverse=True)
        levels.append(_Asked(item, at, below, above, since, started, is_stay))
        item, at = keys // max(1, len(instants)), instants[keys % max(1, len(instants))] if len(instants) else keys
    return levels or [_Asked(items, items, *(np.zeros(0, dtype=np.int64),) * 5)]


def _begun(stays: Stays, item: Ints, at_us: Ints) -> tuple[Ints, ...]:
    """(row of the items, parent, last instant it can speak for the item, since, rank of its start) of stays begun."""
    on, rows = stays.by_child.expand(item)
    begun = stays.since_us[rows] <= at_us[on]
    on, rows = on[begun], rows[begun]
    until = np.minimum(at_us[on], stays.until_us[rows])
    return on, stays.parent[rows], until, stays.since_us[rows], stays.started[rows]


def _row_of(standing: Standing, item: Ints, at_us: Ints) -> Ints:
    """The newest fact of each item by an instant: a row of the facts, -1 for none."""
    by_then = np.searchsorted(standing.events.latest_sorted, at_us, side="right")
    width = len(standing.events.by_rank) + 1
    row = np.searchsorted(standing.facts.key, item.astype(np.int64) * width + by_then, side="left") - 1
    return np.where(row >= standing.facts.start[item], row, -1)


def _rank_of(standing: Standing, row: Ints, last: Ints) -> Ints:
    """The rank of the event of the newest row that says something; -1 for none."""
    return picked(standing.events.rank_no, picked(standing.facts.event, picked(last, row)))


def _status(standing: Standing, levels: list[_Asked]) -> Ints:
    """Its own last status, or what happened to its containers while it was inside, whichever is later."""
    above: Ints | None = None
    for depth in reversed(range(len(levels))):
        level = levels[depth]
        row = _row_of(standing, level.item, level.at_us)
        shared = _ranked_status(standing, row, standing.facts.last_shared_status)
        own = _ranked_status(standing, row, standing.facts.last_status) if depth == 0 else shared
        if above is not None:
            told = above[level.above]
            rank = told >> _STATUS_BITS
            during = picked(standing.events.latest_sorted, rank) >= level.since_us
            counts = (told >= 0) & during & (rank > level.started) & (level.is_stay == 1)
            np.maximum.at(own, level.below[counts], told[counts])
        above = own
    assert above is not None
    return np.where(above >= 0, above & ((1 << _STATUS_BITS) - 1), 0)


def _ranked_status(standing: Standing, row: Ints, last: Ints) -> Ints:
    """Rank and status in one number, so that the greatest carries its status; -1 for none."""
    at = picked(last, row)
    rank = picked(standing.events.rank_no, picked(standing.facts.event, at))
    return np.where(at >= 0, (rank << _STATUS_BITS) | picked(standing.facts.status, at), -1)
