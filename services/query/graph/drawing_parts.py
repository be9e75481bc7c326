"""Facts and stays of plain units from drawn rows, and which items are odd: their state needs more than one look."""

import numpy as np

from domain.facts import INHERITED, Action, Role
from domain.links import ALWAYS_US
from services.query.graph.facts import STATUSES, EventTexts, Facts, Stays, newest
from services.query.graph.groups import Bools, Groups, Ints, any_by, small
from services.query.graph.kinds import CONTAINER, LOT, UNIT

DEEPEST = 40
_SHARED = [code for code, status in enumerate(STATUSES) if status in INHERITED]


def facts_of(item: Ints, event: Ints, *, role: Ints, status: Ints, rank: Ints, texts: EventTexts, count: int) -> Facts:
    """All mentions by (item, order)."""
    width = len(texts.by_rank) + 1
    key = item.astype(np.int64) * width + texts.rank_no[event]
    order = np.argsort(key, kind="stable")
    key, item, event, role, status = key[order], item[order], event[order], role[order], status[order]
    start = np.searchsorted(item, np.arange(count + 1))
    first = start[item]
    speaks = role != Role.INPUT
    shared = np.isin(status, _SHARED) & (rank[event] >= 3)
    return Facts(
        key,
        small(start),
        small(event),
        status.astype(np.int8),
        newest(speaks & (texts.site[event] != 0), first),
        newest(speaks & (texts.holder[event] != 0), first),
        newest(speaks & (texts.owner[event] != 0), first),
        newest(speaks & (texts.disposition[event] != 0), first),
        newest(status != 0, first),
        newest(shared, first),
    )


def stays_of(
    item: Ints, event: Ints, *, role: Ints, action: Ints, whole: Ints, latest_us: Ints, texts: EventTexts, count: int
) -> tuple[Stays, Bools]:
    """Stays in containers, and the children whose marks are not plain."""
    rows = np.flatnonzero(role == Role.CHILD)
    rows = rows[np.lexsort((texts.rank_no[event[rows]], item[rows]))]
    child, parent, at_us = item[rows], whole[rows], latest_us[event[rows]]
    puts = action[rows] != Action.TAKE
    same = np.zeros(len(rows), dtype=np.bool_)
    same[1:] = child[1:] == child[:-1]
    earlier_parent = np.where(same, np.roll(parent, 1), -1)
    after_put = same & np.roll(puts, 1)
    odd = parent < 0
    odd |= same & (at_us == np.roll(at_us, 1))  # two marks at one instant
    odd |= ~puts & ~(after_put & (earlier_parent == parent))  # taken out of what it was not put into last
    odd |= puts & after_put & (earlier_parent == parent)
    until = np.full(len(rows), ALWAYS_US, dtype=np.int64)
    has_next = np.zeros(len(rows), dtype=np.bool_)
    has_next[:-1] = same[1:]
    until[:-1] = np.where(has_next[:-1], at_us[1:], ALWAYS_US)
    emptied = np.flatnonzero((role == Role.PARENT) & (action == Action.TAKE_ALL))
    emptied = emptied[np.lexsort((latest_us[event[emptied]], item[emptied]))]
    first, at_once = _first_emptying(parent, at_us, emptied=item[emptied], at_us=latest_us[event[emptied]])
    until = np.minimum(until, first)
    odd |= at_once & puts
    begun = puts & ~odd
    strange = np.zeros(count, dtype=np.bool_)
    strange[child[odd]] = True
    stays = Stays(
        child[begun],
        parent[begun],
        at_us[begun],
        until[begun],
        texts.rank_no[event[rows]][begun],
        Groups.of(child[begun], count),
    )
    return stays, strange | _used_inside(stays, item, event, role=role, action=action, latest_us=latest_us, count=count)


def _first_emptying(parent: Ints, since_us: Ints, *, emptied: Ints, at_us: Ints) -> tuple[Ints, Bools]:
    """When each parent was first emptied after an instant; and whether it was at that very instant."""
    if not len(emptied):
        return np.full(len(parent), ALWAYS_US, dtype=np.int64), np.zeros(len(parent), dtype=np.bool_)
    instants = np.unique(np.concatenate([at_us, since_us]))
    width = len(instants) + 1
    keys = emptied.astype(np.int64) * width + np.searchsorted(instants, at_us)
    wanted = parent.astype(np.int64) * width + np.searchsorted(instants, since_us)
    after = np.minimum(np.searchsorted(keys, wanted, side="right"), len(keys) - 1)
    found = (keys[after] > wanted) & (emptied[after] == parent)
    same = np.minimum(np.searchsorted(keys, wanted, side="left"), len(keys) - 1)
    return np.where(found, at_us[after], ALWAYS_US), keys[same] == wanted


def _used_inside(
    stays: Stays, item: Ints, event: Ints, *, role: Ints, action: Ints, latest_us: Ints, count: int
) -> Bools:
    """Items used as an input or fitted while they were in a container: when they left it takes a second look."""
    taken = (role == Role.INPUT) | ((role == Role.COMPONENT) & (action != Action.TAKE))
    rows = np.flatnonzero(taken)
    on, stay = stays.by_child.expand(item[rows])
    at_us = latest_us[event[rows]][on]
    inside = (stays.since_us[stay] <= at_us) & (at_us <= stays.until_us[stay])
    return any_by(item[rows][on], inside, count)


def parts_of(
    item: Ints, event: Ints, *, role: Ints, action: Ints, whole: Ints, latest_us: Ints, texts: EventTexts, count: int
) -> Stays:
    """Parts in units: fitted once and never taken out; the others' items are odd already."""
    rows = np.flatnonzero((role == Role.COMPONENT) & (action != Action.TAKE) & (whole >= 0))
    child = item[rows]
    return Stays(
        child,
        whole[rows],
        latest_us[event[rows]],
        np.full(len(rows), ALWAYS_US, dtype=np.int64),
        texts.rank_no[event[rows]],
        Groups.of(child, count),
    )


def below(odd: Bools, *relations: tuple[Ints, Ints]) -> Bools:
    """Odd items, and everything that hangs on one: (upper, lower) pairs, to the bottom."""
    while True:
        wider = odd.copy()
        for upper, lower in relations:
            chosen = lower[odd[upper]]
            wider[chosen] = True
        if np.array_equal(wider, odd):
            return odd
        odd = wider


def too_deep(count: int, *relations: tuple[Ints, Ints]) -> Bools:
    """Items within others at more depths than anything real has: these hold each other, by the record."""
    depth = np.zeros(count, dtype=np.int64)
    for _ in range(DEEPEST):
        before = depth.copy()
        for upper, lower in relations:
            np.maximum.at(depth, lower, depth[upper] + 1)
        if np.array_equal(depth, before):
            break
    return np.asarray(depth >= DEEPEST)


def ties(facts: Facts, latest_us: Ints, rank: Ints, count: int) -> Bools:  # noqa: PLR0917
    """Items of which two facts of different status have one instant and rank: the record leaves open which is last."""
    said = np.flatnonzero(facts.status != 0)
    item = np.searchsorted(facts.start, said, side="right") - 1
    event, status = facts.event[said], facts.status[said]
    same = (item[1:] == item[:-1]) & (latest_us[event[1:]] == latest_us[event[:-1]])
    same &= (rank[event[1:]] == rank[event[:-1]]) & (status[1:] != status[:-1])
    found = np.zeros(count, dtype=np.bool_)
    found[item[1:][same]] = True
    return found


def kinds(kind: Ints, item: Ints, *, role: Ints, by_class: Bools) -> Ints:
    """Kinds; where the id does not tell: container if a packing's parent, lot if in a quantity list, else unit."""
    found = kind.copy()
    unknown = kind == 0
    parent = any_by(item, role == Role.PARENT, len(kind))
    listed = any_by(item, by_class, len(kind))
    found[unknown] = np.where(parent, CONTAINER, np.where(listed, LOT, UNIT))[unknown]
    return found
