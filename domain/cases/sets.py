"""Sets of members and how a rule combines them (docs/recall.md 'Combining')."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

CERTAIN: Final = "certain"
POSSIBLE: Final = "possible"


@dataclass(frozen=True, slots=True)
class Why:
    """Why an item is in a set: how far from a seed, how sure, and by way of what (up to 3 of each)."""

    level: int
    reasons: tuple[str, ...] = ()
    came_from: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    seed: bool = False
    certain: bool = True


Set = Mapping[str, Why]
"""By item."""


def any_of(sets: Iterable[Set]) -> dict[str, Why]:
    """In one of them: as sure as the surest, by the shortest way of those."""
    found: dict[str, Why] = {}
    for one in sets:
        for item, why in one.items():
            before = found.get(item)
            found[item] = why if before is None else _best(before, why)
    return found


def all_of(sets: Iterable[Set]) -> dict[str, Why]:
    """In all of them: only as sure as the least sure, for the reasons of all."""
    found: dict[str, Why] | None = None
    for one in sets:
        if found is None:
            found = dict(one)
        else:
            found = {item: _worst(why, one[item]) for item, why in found.items() if item in one}
    return found or {}


def but_not(one: Set, other: Set) -> dict[str, Why]:
    """In the one, and not certainly in the other: what is only possibly excepted stays in."""
    return {item: why for item, why in one.items() if item not in other or not other[item].certain}


def _best(one: Why, other: Why) -> Why:
    if one.certain != other.certain:
        return one if one.certain else other
    near, far = sorted((one, other), key=_rank)
    if near.certain:
        return near
    return replace(near, reasons=tuple(sorted({*near.reasons, *far.reasons})))


def _worst(one: Why, other: Why) -> Why:
    near = min((one, other), key=_rank)
    reasons = tuple(sorted({*one.reasons, *other.reasons}))
    return replace(near, certain=one.certain and other.certain, reasons=reasons, seed=one.seed or other.seed)


def _rank(why: Why) -> tuple[object, ...]:
    """Seeds first, then the shortest way; the rest only so that the order of the sets does not matter."""
    return (not why.seed, why.level, why.came_from, why.event_ids, why.reasons)
