"""Long histories of one machine and one vessel: what SQL reads of them in spans decides as much as all of it would."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.genealogy import Way, trace
from domain.ids import PlaceId
from domain.memory import MemoryRecord
from domain.moments import Moment
from domain.record import answer, answer_async
from services.database import tenant_transaction
from services.query import equipment
from services.query.record import SqlRecord
from tests.domain.telling import History, at, item, us
from tests.projections.test_record_over_sql import Views, apply, partitioned, views

__all__ = ["views"]

SITE = PlaceId.parse("S")
REELS = ["lot:A/1", "lot:A/2", "lot:B/1", "R/1"]
HOURS = st.integers(1, 60)
DAYS = st.sampled_from(["2026-03-01Z", "2026-03-02Z", "2026-03-03Z"])


@pytest.fixture(autouse=True)
def one_sign_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place has to be read further: none of these histories is so long otherwise."""
    monkeypatch.setattr(equipment, "FIRST_LIMIT", 1)


@st.composite
def when(draw: st.DrawFn) -> Moment:
    return Moment.parse(draw(DAYS)) if draw(st.integers(0, 9)) == 0 else at(draw(HOURS))


@st.composite
def signs(draw: st.DrawFn) -> ev.LifecycleEvent:
    """Mostly changes at one position, some at a second one, and boards."""
    moment, reel = draw(when()), draw(st.sampled_from(REELS))
    position = draw(st.sampled_from(["F1", "F1", "F1", "F2"]))
    match draw(st.sampled_from(["mount"] * 6 + ["off"] * 3 + ["make"] * 4 + ["issue", "book"])):
        case "mount":
            doubt = draw(st.sampled_from([0, 0, 0, 1, 3]))
            return ev.Mounted(occurred_at=moment, item=item(reel), equipment="P", position=position, doubt_units=doubt)
        case "off":
            named = draw(st.sampled_from([None, item(reel)]))
            return ev.Unmounted(occurred_at=moment, item=named, equipment="P", position=position)
        case "issue":
            basis = draw(st.sampled_from([ev.Basis.DECLARED, ev.Basis.DECLARED, ev.Basis.BACKFLUSHED]))
            order = draw(st.sampled_from(["7", "8"]))
            issued = (ev.Issued(item=item("lot:P/1"), basis=basis),)
            return ev.IssuedToOrder(occurred_at=moment, site=SITE, order=order, items=issued)
        case what:
            hour = draw(HOURS)
            lasted = draw(st.sampled_from([None, None, 1, 20]))
            told: dict[str, Any] = {
                "occurred_at": at(hour),
                "started_at": at(hour - lasted) if lasted else None,
                "outputs": (ev.Output(item=item(f"B/{draw(st.integers(1, 4))}")),),
                "circumstances": ev.Circumstances(equipment=("P",)),
            }
            if what == "book":
                return ev.OutputReported(site=SITE, order=draw(st.sampled_from(["7", "8"])), **told)
            return ev.Transformed(**told)


@st.composite
def acts(draw: st.DrawFn) -> ev.LifecycleEvent:
    """Charges, clean breaks and discharges of one vessel."""
    moment, lot = draw(when()), draw(st.sampled_from(REELS))
    compartment = draw(st.sampled_from([None, None, None, "A"]))
    made = (ev.Output(item=item(f"W/{draw(st.integers(1, 4))}")),)
    match draw(st.sampled_from(["charge", "charge", "discharge", "discharge", "draw", "clean", "clean", "empty"])):
        case "charge":
            inputs = (ev.Input(item=item(lot), quantity=Decimal(5), uom="KGM"),)
            return ev.Charged(occurred_at=moment, vessel="V", inputs=inputs, compartment=compartment)
        case "discharge":
            mode = draw(st.sampled_from([None, *ev.VesselMode]))
            amount = {"quantity": Decimal(3), "uom": "KGM"}
            return ev.Discharged(occurred_at=moment, vessel="V", outputs=made, mode=mode, **amount)
        case "draw":
            hour, lasted = draw(HOURS), draw(st.sampled_from([None, 1, 20]))
            started = at(hour - lasted) if lasted else None
            return ev.Transformed(occurred_at=at(hour), started_at=started, draws=(ev.Draw(vessel="V"),), outputs=made)
        case "clean":
            return ev.Cleaned(occurred_at=moment, vessel="V", compartment=compartment)
        case _:
            return ev.Emptied(occurred_at=moment, vessel="V", heel=draw(st.sampled_from([None, Decimal(1)])), uom="KGM")


@st.composite
def long_histories(draw: st.DrawFn) -> History:
    """One machine or one vessel for a while, and some of what was told of it taken back."""
    h = History()
    told = draw(st.lists(signs(), min_size=8, max_size=40) | st.lists(acts(), min_size=8, max_size=40))
    for event in told:
        h.tell(event)
    for no in draw(st.lists(st.integers(0, len(told) - 1), max_size=8, unique=True)):
        replaced = draw(st.sampled_from([(), (), ("never",)]))
        h.tell(ev.Voided(occurred_at=at(90), target=f"e{no}", replaced_by=replaced))
    return h


@given(h=long_histories(), cuts=st.lists(st.booleans(), min_size=1, max_size=3), early=st.booleans())
@pytest.mark.timeout(600)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_spans_decide_as_much_as_the_whole_history(
    views: Views, h: History, *, cuts: list[bool], early: bool
) -> None:
    tenant = await views.fresh_tenant()
    base = views.offset + 1
    log = partitioned(h, cuts, tenant)
    await apply(views, log, 50)
    last = len(log) * 3 // 4 if early else len(log)
    reference = MemoryRecord(log).as_of({0: last, 1: last})
    async with tenant_transaction(views.api, tenant) as connection:
        for one in reference.items:
            for way in Way:
                record = SqlRecord(connection, tenant, vector={0: base + last, 1: base + last})
                over_sql = await answer_async(trace([one], way=way, now_us=us(200)), record.look_up)
                assert over_sql == answer(trace([one], way=way, now_us=us(200)), reference.look_up), (one, way)
