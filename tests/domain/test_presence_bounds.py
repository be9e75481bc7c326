"""What is ruled out at a glance is ruled out by the rules: before a lot came, and after it was surely gone."""

from collections.abc import Generator
from decimal import Decimal
from itertools import product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.class_level import ClassUses
from domain.facts import Role
from domain.ids import ItemId
from domain.measures import measures_of
from domain.presence import Presence, stood_at
from domain.record import Found, Known, Need, answer
from domain.uses import Uses
from tests.domain.histories import LOTS, histories
from tests.domain.telling import History, at, item, us

HOURS = range(10)


def _loaded(lot: ItemId, materials: frozenset[ItemId]) -> Generator[Need, Found, tuple[Presence, Known]]:
    known = Known()
    presence = Presence(Uses(known, follow_all=False))
    yield from known.start([lot])
    yield from presence.load(frozenset({lot}))
    yield from known.require(Need(linked=materials))
    return presence, known


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(h=histories, name=st.sampled_from(LOTS))
def test_presence_by_its_bounds_equals_presence_by_every_movement(h: History, *, name: str) -> None:
    lot = item(name)
    presence, known = answer(_loaded(lot, frozenset()), h.view().look_up)
    for site, from_hour, to_hour in product((None, "HERE"), HOURS, HOURS):
        if from_hour <= to_hour:
            asked = {"from_us": us(from_hour), "to_us": us(to_hour)}
            by_rules = stood_at(
                known.found.namings.get(lot, []),
                site,
                **asked,
                measures=measures_of(lot, presence.uses.materials(lot), known.found.factors),
                seen_there=lambda box, site=site, by_us=us(to_hour): presence._seen(box, site, by_us=by_us),
            )
            assert presence.may_have_been(lot, site, **asked) == by_rules


def test_uses_of_a_class_are_looked_at_about_the_time_of_the_lot_alone() -> None:
    h = History()
    h.tell(ev.MaterialReceived(occurred_at=at(3), item=item("lot:A/1"), quantity=Decimal(5), site="HERE"))
    h.tell(ev.Scrapped(occurred_at=at(5), items=(ev.ItemQuantity(item=item("lot:A/1")),), site="HERE"))
    for hour in HOURS:
        material = ev.Input(item=item("class:A"), quantity=Decimal(1))
        h.tell(
            ev.Transformed(
                occurred_at=at(hour), inputs=(material,), outputs=(ev.Output(item=item(f"U/{hour}")),), site="HERE"
            )
        )
    presence, known = answer(_loaded(item("lot:A/1"), frozenset({item("class:A")})), h.view().look_up)
    uses = ClassUses.of([n for n in known.found.namings[item("class:A")] if n.mention.role is Role.INPUT])
    assert sorted(n.event.facts.latest_us for n in uses.near(item("lot:A/1"), presence)) == [us(3), us(4), us(5)]
