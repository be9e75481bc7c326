"""Walking links: what is reached, by which paths, how sure (SEMANTICS §3 'Certain or possible', 'Time', 'Modes').

A path's certainty depends on the whole path, so the walk carries *states*, not just visited items. A path is a
sequence of *chains* (runs of INTERVAL links, which must share one instant) and INSTANT links between them. A state
stands for all paths that end in one item alike: whether they are consistent in time, the window of the chain at their
end, and the instant they must keep. Per state a set of *labels* says what is true of some path in it: CERTAIN, or a
reason. Extending a path acts on each label by itself, so states with equal windows merge. The same holds mirrored for
the backward walk, which builds paths from their end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from domain.links import ALWAYS_US, NEVER_US, TIMING, Link, Relation, Timing

CERTAIN = "certain"
TOUCHED = "touched"
AGAINST_TIME = "against_time"


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
    """

    consistent: bool
    in_chain: bool = False
    chain_from_us: int = NEVER_US
    chain_to_us: int = ALWAYS_US
    bound_us: int = NEVER_US
    next_from_us: int = ALWAYS_US
    next_to_us: int = ALWAYS_US
    next_derives: bool = False


START_FORWARD = Path(True)
START_BACKWARD = Path(True, bound_us=ALWAYS_US)

Labels = frozenset[str]
ONLY_CERTAIN: Labels = frozenset({CERTAIN})


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
    if mode is Mode.AS_MAINTAINED:
        if link.leave_us > at_us:
            return None
        if path.in_chain and not (path.chain_from_us <= link.leave_until_us and link.leave_us < path.chain_to_us):
            return None
    if path.in_chain and link.relation is Relation.DERIVATION and path.chain_to_us <= link.leave_us:
        labels = _add(labels, {TOUCHED})
    earliest = max(path.bound_us, path.chain_from_us)
    consistent = path.consistent and not link.against_time and earliest <= link.leave_until_us
    if not consistent:
        return Path(False), _add(labels, {AGAINST_TIME})
    return Path(True, bound_us=link.reach_us), labels


def _chain_forward(path: Path, labels: Labels, link: Link, *, mode: Mode, at_us: int) -> tuple[Path, Labels] | None:
    since, until = link.window
    first, end = max(path.chain_from_us, since), min(path.chain_to_us, until)
    if mode is Mode.AS_MAINTAINED and (first >= end or since > at_us):
        return None
    if not (path.consistent and max(first, path.bound_us) < end):
        return Path(False, True, first, end), _add(labels, {AGAINST_TIME})
    bound = path.bound_us if path.bound_us > first else NEVER_US
    return Path(True, True, first, end, bound), labels


def extend_backward(path: Path, labels: Labels, link: Link, *, mode: Mode, at_us: int) -> tuple[Path, Labels] | None:
    """The path with the link put before its beginning; None if the mode does not walk it."""
    timing = TIMING[link.relation]
    labels = _add(labels, link.reasons)
    if timing is Timing.NONE:
        return path, labels
    if timing is Timing.INTERVAL:
        return _chain_backward(path, labels, link, mode=mode, at_us=at_us)
    if mode is Mode.AS_MAINTAINED and link.leave_us > at_us:
        return None
    labels = closed(path, labels)
    consistent = path.consistent and not link.against_time and link.reach_us <= path.bound_us
    if not consistent:
        labels = _add(labels, {AGAINST_TIME})
    return (
        Path(
            consistent,
            bound_us=link.leave_until_us if consistent else ALWAYS_US,
            next_from_us=link.leave_us,
            next_to_us=link.leave_until_us,
            next_derives=link.relation is Relation.DERIVATION,
        ),
        labels,
    )


def _chain_backward(path: Path, labels: Labels, link: Link, *, mode: Mode, at_us: int) -> tuple[Path, Labels] | None:
    since, until = link.window
    first, end = max(path.chain_from_us, since), min(path.chain_to_us, until)
    ends_path = path.next_to_us == ALWAYS_US
    if mode is Mode.AS_MAINTAINED:
        hold_from, hold_to = (at_us, at_us) if ends_path else (path.next_from_us, path.next_to_us)
        if first >= end or since > at_us or not (first <= hold_to and hold_from < end):
            return None
    # the chain's instant must lie in its window and not after the link that follows it has left
    bound = min(path.bound_us if not path.in_chain else ALWAYS_US, path.next_to_us, end - 1)
    if path.in_chain:
        bound = min(bound, path.bound_us)
    consistent = path.consistent and first < end and first <= bound
    if not consistent:
        labels = _add(labels, {AGAINST_TIME})
        bound = ALWAYS_US
    return (
        Path(consistent, True, first, end, bound, path.next_from_us, path.next_to_us, path.next_derives),
        labels,
    )


def closed(path: Path, labels: Labels) -> Labels:
    """Backward: the labels once the chain at the beginning is complete; a derivation after its end only touched it."""
    if path.in_chain and path.next_derives and path.chain_to_us <= path.next_from_us:
        return _add(labels, {TOUCHED})
    return labels


def shown_forward(path: Path, *, mode: Mode, at_us: int) -> bool:
    """Whether such a path makes its item a node: as maintained, the last chain must hold together at t."""
    if mode is not Mode.AS_MAINTAINED or not path.in_chain:
        return True
    return path.chain_from_us <= at_us < path.chain_to_us


def _add(labels: Labels, reasons: Iterable[str]) -> Labels:
    """Labels of a path after a link with reasons: what was certain is no longer; each reason is one of some path."""
    added = frozenset(reasons)
    return (labels - ONLY_CERTAIN) | added if added else labels


def outcome(states: Iterable[tuple[Path, Labels]]) -> tuple[str, tuple[str, ...]]:
    """Certainty and reasons of a node: certain if one whole path is certain and consistent; a possible node gives the
    reasons of its consistent paths, else of all.
    """
    consistent: set[str] = set()
    everything: set[str] = set()
    for path, labels in states:
        everything |= labels
        if path.consistent:
            consistent |= labels
    if CERTAIN in consistent:
        return CERTAIN, ()
    return "possible", tuple(sorted((consistent or everything) - {CERTAIN}))


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
            if other.consistent and not other.in_chain and other.bound_us <= path.bound_us:
                new -= theirs
        if not new:
            return False
    waiting = reached.fresh.get(path)
    reached.states[path] = new if held is None else held | new
    reached.fresh[path] = new if waiting is None else waiting | new
    return True
