"""The walk equals an oracle that lists every path (oracle.py), on entangled histories of all kinds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.genealogy import Trace, Way, trace
from domain.ids import ItemId
from domain.memory import MemoryRecord
from domain.record import answer
from domain.walk import Mode
from tests.domain.histories import BOXES, CLASSES, LOTS, UNITS, entangled
from tests.domain.oracle import Oracle
from tests.domain.telling import History, item, us

NAMES = UNITS + LOTS + BOXES + CLASSES
ASKED = [*NAMES, *UNITS, *LOTS]


def nodes_of(found: Trace) -> dict[ItemId, tuple[str, tuple[str, ...], int]]:
    return {n.item: (n.certainty, n.reasons, n.level) for n in found.nodes}


@given(
    h=entangled,
    names=st.lists(st.sampled_from(NAMES), min_size=3, max_size=5, unique=True),
    mode=st.sampled_from([Mode.EVER, Mode.EVER, *Mode]),
    hour=st.sampled_from([None, None, 3, 5]),
    known=st.none() | st.integers(4, 12),
    follow_all=st.sampled_from([False, False, False, True]),
)
@pytest.mark.timeout(600)
@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_walk_equals_all_paths(
    h: History, names: list[str], *, mode: Mode, hour: int | None, known: int | None, follow_all: bool
) -> None:
    """Nodes, level, certainty and reasons; where there are too many paths to list, what was listed must be there."""
    vector = None if known is None else dict.fromkeys(range(3), known)
    view = MemoryRecord(h.log).as_of(vector)
    oracle = Oracle(h.log, vector, follow_all=follow_all)
    at_us = us(hour) if hour is not None else None
    first, second, *rest = [item(n) for n in names]
    for starts in ((first, second), *((one,) for one in rest)):
        for way in Way:
            question = trace(starts, way=way, mode=mode, at_us=at_us, now_us=us(100), follow_all=follow_all)
            found = nodes_of(answer(question, view.look_up))
            expected = oracle.trace(
                starts,
                forward=way is Way.FORWARD,
                mode=mode.value,
                at=us(100) if at_us is None else at_us,
                at_given=at_us is not None,
            )
            told = f"{way} from {starts}"
            if expected.whole:
                assert found == expected.nodes, told
                continue
            assert expected.nodes.keys() <= found.keys(), told
            for node, (certainty, _, level) in expected.nodes.items():
                assert certainty != "certain" or found[node][0] == "certain", told
                assert found[node][2] <= level, told
