"""Material booked without lot: E15 and the rest of docs/semantics.md, 'Material booked without lot'."""

from decimal import Decimal
from typing import Any

import pytest

from domain import events as ev
from domain.answers import Way
from domain.ids import ItemId, PlaceId
from domain.presence import Presence
from tests.domain.telling import History, at, item, q

S, T = PlaceId.parse("S"), PlaceId.parse("T")
LOT, OUT = "lot:G/1", "M/1"


def stored(h: History, name: str = LOT, *, hour: float, site: PlaceId | None = S) -> str:
    return h.tell(ev.Stored(occurred_at=at(hour), site=site, items=(q(name, 5),)))


def used(h: History, *, hour: float, site: PlaceId | None = S, **more: Any) -> str:
    """2 of class G go into M/1."""
    glue = ev.Input(item=item("class:G"), quantity=Decimal(2), basis=ev.Basis.BACKFLUSHED)
    outputs = more.pop("outputs", (ev.Output(item=item(OUT)),))
    return h.tell(ev.Transformed(occurred_at=at(hour), site=site, inputs=(glue,), outputs=outputs, **more))


def both_ways(h: History, lot: str = LOT) -> bool:
    forward, backward = item(OUT) in h.forward(lot), item(lot) in h.backward(OUT)
    assert forward == backward
    return forward


def test_a_lot_that_was_used_up_before_is_none_of_it() -> None:
    h = History()
    stored(h, hour=1)
    h.made(["N/1"], [ev.Input(item=item(LOT), quantity=Decimal(5))], at_hour=3)
    used(h, hour=5)
    assert not both_ways(h)


def test_a_backflush_at_night_is_of_the_lots_of_the_day() -> None:
    """The lot was there when the first output was made, and used up when it was booked."""
    h = History()
    stored(h, hour=1)
    h.tell(ev.Transformed(occurred_at=at(2), transformation_id="urn:t:1", outputs=(ev.Output(item=item(OUT)),)))
    h.made(["N/1"], [ev.Input(item=item(LOT), quantity=Decimal(5))], at_hour=3)
    used(h, hour=22, transformation_id="urn:t:1", outputs=())
    assert both_ways(h)


def test_what_is_left_of_an_unknown_quantity_is_there_until_it_is_scrapped() -> None:
    h = History()
    stored(h, hour=1)
    h.fit("W/1", LOT, at_hour=2)
    h.tell(ev.Transformed(occurred_at=at(3), transformation_id="urn:t:1", outputs=(ev.Output(item=item(OUT)),)))
    h.tell(ev.Scrapped(occurred_at=at(4), site=S, items=(q(LOT),)))
    used(h, hour=22, transformation_id="urn:t:1", outputs=())
    assert both_ways(h)


def test_a_use_that_lasted_is_of_what_was_there_meanwhile() -> None:
    h = History()
    stored(h, hour=1)
    stored(h, "lot:G/2", hour=4)
    stored(h, "lot:G/3", hour=7)
    h.made(["N/1"], [ev.Input(item=item(LOT), quantity=Decimal(5))], at_hour=3)
    used(h, hour=6, started_at=at(2))
    assert [both_ways(h, lot) for lot in (LOT, "lot:G/2", "lot:G/3")] == [True, True, False]


def test_a_lot_in_a_box_is_where_the_box_is() -> None:
    h = History()
    stored(h, hour=1, site=T)
    h.pack("box:1", q(LOT, 5), at_hour=2, site=T)
    h.pack("sscc:1", "box:1", at_hour=2.5, site=T)
    used(h, hour=3)
    assert not both_ways(h)
    h.tell(ev.Received(occurred_at=at(2.8), site=S, items=(q("sscc:1"),)))
    assert both_ways(h)


def test_a_lot_on_its_way_to_the_site_may_have_come() -> None:
    h = History()
    stored(h, hour=1, site=T)
    h.tell(ev.Shipped(occurred_at=at(2), site=T, to_place=S, items=(q(LOT, 5),)))
    used(h, hour=3)
    assert both_ways(h)


def test_where_the_site_is_unknown_every_lot_is_possible_and_it_says_so() -> None:
    h = History()
    stored(h, hour=1, site=T)
    used(h, hour=3, site=None)
    assert both_ways(h)
    for way, name in ((Way.FORWARD, LOT), (Way.BACKWARD, OUT)):
        assert "class_level" in [g.code for g in h.trace(way, name).gaps]


def test_a_coil_used_up_in_metres_is_used_up() -> None:
    h = History()
    coil = ev.UomFactor(quantity=Decimal(1), uom="KGM", equals=Decimal(4), in_uom="MTR")
    fields: dict[str, Any] = {"item": item(LOT), "quantity": Decimal(10), "uom": "KGM", "uom_factors": (coil,)}
    h.tell(ev.MaterialReceived(occurred_at=at(1), site=S, **fields))
    h.made(["N/1"], [ev.Input(item=item(LOT), quantity=Decimal(40), uom="MTR")], at_hour=3)
    used(h, hour=5)
    assert not both_ways(h)


@pytest.mark.parametrize("name", ["own:lot-7", "lot:G/7"])
def test_a_lot_whose_id_does_not_say_that_it_is_one(name: str) -> None:
    h = History()
    fields: dict[str, Any] = {"item": item(name), "quantity": Decimal(10), "material": item("class:G")}
    h.tell(ev.MaterialReceived(occurred_at=at(1), site=S, **fields))
    used(h, hour=5)
    assert both_ways(h, name)


def test_of_each_site_it_is_asked_once_whether_a_lot_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that is used everywhere has very many later uses, and very many lots."""
    asked: list[tuple[ItemId, str | None]] = []
    stays = Presence.stays

    def counted(self: Presence, lot: ItemId, site: str | None) -> bool:
        asked.append((lot, site))
        return stays(self, lot, site)

    monkeypatch.setattr(Presence, "stays", counted)
    h = History()
    stored(h, hour=1)
    h.made(["N/1"], [ev.Input(item=item(LOT), quantity=Decimal(5))], at_hour=3)
    for hour in range(10, 30):
        used(h, hour=hour, site=S if hour % 2 else T)
    assert item(OUT) not in h.forward(LOT)
    assert sorted(asked) == [(item(LOT), S), (item(LOT), T)]
