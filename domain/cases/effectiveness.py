"""Effectiveness checks: which consignees are asked, drawn by seed (21 CFR 7.42(b)(3); docs/recall.md)."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from domain.cases.acts import CheckLevel

_SHARE: dict[CheckLevel, Decimal] = {"A": Decimal(100), "C": Decimal(10), "D": Decimal(2), "E": Decimal(0)}
"""Per cent of the consignees; level B says its own."""


class NoShare(ValueError):
    """The level and the share do not go together."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Who is asked, in order, of `population` consignees. `sha256` of the population's ids in order, a line each."""

    consignees: tuple[str, ...]
    population: int
    population_sha256: str


def draw(consignees: Iterable[str], level: CheckLevel, *, seed: int, share: Decimal | None = None) -> Drawn:
    """The sample: the same consignees, level, share and seed give the same one, on any machine and at any time.

    Each consignee has a number, the SHA-256 of `<seed> <consignee>`; those with the least are drawn, rounded up to
    whole consignees. So the sample of 2 % is part of that of 10 %. `share` is in per cent, of level B only.
    Raises NoShare.
    """
    population = sorted(set(consignees))
    wanted = size(len(population), level, share)
    numbered = sorted(population, key=lambda c: (hashlib.sha256(f"{seed} {c}".encode()).digest(), c))
    digest = hashlib.sha256("".join(f"{c}\n" for c in population).encode()).hexdigest()
    return Drawn(tuple(sorted(numbered[:wanted])), len(population), digest)


def size(population: int, level: CheckLevel, share: Decimal | None = None) -> int:
    """How many are asked: A all, B `share` per cent, C 10 %, D 2 %, E none; a part of one counts as one."""
    if level == "B":
        if share is None or not share.is_finite() or not 10 <= share <= 100:
            raise NoShare("share: level B asks from 10 to 100 per cent of the consignees, e.g. 25")
        percent = share
    elif share is not None:
        raise NoShare(f"share: level {level} has its own share, leave it out or use level B")
    else:
        percent = _SHARE[level]
    return int((population * percent / 100).to_integral_value(ROUND_CEILING))
