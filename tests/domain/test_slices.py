"""A walk looks at its items some at a time and forgets what it found: the answer is the same."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import genealogy
from domain.answers import Trace, Way
from domain.record import answer
from domain.walk import Mode
from tests.domain.histories import BOXES, LOTS, UNITS, histories
from tests.domain.telling import History, item, us


def sorted_gaps(found: Trace) -> Trace:
    return replace(found, gaps=sorted(found.gaps, key=repr), conflicts=sorted(found.conflicts, key=repr))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    h=histories,
    way=st.sampled_from(list(Way)),
    mode=st.sampled_from(list(Mode)),
    names=st.lists(st.sampled_from(UNITS + LOTS + BOXES), min_size=1, max_size=2, unique=True),
)
def test_one_item_at_a_time_gives_the_same_answer(h: History, *, way: Way, mode: Mode, names: list[str]) -> None:
    asked = {"way": way, "mode": mode, "now_us": us(100)}
    items = [item(n) for n in names]
    view = h.view()
    whole = answer(genealogy.trace(items, **asked), view.look_up)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(genealogy, "SLICE_ITEMS", 1)
        patch.setattr(genealogy, "ENTRIES_KEPT", -1)
        sliced = answer(genealogy.trace(items, **asked), view.look_up)
    assert sorted_gaps(sliced) == sorted_gaps(whole)
