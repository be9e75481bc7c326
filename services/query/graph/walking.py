"""The walk over columns: `domain/walk.py`, step for step, for all paths of a level at once.

A row is a path: the item it ends in (begins in, backward), the window of its chain, the instants it must keep, and its
labels as bits. Rows that agree in everything but labels are one row.
"""

from dataclasses import dataclass, replace

import numpy as np

from domain.links import ALWAYS_US, NEVER_US
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import (
    CERTAIN_BIT,
    CONTAINED_IN,
    DERIVATION,
    IDENTIFIED_AS,
    PART_OF,
    LinkColumns,
    bit_of,
)
from services.query.graph.seen import States

_AGAINST, _TOUCHED = bit_of("against_time"), bit_of("touched")


@dataclass(frozen=True, slots=True)
class Paths(States):
    """See `domain.walk.Path`; `next_…` are the backward walk's."""

    consistent: Bools
    in_chain: Bools
    chain_from_us: Ints
    chain_to_us: Ints
    bound_us: Ints
    next_from_us: Ints
    next_to_us: Ints
    next_derives: Bools
    ordered: Bools
    sure_from_us: Ints
    sure_to_us: Ints
    sure_bound_us: Ints

    @classmethod
    def starting(cls, items: Ints, labels: Ints, *, forward: bool) -> "Paths":
        """Paths of no link yet."""
        n = len(items)
        return cls(
            items,
            labels,
            np.ones(n, dtype=np.bool_),
            np.zeros(n, dtype=np.bool_),
            _all(n, NEVER_US),
            _all(n, ALWAYS_US),
            _all(n, NEVER_US if forward else ALWAYS_US),
            _all(n, ALWAYS_US),
            _all(n, ALWAYS_US),
            np.zeros(n, dtype=np.bool_),
            np.ones(n, dtype=np.bool_),
            _all(n, NEVER_US),
            _all(n, ALWAYS_US),
            _all(n, NEVER_US if forward else ALWAYS_US),
        )


def extended(paths: Paths, links: LinkColumns, *, forward: bool, at_us: int | None) -> tuple[Paths, Bools]:
    """Each path with the link of the same row at its end (before its beginning, backward), and whether the mode walks
    it. `at_us`: as maintained then; None: ever.
    """
    step = _forward if forward else _backward
    labels = np.where(links.reasons > 0, (paths.labels & ~CERTAIN_BIT) | links.reasons, paths.labels)
    ahead = links.target if forward else links.source
    return step(replace(paths, item=ahead, labels=labels), links, at_us=at_us)


def _forward(paths: Paths, links: LinkColumns, *, at_us: int | None) -> tuple[Paths, Bools]:
    interval = (links.relation == PART_OF) | (links.relation == CONTAINED_IN)
    plain = links.relation >= IDENTIFIED_AS
    derives = links.relation == DERIVATION
    walked = np.ones(len(paths), dtype=np.bool_)
    # a chain goes on, or begins
    first, end = np.maximum(paths.chain_from_us, links.first_us), np.minimum(paths.chain_to_us, links.end_us)
    chain_holds = paths.consistent & (np.maximum(first, paths.bound_us) < end)
    chain_bound = np.where(chain_holds & (paths.bound_us > first), paths.bound_us, NEVER_US)
    there_us = np.maximum(paths.sure_bound_us, paths.sure_from_us)
    chain_ordered = paths.ordered & (there_us < links.sure_end_us) & (links.sure_first_us < paths.sure_to_us)
    sure_from = np.maximum(paths.sure_from_us, links.sure_first_us)
    # an instant leaves it
    earliest = np.maximum(paths.bound_us, paths.chain_from_us)
    leaves = paths.consistent & ~links.against & (earliest <= links.leave_until_us)
    touched = paths.in_chain & derives & (paths.chain_to_us <= links.leave_us)
    gone = paths.in_chain & ~touched & (paths.sure_to_us <= links.leave_until_us)
    if at_us is None:
        gone &= derives
    else:
        walked &= ~interval | ((first < end) & (links.first_us <= at_us))
        together = (paths.chain_from_us <= links.leave_until_us) & (links.leave_us < paths.chain_to_us)
        walked &= interval | plain | ((links.leave_us <= at_us) & (~paths.in_chain | together))
    leaves_ordered = paths.ordered & ~gone & (there_us <= links.leave_us)
    consistent = np.where(plain, paths.consistent, np.where(interval, chain_holds, leaves))
    ordered = consistent & np.where(plain, paths.ordered, np.where(interval, chain_ordered, leaves_ordered))
    labels = np.where(~interval & ~plain & touched, (paths.labels & ~CERTAIN_BIT) | _TOUCHED, paths.labels)
    labels = np.where(~plain & ~consistent, (labels & ~CERTAIN_BIT) | _AGAINST, labels)
    reach = np.where(leaves, links.reach_us, NEVER_US)
    chain_sure = np.where(paths.sure_bound_us > sure_from, paths.sure_bound_us, NEVER_US)
    found = replace(
        paths,
        consistent=consistent,
        in_chain=np.where(plain, paths.in_chain, interval),
        chain_from_us=np.where(plain, paths.chain_from_us, np.where(interval, first, NEVER_US)),
        chain_to_us=np.where(plain, paths.chain_to_us, np.where(interval, end, ALWAYS_US)),
        bound_us=np.where(plain, paths.bound_us, np.where(interval, chain_bound, reach)),
        ordered=ordered,
        sure_from_us=np.where(plain, paths.sure_from_us, np.where(interval, sure_from, NEVER_US)),
        sure_to_us=np.where(
            plain,
            paths.sure_to_us,
            np.where(interval, np.minimum(paths.sure_to_us, links.sure_end_us), ALWAYS_US),
        ),
        sure_bound_us=np.where(plain, paths.sure_bound_us, np.where(interval, chain_sure, _sure_reach_us(links))),
        labels=labels,
    )
    return _in_order(found, NEVER_US), walked


def _backward(paths: Paths, links: LinkColumns, *, at_us: int | None) -> tuple[Paths, Bools]:
    interval = (links.relation == PART_OF) | (links.relation == CONTAINED_IN)
    plain = links.relation >= IDENTIFIED_AS
    kept = interval | plain
    walked = np.ones(len(paths), dtype=np.bool_)
    paths = _where(kept, paths, closed(paths))
    first, end = np.maximum(paths.chain_from_us, links.first_us), np.minimum(paths.chain_to_us, links.end_us)
    bound = np.minimum(np.minimum(paths.bound_us, paths.next_to_us), end - 1)
    chain_holds = paths.consistent & (first < end) & (first <= bound)
    chain_ordered = paths.ordered & (paths.sure_from_us < links.sure_end_us)
    chain_ordered &= (links.sure_first_us < paths.sure_to_us) & (links.sure_first_us <= paths.next_from_us)
    arrives = paths.consistent & ~links.against & (links.reach_us <= paths.bound_us)
    arrives_ordered = paths.ordered & (_sure_reach_us(links) <= paths.sure_bound_us)
    if at_us is not None:
        ends_path = paths.next_to_us == ALWAYS_US
        hold_from = np.where(ends_path, at_us, paths.next_from_us)
        hold_to = np.where(ends_path, at_us, paths.next_to_us)
        holds = (first < end) & (links.first_us <= at_us) & (first <= hold_to) & (hold_from < end)
        walked &= np.where(interval, holds, plain | (links.leave_us <= at_us))
        chain_ordered &= (links.sure_first_us <= hold_from) & (hold_to < links.sure_end_us)
    consistent = np.where(plain, paths.consistent, np.where(interval, chain_holds, arrives))
    ordered = consistent & np.where(plain, paths.ordered, np.where(interval, chain_ordered, arrives_ordered))
    labels = np.where(~plain & ~consistent, (paths.labels & ~CERTAIN_BIT) | _AGAINST, paths.labels)
    bound = np.where(consistent, np.where(interval, bound, links.leave_until_us), ALWAYS_US)
    chain_sure = np.minimum(np.minimum(paths.sure_bound_us, paths.next_from_us), links.sure_end_us - 1)
    sure_to = np.where(interval, np.minimum(paths.sure_to_us, links.sure_end_us), ALWAYS_US)
    found = replace(
        paths,
        consistent=consistent,
        in_chain=np.where(plain, paths.in_chain, interval),
        chain_from_us=np.where(plain, paths.chain_from_us, np.where(interval, first, NEVER_US)),
        chain_to_us=np.where(plain, paths.chain_to_us, np.where(interval, end, ALWAYS_US)),
        bound_us=np.where(plain, paths.bound_us, bound),
        next_from_us=np.where(kept, paths.next_from_us, links.leave_us),
        next_to_us=np.where(kept, paths.next_to_us, links.leave_until_us),
        next_derives=np.where(kept, paths.next_derives, links.relation == DERIVATION),
        ordered=ordered,
        sure_from_us=np.where(
            plain,
            paths.sure_from_us,
            np.where(interval, np.maximum(paths.sure_from_us, links.sure_first_us), NEVER_US),
        ),
        sure_to_us=np.where(plain, paths.sure_to_us, sure_to),
        sure_bound_us=np.where(plain, paths.sure_bound_us, np.where(interval, chain_sure, links.leave_us)),
        labels=labels,
    )
    return _in_order(found, ALWAYS_US), walked


def _sure_reach_us(links: LinkColumns) -> Ints:
    return np.maximum(links.reach_us, links.reach_until_us)


def _in_order(paths: Paths, bound_us: int) -> Paths:
    """What is sure of paths that are not surely in order is not looked at any more."""
    return replace(
        paths,
        sure_from_us=np.where(paths.ordered, paths.sure_from_us, NEVER_US),
        sure_to_us=np.where(paths.ordered, paths.sure_to_us, ALWAYS_US),
        sure_bound_us=np.where(paths.ordered, paths.sure_bound_us, bound_us),
    )


def _where(chosen: Bools, these: Paths, those: Paths) -> Paths:
    return Paths(*(np.where(chosen, *both) for both in zip(these.columns(), those.columns(), strict=True)))


def closed(paths: Paths) -> Paths:
    """Backward: once the chain at the beginning is complete: a derivation after its end only touched it."""
    follows = paths.in_chain & paths.next_derives
    touched = follows & (paths.chain_to_us <= paths.next_from_us)
    gone = follows & ~touched & (paths.sure_to_us <= paths.next_to_us)
    labels = np.where(touched, (paths.labels & ~CERTAIN_BIT) | _TOUCHED, paths.labels)
    return _in_order(replace(paths, labels=labels, ordered=paths.ordered & ~gone), ALWAYS_US)


def held_at(paths: Paths, at_us: int | None) -> Paths:
    """Forward, as maintained then (None: ever): the paths whose last chain may have held, and whether it surely did."""
    if at_us is None:
        return paths
    sure = ~paths.in_chain | ((paths.sure_from_us <= at_us) & (at_us < paths.sure_to_us))
    return replace(paths, ordered=paths.ordered & sure)


def at_birth(paths: Paths, born_us: Ints) -> Paths:
    """Forward, by item: what went into it until it had come forth is in it from the beginning (`domain.walk.born`)."""
    early = ~paths.in_chain & paths.ordered & (paths.bound_us < paths.sure_bound_us) & (paths.sure_bound_us <= born_us)
    return replace(paths, sure_bound_us=np.where(early, paths.bound_us, paths.sure_bound_us))


def of_birth(links: LinkColumns, born_us: Ints) -> LinkColumns:
    """Backward, by target: the same of links."""
    early = _sure_reach_us(links) <= born_us
    return replace(links, reach_until_us=np.where(early, NEVER_US, links.reach_until_us))


def _all(count: int, value: int) -> Ints:
    return np.full(count, value, dtype=np.int64)
