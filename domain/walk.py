"""Walking links: what is reached, by which paths, how sure (SEMANTICS §3 'Certain or possible', 'Time', 'Modes').

A path's certainty depends on the whole path, so the walk carries *states*, not just visited items. A path is a
sequence of *chains* (runs of INTERVAL links, which must share one instant) and INSTANT links between them. A state
stands for all paths that end in one item alike: whether they can be in time, whether they surely are, the window of the
chain at their end, and the instants they must keep. Per state a set of *labels* says what is true of some path in it:
CERTAIN, or a reason. Extending a path acts on each label by itself, so states with equal windows merge. The same holds
mirrored for the backward walk, which builds paths from their end.

An instant may be known to a date only. A path is *consistent* if its links may have happened one after the other, and
`ordered` if they surely did (docs/semantics.md, 'Order in time').
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from domain.links import ALWAYS_US, NEVER_US, TIMING, Link, Relation, Timing

CERTAIN = "certain"
TOUCHED = "touched"
AGAINST_TIME = "against_time"
ORDER_UNCERTAIN = "order_uncertain"


class Mode(StrEnum):
    """Which part_of links count (SEMANTICS §3 'Modes')."""

    EVER = "ever"
    AS_BUILT = "as_built"
    AS_MAINTAINED = "as_maintained"


class Path(NamedTuple):
    """What paths that lead to one item have in common.

    Forward: `chain_from_us`/`chain_to_us` is the window of the chain at the end (NEVER/ALWAYS: no chain), `bound_us`
    the earliest instant the path can be there. Backward: the window of the chain at the beginning, `bound_us` the
    latest instant the path may get there; `next_from_us`/`next_to_us` when the INSTANT link after that chain leaves
    (ALWAYS: the chain ends the path), `next_derives` whether that link is a derivation.

    While `ordered`, `sure_…` say what is sure: when the last part of the chain surely was in, when the first may have
    gone, when the path surely is there (backward: until when it must surely get there).
    """

    consistent: bool
    in_chain: bool = False
    chain_from_us: int = NEVER_US
    chain_to_us: int = ALWAYS_US
    bound_us: int = NEVER_US
    next_from_us: int = ALWAYS_US
    next_to_us: int = ALWAYS_US
    next_derives: bool = False
    ordered: bool = True
    sure_from_us: int = NEVER_US
    sure_to_us: int = ALWAYS_US
    sure_bound_us: int = NEVER_US


START_FORWARD = Path(True)
START_BACKWARD = Path(True, bound_us=ALWAYS_US, sure_bound_us=ALWAYS_US)

Labels = frozenset[str]
ONLY_CERTAIN: Labels = frozenset({CERTAIN})


Fresh = dict[Path, Labels]
"""States of an item that were not walked on yet, with their labels."""


@dataclass(slots=True)
class Reached:
    """Everything the walk knows of one item: its states, each with its labels, and what is new of it."""

    states: dict[Path, Labels] = field(default_factory=dict)
    fresh: dict[Path, Labels] = field(default_factory=dict)


def extend_forward(path: Path, labels: Labels, link: Link, *, mode: Mode, at_us: int) -> tuple[Path, Labels] | None:
    """The path with the link at its end; None if the mode does not walk it."""
    timing = TIMING[link.relation]
    labels = _add(labels, link.reasons)
    if timing is Timing.NONE:
        return path, labels
    if timing is Timing.INTERVAL:
        return _chain_forward(path, labels, link, mode=mode, at_us=at_us)
    kept = mode is Mode.AS_MAINTAINED
    if kept:
        if link.leave_us > at_us:
            return None
        if path.in_chain and not (path.chain_from_us <= link.leave_until_us and link.leave_us < path.chain_to_us):
            return None
    derives = link.relation is Relation.DERIVATION
    touched = path.in_chain and derives and path.chain_to_us <= link.leave_us
    if touched:
        labels = _add(labels, {TOUCHED})
    consistent = (
        path.consistent and not link.against_time and max(path.bound_us, path.chain_from_us) <= link.leave_until_us
    )
    if not consistent:
        return Path(False, ordered=False), _add(labels, {AGAINST_TIME})
    gone = path.in_chain and (derives or kept) and not touched and path.sure_to_us <= link.leave_until_us
    ordered = path.ordered and not gone and max(path.sure_bound_us, path.sure_from_us) <= link.leave_us
    return in_order(Path(True, bound_us=link.reach_us, ordered=ordered, sure_bound_us=sure_reach_us(link))), labels


def _chain_forward(path: Path, labels: Labels, link: Link, *, mode: Mode, at_us: int) -> tuple[Path, Labels] | None:
    (since, until), (sure_since, sure_until) = link.window, link.sure_window
    first, end = max(path.chain_from_us, since), min(path.chain_to_us, until)
    if mode is Mode.AS_MAINTAINED and (first >= end or since > at_us):
        return None
    if not (path.consistent and max(first, path.bound_us) < end):
        return in_order(Path(False, True, first, end, ordered=False)), _add(labels, {AGAINST_TIME})
    ordered = path.ordered and max(path.sure_from_us, path.sure_bound_us) < sure_until and sure_since < path.sure_to_us
    sure_from = max(path.sure_from_us, sure_since)
    longer = Path(
        True,
        True,
        first,
        end,
        path.bound_us if path.bound_us > first else NEVER_US,
        ordered=ordered,
        sure_from_us=sure_from,
        sure_to_us=min(path.sure_to_us, sure_until),
        sure_bound_us=path.sure_bound_us if path.sure_bound_us > sure_from else NEVER_US,
    )
    return in_order(longer), labels


def extend_backward(
    path: Path, labels: Labels, link: Link, *, mode: Mode, at_us: int, born_us: int = NEVER_US
) -> tuple[Path, Labels] | None:
    """The path with the link put before its beginning; None if the mode does not walk it.

    `born_us`: by when its target came forth; what went into that until then is in it from the beginning.
    """
    timing = TIMING[link.relation]
    labels = _add(labels, link.reasons)
    if timing is Timing.NONE:
        return path, labels
    if timing is Timing.INTERVAL:
        return _chain_backward(path, labels, link, mode=mode, at_us=at_us)
    if mode is Mode.AS_MAINTAINED and link.leave_us > at_us:
        return None
    path, labels = closed(path, labels)
    derives = link.relation is Relation.DERIVATION
    consistent = path.consistent and not link.against_time and link.reach_us <= path.bound_us
    there_us = sure_reach_us(link)
    there_us = link.reach_us if there_us <= born_us else there_us
    if not consistent:
        labels = _add(labels, {AGAINST_TIME})
    longer = Path(
        consistent,
        bound_us=link.leave_until_us if consistent else ALWAYS_US,
        next_from_us=link.leave_us,
        next_to_us=link.leave_until_us,
        next_derives=derives,
        ordered=consistent and path.ordered and there_us <= path.sure_bound_us,
        sure_bound_us=link.leave_us,
    )
    return in_order(longer, backward=True), labels


def _chain_backward(path: Path, labels: Labels, link: Link, *, mode: Mode, at_us: int) -> tuple[Path, Labels] | None:
    (since, until), (sure_since, sure_until) = link.window, link.sure_window
    first, end = max(path.chain_from_us, since), min(path.chain_to_us, until)
    kept, ends_path = mode is Mode.AS_MAINTAINED, path.next_to_us == ALWAYS_US
    hold_from, hold_to = (at_us, at_us) if ends_path else (path.next_from_us, path.next_to_us)
    if kept and (first >= end or since > at_us or not (first <= hold_to and hold_from < end)):
        return None
    # the chain's instant must lie in its window and not after the link that follows it has left
    bound = min(path.bound_us, path.next_to_us, end - 1)
    if not (path.consistent and first < end and first <= bound):
        late = path._replace(
            consistent=False,
            in_chain=True,
            chain_from_us=first,
            chain_to_us=end,
            bound_us=ALWAYS_US,
            ordered=False,
        )
        return in_order(late, backward=True), _add(labels, {AGAINST_TIME})
    ordered = path.ordered and path.sure_from_us < sure_until and sure_since < path.sure_to_us
    ordered = ordered and sure_since <= path.next_from_us
    ordered = ordered and (not kept or (sure_since <= hold_from and hold_to < sure_until))
    longer = path._replace(
        in_chain=True,
        chain_from_us=first,
        chain_to_us=end,
        bound_us=bound,
        ordered=ordered,
        sure_from_us=max(path.sure_from_us, sure_since),
        sure_to_us=min(path.sure_to_us, sure_until),
        sure_bound_us=min(path.sure_bound_us, path.next_from_us, sure_until - 1),
    )
    return in_order(longer, backward=True), labels


def closed(path: Path, labels: Labels) -> tuple[Path, Labels]:
    """Backward: the path once the chain at its beginning is complete: a derivation after its end only touched it."""
    if not (path.in_chain and path.next_derives):
        return path, labels
    if path.chain_to_us <= path.next_from_us:
        return path, _add(labels, {TOUCHED})
    if path.ordered and path.sure_to_us <= path.next_to_us:
        return in_order(path._replace(ordered=False), backward=True), labels
    return path, labels


def sure_reach_us(link: Link) -> int:
    """When what the link carries surely is in its target."""
    return max(link.reach_us, link.reach_until_us)


def in_order(path: Path, *, backward: bool = False) -> Path:
    """The path; what is sure of one that is not surely in order is not looked at any more."""
    if path.ordered:
        return path
    bound = ALWAYS_US if backward else NEVER_US
    return path._replace(sure_from_us=NEVER_US, sure_to_us=ALWAYS_US, sure_bound_us=bound)


def at_birth(fresh: Fresh, born_us: int) -> Fresh:
    """Forward: the states of an item that came forth by then."""
    if born_us == NEVER_US:
        return fresh
    found: Fresh = {}
    for path, labels in fresh.items():
        there = _born(path, born_us)
        found[there] = found.get(there, frozenset()) | labels
    return found


def _born(path: Path, born_us: int) -> Path:
    """The path at what came forth by then: what went into it until then is in it from the beginning."""
    if path.in_chain or not path.ordered or not path.bound_us < path.sure_bound_us <= born_us:
        return path
    return path._replace(sure_bound_us=path.bound_us)


def shown_forward(path: Path, *, mode: Mode, at_us: int) -> Path | None:
    """The path as it makes its item a node; None if not: as maintained, the last chain must hold together at t."""
    if mode is not Mode.AS_MAINTAINED or not path.in_chain:
        return path
    if not path.chain_from_us <= at_us < path.chain_to_us:
        return None
    sure = path.sure_from_us <= at_us < path.sure_to_us
    return path if sure else in_order(path._replace(ordered=False))


def _add(labels: Labels, reasons: Iterable[str]) -> Labels:
    """Labels of a path after a link with reasons: what was certain is no longer; each reason is one of some path."""
    added = frozenset(reasons)
    return (labels - ONLY_CERTAIN) | added if added else labels


def outcome(states: Iterable[tuple[Path, Labels]]) -> tuple[str, tuple[str, ...]]:
    """Certainty and reasons of a node: certain if one whole path is certain and surely in order.

    A possible node gives the reasons of the paths that surely are in order, else `order_uncertain` and those of the
    paths that may be, else those of all.
    """
    ordered: set[str] = set()
    consistent: set[str] = set()
    everything: set[str] = set()
    for path, labels in states:
        everything |= labels
        if path.consistent:
            consistent |= labels
            if path.ordered:
                ordered |= labels
    if CERTAIN in ordered:
        return CERTAIN, ()
    if consistent and not ordered:
        consistent.add(ORDER_UNCERTAIN)
    return "possible", tuple(sorted((ordered or consistent or everything) - {CERTAIN}))


Extend = Callable[..., tuple[Path, Labels] | None]


def merge(reached: Reached, path: Path, labels: Labels, *, forward: bool) -> bool:
    """Take paths into an item's states; False if they say nothing new. Sets of labels are shared, not copied."""
    held = reached.states.get(path)
    new = labels if held is None else labels - held
    if not new:
        return False
    if forward and path.consistent and not path.in_chain:
        # outside a chain: being there earlier can do all that being there later can
        for other, theirs in reached.states.items():
            if not other.consistent or other.in_chain or other.bound_us > path.bound_us:
                continue
            if not path.ordered or (other.ordered and other.sure_bound_us <= path.sure_bound_us):
                new -= theirs
        if not new:
            return False
    waiting = reached.fresh.get(path)
    reached.states[path] = new if held is None else held | new
    reached.fresh[path] = new if waiting is None else waiting | new
    return True
