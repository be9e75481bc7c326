"""Totals counted while nodes go by are those of SEMANTICS §7, said plainly, for generated histories."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.answers import Node, Way
from domain.genealogy import trace
from domain.record import answer
from domain.state import State, states
from services.query.totals import Totals
from tests.domain.histories import BOXES, LOTS, UNITS, histories
from tests.domain.telling import History, item, us


def top_units(nodes: list[Node], standing: dict[str, State]) -> int:
    """Affected units not inside or used up by another affected one."""
    affected = {str(n.item) for n in nodes}

    def inside(state: State) -> bool:
        boxes = [c for c in state.containers if str(c) in affected and standing[c].kind == "unit"]
        return bool(boxes) or any(str(w) in affected for w in state.wholes)

    all_states = [standing[n.item] for n in nodes]
    return sum(s.kind == "unit" and s.status != "consumed" and not inside(s) for s in all_states)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(h=histories, name=st.sampled_from(UNITS + LOTS + BOXES), way=st.sampled_from(list(Way)), order=st.randoms())
def test_top_units_and_kinds(h: History, *, name: str, way: Way, order: object) -> None:
    view = h.view()
    nodes = answer(trace([item(name)], way=way, now_us=us(100)), view.look_up).nodes
    nodes = [n for n in nodes if not any(link.relation == "identified_as" for link in n.links)]
    standing = answer(states([n.item for n in nodes], at_us=us(100)), view.look_up)
    totals = Totals(nodes)
    going_by = list(nodes)
    order.shuffle(going_by)  # type: ignore[attr-defined]
    for node in going_by:
        totals.add(node, standing[node.item], shown=standing[node.item])
    told = totals.json()
    assert told["top_units"] == top_units(nodes, standing)
    assert told["items"] == len(nodes)
    assert told["units"] == sum(s.kind == "unit" for s in standing.values())
    assert told["certain"] + told["possible"] == len(nodes)
