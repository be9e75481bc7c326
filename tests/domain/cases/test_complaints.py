"""When complaints are so many that a draft is opened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.complaints import Complaint, crossings, rules_of
from domain.ids import ItemId
from domain.moments import DAY_US

LOTS = [ItemId(f"urn:zhuisu:lot:own:CELL:{n}") for n in range(3)]


def complaint(number: int, *lots: int, day: int = 0) -> Complaint:
    item = ItemId(f"urn:zhuisu:unit:own:BIKE:{number}")
    return Complaint(f"c{number}", item, day * DAY_US, {"component_lot": [LOTS[n] for n in lots]})


def found(
    rule: str, complaints: list[Complaint], covered: dict[ItemId, int | None] | None = None
) -> list[tuple[list[ItemId], list[str]]]:
    crossed = crossings(rules_of(rule), complaints, covered={"component_lot": covered or {}})
    return [(list(c.subjects), [one.event_id for one in c.complaints]) for c in crossed]


def test_the_complaint_that_makes_it_so_many_opens_one_draft_for_all_they_share() -> None:
    told = [complaint(1, 0, 1), complaint(2, 0, 1, day=5), complaint(3, 0, 1, day=9), complaint(4, 0, day=10)]
    assert found("component_lot=3/30d", told[:2]) == []
    assert found("component_lot=3/30d", told) == [([LOTS[0], LOTS[1]], ["c1", "c2", "c3"])]


def test_complaints_that_lie_too_far_apart_open_nothing() -> None:
    told = [complaint(1, 0), complaint(2, 0, day=5), complaint(3, 0, day=30)]
    assert found("component_lot=3/30d", told) == []
    assert found("component_lot=3/31d", told) == [([LOTS[0]], ["c1", "c2", "c3"])]


def test_what_has_a_case_already_opens_no_other() -> None:
    told = [complaint(n, 0, 1) for n in range(3)]
    assert found("component_lot=3/30d", told, {LOTS[0]: None}) == [([LOTS[1]], ["c0", "c1", "c2"])]


def test_what_comes_after_a_case_was_closed_counts_anew() -> None:
    told = [complaint(n, 0, day=n) for n in range(6)]
    assert found("component_lot=3/30d", told, {LOTS[0]: 2 * DAY_US}) == [([LOTS[0]], ["c3", "c4", "c5"])]
    assert found("component_lot=3/30d", told, {LOTS[0]: 3 * DAY_US}) == []


def test_one_complaint_of_several_units_counts_once() -> None:
    told = [Complaint("c1", ItemId(f"urn:zhuisu:unit:own:BIKE:{n}"), 0, {"model": [LOTS[0]]}) for n in range(5)]
    assert found("model=2/30d", told) == []


@given(
    st.lists(st.tuples(st.sets(st.integers(0, 2)), st.integers(0, 40)), max_size=10),
    st.randoms(),
    st.integers(1, 4),
)
def test_the_order_they_come_in_changes_nothing(told: list[tuple[set[int], int]], random: object, count: int) -> None:
    complaints = [complaint(n, *sorted(lots), day=day) for n, (lots, day) in enumerate(told)]
    shuffled = list(complaints)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    rule = f"component_lot={count}/20d"
    once = found(rule, complaints)
    assert sorted(once) == sorted(found(rule, shuffled + complaints))
    lots = [lot for subjects, _ in once for lot in subjects]
    assert len(lots) == len(set(lots)), "a lot is in one draft"
    for subjects, events in once:
        assert len(events) >= count
        days = {c.event_id: c.at_us for c in complaints}
        for lot in subjects:
            mine = [c for c in complaints if lot in c.in_common["component_lot"] and c.event_id in events]
            assert len(mine) >= count
            assert max(days[c.event_id] for c in mine) == days[events[-1]]


@pytest.mark.parametrize("text", ["lot", "lot=3", "lot=0/30d", "lot=3/0d", "batch=3/30d", "lot=3/30"])
def test_a_rule_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write <lot"):
        rules_of(text)
