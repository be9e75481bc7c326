"""Totals counted while nodes go by are those of SEMANTICS §7, said plainly, for generated histories."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.answers import Node, Way
from domain.genealogy import trace
from domain.record import answer
from domain.state import State, states
from services.query.totals import Totals, counted_once
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
    totals = Totals(counted_once(nodes))
    going_by = list(nodes)
    order.shuffle(going_by)  # type: ignore[attr-defined]
    for node in going_by:
        totals.add(node.item, node.certainty, state=standing[node.item], shown=standing[node.item])
    told = totals.json()
    assert told["top_units"] == top_units(nodes, standing)
    assert told["items"] == len(nodes)
    assert told["units"] == sum(s.kind == "unit" for s in standing.values())
    assert told["certain"] + told["possible"] == len(nodes)


def counted(h: History) -> int:
    view = h.view()
    nodes = answer(trace([item("lot:L/1")], way=Way.FORWARD, now_us=us(100)), view.look_up).nodes
    standing = answer(states([n.item for n in nodes], at_us=us(100)), view.look_up)
    totals = Totals(counted_once(nodes))
    for node in nodes:
        totals.add(node.item, node.certainty, state=standing[node.item], shown=standing[node.item])
    assert totals.json()["top_units"] == top_units(nodes, standing)
    return int(totals.json()["top_units"])


def test_what_is_packed_in_an_affected_unit_is_not_on_top_and_in_an_affected_box_it_is() -> None:
    h = History()
    h.made(["a", "b", "z-case", "box:9"], ["lot:L/1"], at_hour=1)
    assert counted(h) == 4  # a box that nothing was packed in yet may be a unit
    h.pack("z-case", "a", at_hour=2)
    assert counted(h) == 3
    h.pack("box:9", "b", at_hour=3)
    assert counted(h) == 2
