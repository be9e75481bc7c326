"""Paths backward, without a date: `domain/walk.py`, step for step, for all paths of a level at once.

Without a date two instants follow from the others: a path must get there by the time that the link after its chain has
left, and before its chain ends. Chains that have an end are few: the ends are told by a number.
"""

from dataclasses import dataclass

import numpy as np

from domain.links import ALWAYS_US, NEVER_US
from services.query.graph.ahead import Ends, Holding, Leaving
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import CERTAIN_BIT, bit_of
from services.query.graph.seen import States

_AGAINST, _TOUCHED = bit_of("against_time"), bit_of("touched")
CONSISTENT, ORDERED, _IN_CHAIN, _DERIVES = 1, 2, 4, 8
_FLAGS = 15


@dataclass(frozen=True, slots=True)
class Behind(States):
    """`next_…`: when the link after the chain leaves. `state`: whether it is consistent, surely in order, in a chain,
    and whether that link derives; and the number of the chain's ends (`Ends`).
    """

    next_from_us: Ints
    next_to_us: Ints
    chain_from_us: Ints
    sure_from_us: Ints
    state: Ints

    @classmethod
    def starting(cls, items: Ints, labels: Ints) -> "Behind":
        """Paths of no link yet."""
        always, never = np.full(len(items), ALWAYS_US), np.full(len(items), NEVER_US)
        state = np.full(len(items), CONSISTENT | ORDERED, dtype=np.int64)
        return cls(items.astype(np.int64), labels, always, always, never, never, state)

    def has(self, flag: int) -> Bools:
        found: Bools = self.state & flag > 0
        return found


def arriving(paths: Behind, to: Ints, by: Leaving, ends: Ends) -> Behind:  # noqa: PLR0917
    """Each path with the link of the same row, which leaves `to` at an instant, put before its beginning."""
    bound, sure_bound = paths.next_to_us, paths.next_from_us
    ended = ends.of(paths.state)
    labels, ordered = _closed(paths, ended)
    if ended is not None:
        bound, sure_bound = np.minimum(bound, ended[0] - 1), np.minimum(sure_bound, ended[1] - 1)
    labels = _labelled(labels, by.reasons)
    arrives = paths.has(CONSISTENT) & (by.reach_us <= bound)
    if by.against is not None:
        arrives &= ~by.against
    ordered = ordered & arrives & (by.sure_reach_us <= sure_bound)
    never = np.full(len(paths), NEVER_US)
    state = arrives * CONSISTENT + ordered * ORDERED + np.asarray(by.derives) * _DERIVES
    return Behind(to, _late(labels, arrives), by.leave_us, by.leave_until_us, never, never, state)


def holding(paths: Behind, to: Ints, by: Holding, ends: Ends) -> Behind:  # noqa: PLR0917
    """As `arriving`: a chain goes on, or begins."""
    first = np.maximum(paths.chain_from_us, by.first_us)
    holds, ordered, bound = paths.has(CONSISTENT), paths.has(ORDERED), paths.next_to_us
    ended, number = ends.of(paths.state), np.zeros(1, dtype=np.int64)
    if ended is not None or by.end_us is not None:
        always = np.full(len(paths), ALWAYS_US)
        until, sure_until = ended if ended is not None else (always, always)
        end, sure_end = (always if e is None else e for e in (by.end_us, by.sure_end_us))
        ordered &= (paths.sure_from_us < sure_end) & (by.sure_first_us < sure_until)
        until = np.minimum(until, end)
        holds &= first < until
        bound = np.minimum(bound, until - 1)
        sure_until = np.minimum(sure_until, sure_end)
    holds &= first <= bound
    ordered &= holds & (by.sure_first_us <= paths.next_from_us)
    if ended is not None or by.end_us is not None:
        number = ends.marks(until, np.where(ordered, sure_until, ALWAYS_US))
    return Behind(
        to,
        _late(_labelled(paths.labels, by.reasons), holds),
        paths.next_from_us,
        paths.next_to_us,
        np.where(holds, first, NEVER_US),
        np.where(ordered, np.maximum(paths.sure_from_us, by.sure_first_us), NEVER_US),
        holds * CONSISTENT + ordered * ORDERED + (paths.state & _DERIVES | _IN_CHAIN) + number,
    )


def named(paths: Behind, to: Ints, reasons: Ints | None) -> Behind:
    """As `arriving`: another name, which changes nothing but what is said of it."""
    labels = _labelled(paths.labels, reasons)
    times = (paths.next_from_us, paths.next_to_us, paths.chain_from_us, paths.sure_from_us)
    return Behind(to, labels, *times, paths.state)


def closed(paths: Behind, ends: Ends) -> tuple[Ints, Bools, Bools]:
    """(labels, which are consistent, which of these surely in order) once the chain at the beginning is complete."""
    labels, ordered = _closed(paths, ends.of(paths.state))
    consistent = paths.has(CONSISTENT)
    return labels, consistent, consistent & ordered


def _closed(paths: Behind, ended: tuple[Ints, Ints] | None) -> tuple[Ints, Bools]:
    """Labels, and which are surely in order: a derivation after the end of the chain only touched it."""
    ordered = paths.has(ORDERED)
    if ended is None:
        return paths.labels, ordered
    follows = paths.state & (_IN_CHAIN | _DERIVES) == _IN_CHAIN | _DERIVES
    touched = follows & (ended[0] <= paths.next_from_us)
    gone = follows & ~touched & (ended[1] <= paths.next_to_us)
    return np.where(touched, (paths.labels & ~CERTAIN_BIT) | _TOUCHED, paths.labels), ordered & ~gone


def _labelled(labels: Ints, reasons: Ints | None) -> Ints:
    if reasons is None:
        return labels
    return np.where(reasons > 0, (labels & ~CERTAIN_BIT) | reasons, labels)


def _late(labels: Ints, in_time: Bools) -> Ints:
    return labels if in_time.all() else np.where(in_time, labels, (labels & ~CERTAIN_BIT) | _AGAINST)
