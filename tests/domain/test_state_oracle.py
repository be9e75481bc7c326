"""States equal an oracle that folds the whole record (oracle_state.py), and lots add up by plain arithmetic."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.memory import MemoryRecord
from domain.record import answer
from domain.state import State, states
from tests.domain.histories import BOXES, LOTS, UNITS, entangled
from tests.domain.oracle_record import Record
from tests.domain.oracle_state import StateOracle
from tests.domain.telling import History, at, item, q, us

NAMES = UNITS + LOTS + BOXES


@given(h=entangled, hour=st.sampled_from([2, 4, 6, 30]), known=st.none() | st.integers(4, 12))
@pytest.mark.timeout(600)
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
def test_states_equal_the_fold_of_the_whole_record(h: History, hour: int, known: int | None) -> None:
    """Containers, site, holder, status and events of units; holds and events of all. Whatever is asked about beside."""
    vector = None if known is None else dict.fromkeys(range(3), known)
    items = [item(n) for n in NAMES]
    look_up = MemoryRecord(h.log).as_of(vector).look_up
    found = answer(states(items, at_us=us(hour)), look_up)
    oracle = StateOracle(Record(h.log, vector))
    for name in items:
        state = found[name]
        assert answer(states([name], at_us=us(hour)), look_up)[name] == state
        several = oracle.record.several(name)
        assert several == (state.kind in ("lot", "class")), name
        assert told_of(state, several) == folded(oracle, state, us(hour), several=several), name


def told_of(state: State, several: bool) -> dict[str, object]:
    common: dict[str, object] = {"events": state.event_count, "holds": state.holds}
    if several:
        return common
    status = state.status.value if state.status else None
    where = {"containers": state.containers, "container": state.container, "site": state.site, "holder": state.holder}
    return {**common, **where, "status": status}


def folded(oracle: StateOracle, state: State, at_us: int, *, several: bool) -> dict[str, object]:
    name = state.item
    common: dict[str, object] = {"events": oracle.event_count(name, at_us), "holds": oracle.holds(name, at_us)}
    if several:
        return common
    chain = oracle.containers(name, at_us)
    where = {
        "containers": chain,
        "container": chain[0] if chain else None,
        "site": oracle.site(name, at_us),
        "holder": oracle.holder(name, at_us),
    }
    return {**common, **where, "status": oracle.status(name, at_us)}


Step = tuple[str, str, int]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["ship", "pack", "unpack", "use", "receive"]), st.sampled_from(["1", "2"]), st.integers(1, 400)
    ),
    max_size=8,
)


@given(moves=MOVES)
@settings(max_examples=300, deadline=None)
def test_a_lot_adds_up_wherever_it_went(moves: list[Step]) -> None:
    """E7 and its variations: where each part of 1,000 is, by adding and subtracting."""
    h = History()
    lot = "lot:CELL/L"
    h.tell(ev.MaterialReceived(occurred_at=at(0), site="HOME", item=item(lot), quantity=Decimal(1000)))
    rows: Counter[tuple[str, str]] = Counter({("home", ""): 1000})
    for hour, (kind, to, most) in enumerate(moves, 1):
        source = {"unpack": ("box", to), "receive": ("transit", to)}.get(kind, ("home", ""))
        moved = min(most, rows[source])
        if moved == 0:
            continue
        target = {"ship": ("transit", to), "pack": ("box", to), "receive": ("there", to), "unpack": ("home", "")}.get(
            kind
        )
        rows[source] -= moved
        if target:
            rows[target] += moved
        tell(h, kind, to, things=(q(lot, moved),), hour=hour)
    state = h.state(lot)
    assert {spot(w): w.quantity for w in state.where} == {k: v for k, v in rows.items() if v}
    assert not state.conflicts


def tell(h: History, kind: str, to: str, *, things: tuple[ev.ItemQuantity, ...], hour: int) -> None:
    when = at(hour)
    match kind:
        case "ship":
            h.tell(ev.Shipped(occurred_at=when, site="HOME", items=things, to_place=f"PLACE-{to}"))
        case "receive":
            h.tell(ev.Received(occurred_at=when, site=f"PLACE-{to}", items=things))
        case "pack":
            h.tell(ev.Packed(occurred_at=when, site="HOME", container=item(f"box:{to}"), contents=things))
        case "unpack":
            h.tell(ev.Unpacked(occurred_at=when, site="HOME", container=item(f"box:{to}"), contents=things))
        case _:
            used = ev.Input(item=things[0].item, quantity=things[0].quantity)
            made = (ev.Output(item=item(f"X/{hour}")),)
            h.tell(ev.Transformed(occurred_at=when, site="HOME", inputs=(used,), outputs=made))


def spot(where: object) -> tuple[str, str]:
    container, site, status = (getattr(where, name) for name in ("container", "site", "status"))
    if container is not None:
        return "box", container[-1]
    if status == "in_transit":
        return "transit", site[-1]
    return ("home", "") if site == "HOME" else ("there", site[-1])
