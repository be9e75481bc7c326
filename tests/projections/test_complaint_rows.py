"""A complaint is one row an item, however often it is delivered."""

import asyncpg

from domain.events import Complained
from tests.domain.telling import History, at, q
from tests.projections.viewing import given


async def test_a_complaint_is_one_row_an_item(empty_views: asyncpg.Pool) -> None:
    h = History()
    items = (q("U/1"), q("U/1"), q("lot:A/1"))
    h.tell(Complained(occurred_at=at(3), items=items, channel="12315", harm="injury"))
    tables = await given(empty_views, h).when_delivered()
    told = {(r["item_no"], r["channel"], r["harm"]) for r in tables["complaints"]}
    assert told == {(i.item, "12315", "injury") for i in items}
    assert len(tables["complaints"]) == 2
