"""Rows grouped by a number are found for many numbers at once, and what leaves an item is told in one byte."""

import numpy as np
import pytest

from services.query.graph.groups import Groups, Ints, in_order_of, matched
from services.query.graph.leads import BARRED, FITTED, HAS_MEMBERS, NAMED, ODD, USED, any_of, leads

COUNT = 4


def _one_by_one(keys: list[int], wanted: list[int]) -> list[tuple[int, int]]:
    return [(at, row) for at, k in enumerate(wanted) if k >= 0 for row, key in enumerate(keys) if key == k]


@pytest.mark.parametrize("keys", [[], [0, 1, 3], [3, -1, 0, 3, 3, 0], [-1, -1]])
@pytest.mark.parametrize("wanted", [[], [2], [0, 1, 3], [3, -1, 2, 0, 3], [-1]])
def test_all_rows_of_many_keys_are_those_of_each(keys: list[int], wanted: list[int]) -> None:
    groups, asked = Groups.of(np.array(keys, dtype=np.int64), COUNT), np.array(wanted, dtype=np.int32)

    at, rows = groups.expand(asked)

    expected = _one_by_one(keys, wanted)
    assert list(zip(at.tolist(), rows.tolist(), strict=True)) == expected
    assert groups.count(asked).tolist() == [sum(one == n for one, _ in expected) for n in range(len(wanted))]


@pytest.mark.parametrize("others", [[], [0, 1, 3], [3, 0, 3, 3, 0]])
@pytest.mark.parametrize("keys", [[], [2], [0, 1, 3], [3, 2, 0, 3]])
def test_rows_of_one_key_are_matched(keys: list[int], others: list[int]) -> None:
    at, rows = matched(np.array(keys, dtype=np.int64), np.array(others, dtype=np.int64))

    assert list(zip(at.tolist(), rows.tolist(), strict=True)) == _one_by_one(others, keys)


@pytest.mark.parametrize("bits", [(3, 2), (31, 32), (31, 33), (24, 40, 40), (63,)], ids=str)
def test_rows_are_in_the_order_of_several_keys_however_large_they_are(bits: tuple[int, ...]) -> None:
    """Keys of more than 63 bits together do not fit in one number."""
    dice = np.random.default_rng(1)
    few = [np.append(dice.integers(0, (1 << n) - 1, size=3, endpoint=True), (1 << n) - 1) for n in bits]
    keys = [dice.choice(values, size=200) for values in few]

    order = in_order_of(*keys).tolist()

    rows = list(zip(*(key.tolist() for key in keys), strict=True))
    assert sorted(order) == list(range(200))
    assert [rows[at] for at in order] == sorted(rows)
    assert in_order_of(*(key[:0] for key in keys)).tolist() == []


def test_what_leaves_an_item_is_told_by_its_bits() -> None:
    def of(*items: int) -> Groups:
        return Groups.of(np.array(items, dtype=np.int64), COUNT)

    odd, barred = np.array([False, False, True, False]), np.array([True, False, False, False])
    found: Ints = leads(used=of(0, 0), fitted=of(1), members=of(1, 2), same=(of(3), of(2)), odd=odd, barred=barred)

    assert found.tolist() == [USED | BARRED, FITTED | HAS_MEMBERS, HAS_MEMBERS | NAMED | ODD, NAMED]
    assert any_of(found[1:]) == FITTED | HAS_MEMBERS | NAMED | ODD
    assert any_of(found[:0]) == 0
