"""Effectiveness checks: how many are asked, and that the draw depends on nothing but its seed (US1)."""

import math
import os
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.effectiveness import NoShare, draw, size

DEALERS = [f"DEALER-{n}" for n in range(57)]


@given(st.integers(0, 5_000))
def test_levels_ask_their_share_rounded_up(n: int) -> None:
    assert [size(n, level) for level in ("A", "C", "D", "E")] == [n, math.ceil(n / 10), math.ceil(n / 50), 0]
    assert size(n, "B", Decimal(25)) == math.ceil(n / 4)
    assert size(n, "B", Decimal("33.3")) == -(-n * 333 // 1000)


def test_the_share_is_of_level_b() -> None:
    for level, share in (
        ("B", None),
        ("B", Decimal(9)),
        ("B", Decimal(101)),
        ("B", Decimal("NaN")),
        ("C", Decimal(10)),
    ):
        with pytest.raises(NoShare, match="share: level"):
            size(10, level, share)


@given(st.permutations(DEALERS), st.integers(0, 2**63))
def test_the_draw_depends_on_the_seed_and_not_on_the_order(order: list[str], seed: int) -> None:
    drawn = draw([*order, *order[:3]], "C", seed=seed)
    assert drawn == draw(DEALERS, "C", seed=seed)
    assert (len(drawn.consignees), drawn.population) == (6, 57)
    assert set(draw(DEALERS, "D", seed=seed).consignees) <= set(drawn.consignees)


def test_this_sample_is_drawn_for_ever() -> None:
    """Written down once: another version or machine that draws others would not show what was stored."""
    assert draw(DEALERS, "C", seed=20_260_301).consignees == PINNED
    assert draw(DEALERS, "C", seed=1).consignees != PINNED


PINNED = ("DEALER-26", "DEALER-3", "DEALER-37", "DEALER-44", "DEALER-52", "DEALER-8")


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_the_draw_does_not_depend_on_pythons_hashes(hash_seed: str) -> None:
    program = (
        "from domain.cases.effectiveness import draw;"
        "print(draw({f'DEALER-{n}' for n in range(57)}, 'C', seed=20260301).consignees)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(PINNED)
