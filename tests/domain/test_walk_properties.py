"""Laws of the reference walk, for any small history."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.genealogy import Way, trace
from domain.ids import ItemId
from domain.memory import MemoryRecord
from domain.record import answer
from domain.walk import Mode
from tests.domain.histories import BOXES, CLASSES, LOTS, UNITS, histories
from tests.domain.telling import History, item, us

MODES = [(Mode.EVER, None), (Mode.AS_BUILT, None), (Mode.AS_MAINTAINED, None), (Mode.AS_MAINTAINED, 4)]


@pytest.mark.parametrize(("mode", "hour"), MODES)
@given(h=histories)
@settings(max_examples=300, deadline=None)
def test_forward_and_backward_are_one_relation(mode: Mode, hour: float | None, h: History) -> None:
    """forward(x) ∋ y exactly when backward(y) ∋ x, as certain, for all items but containers and classes."""
    view = h.view()
    boxes = {item(b) for b in [*BOXES, *CLASSES]}
    told = {*view.items, *(item(n) for n in UNITS + LOTS)}
    items = sorted(i for i in told if i not in boxes)
    at_us = us(hour) if hour is not None else None

    def ask(way: Way, one: ItemId) -> dict[str, tuple[str, tuple[str, ...]]]:
        question = trace([one], way=way, mode=mode, at_us=at_us, now_us=us(100))
        return {n.item: (n.certainty, n.reasons) for n in answer(question, view.look_up).nodes if n.item in items}

    forward = {(x, y): sure for x in items for y, sure in ask(Way.FORWARD, x).items()}
    backward = {(x, y): sure for y in items for x, sure in ask(Way.BACKWARD, y).items()}
    assert forward.keys() == backward.keys()
    assert {k: v[0] for k, v in forward.items()} == {k: v[0] for k, v in backward.items()}


@given(h=histories, seed=st.integers(0, 1 << 16), way=st.sampled_from(list(Way)), mode=st.sampled_from(list(Mode)))
@settings(max_examples=200, deadline=None)
def test_delivery_order_and_repetition_do_not_matter(h: History, seed: int, *, way: Way, mode: Mode) -> None:
    shuffled = h.log + h.log
    random.Random(seed).shuffle(shuffled)
    for name in (UNITS[0], LOTS[0], BOXES[0]):
        question = {"way": way, "mode": mode, "now_us": us(100)}
        one = answer(trace([item(name)], **question), MemoryRecord(h.log).as_of().look_up)
        other = answer(trace([item(name)], **question), MemoryRecord(shuffled).as_of().look_up)
        assert one == other
