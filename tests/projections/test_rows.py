"""Given events, when delivered twice, then rows: one test a table."""

from decimal import Decimal

import asyncpg

from domain import events as ev
from domain.facts import Action, Flow, Role
from tests.domain.telling import History, at, item, q, us
from tests.projections.viewing import given


async def test_an_event_is_one_row_with_what_its_facts_say(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.tell(ev.Shipped(occurred_at=at(9), items=(q("P"),), to_possessor="urn:p:dealer", site="urn:s:1"))  # type: ignore[arg-type]
    [row] = (await given(empty_views, h).when_delivered())["events"]
    assert (row["key_no"], row["kind"], row["source"], row["rank"]) == ("e0", "shipped", "mes", 3)
    assert (row["earliest_us"], row["latest_us"], row["accepted_us"]) == (us(9), us(9), us(48))
    assert (row["log_partition"], row["log_offset"], row["appended_us"]) == (0, 0, us(48))
    assert (row["holder"], row["site"], row["void"]) == ("urn:p:dealer", "urn:s:1", None)


async def test_each_item_an_event_names_is_a_row_and_an_item(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.made(["M/1"], [ev.Input(item=item("lot:A/1"), quantity=Decimal("2.50"), uom="KGM")], at_hour=1)
    h.pack("sscc:1", "M/1", at_hour=2)
    tables = await given(empty_views, h).when_delivered()
    named = {
        (r["event_no"][0], r["item_no"], Role(r["role"]), Action(r["action"]), Flow(r["flow"]), r["quantity"], r["uom"])
        for r in tables["event_items"]
    }
    assert named == {
        ("e0", item("lot:A/1"), Role.INPUT, Action.NONE, Flow.CONSUME, Decimal("2.50"), "KGM"),
        ("e0", item("M/1"), Role.OUTPUT, Action.NONE, Flow.ENTER, None, None),
        ("e1", item("sscc:1"), Role.PARENT, Action.PUT, Flow.NONE, None, None),
        ("e1", item("M/1"), Role.CHILD, Action.PUT, Flow.PACK, None, None),
    }
    assert [(r["uri"], r["kind"], r["number"]) for r in tables["items"] if r["kind"] == "lot"] == [
        (item("lot:A/1"), "lot", "1")
    ]


async def test_lots_identities_and_materials_have_rows_of_their_own(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.tell(ev.Commissioned(occurred_at=at(1), items=(ev.Output(item=item("U/1"), lot=item("lot:U/7")),)))
    h.tell(ev.Identified(occurred_at=at(2), item=item("lot:A/1"), same_as=item("lot:X/9")))
    h.tell(ev.MaterialReceived(occurred_at=at(3), item=item("lot:A/1"), material=item("class:STEEL")))
    tables = await given(empty_views, h).when_delivered(1)
    assert [(r["lot_no"], r["unit_no"], r["at_making"]) for r in tables["memberships"]] == [
        (item("lot:U/7"), item("U/1"), True)
    ]
    assert [{r["one_no"], r["other_no"]} for r in tables["identities"]] == [{item("lot:A/1"), item("lot:X/9")}]
    assert [(r["item_no"], r["material_no"]) for r in tables["item_materials"]] == [
        (item("lot:A/1"), item("class:STEEL"))
    ]


async def test_a_void_names_its_target_by_a_number_that_either_may_take_first(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.tell(ev.Voided(occurred_at=at(2), target="later", replaced_by=("new-b", "new-a")))
    h.tell(ev.Sold(occurred_at=at(1), event_id="later", items=(q("P"),)))
    tables = await given(empty_views, h).when_delivered(1)
    [void] = tables["voids"]
    assert (void["target_key_no"], void["replacement_key_nos"]) == ("later", ["new-a", "new-b"])
    assert {r["event_id"] for r in tables["event_keys"]} == {"e0", "later", "new-a", "new-b"}
    assert {r["key_no"] for r in tables["events"]} == {"e0", "later"}


async def test_holds_and_recalls_are_found_by_their_ids_and_products(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.tell(ev.Held(occurred_at=at(1), hold_id="H1", items=(q("P"),)))
    h.tell(ev.HoldReleased(occurred_at=at(2), hold_id="H1"))
    scope = ev.ProductScope(product=item("class:BIKE"), first_serial="1", last_serial="9")
    h.tell(ev.RecallDeclared(occurred_at=at(3), recall_id="R1", products=(scope,)))
    tables = await given(empty_views, h).when_delivered(1)
    notices = {(r["event_no"][0], r["topic"], r["subject"]) for r in tables["notices"]}
    assert notices == {
        ("e0", "hold", "H1"), ("e1", "hold", "H1"), ("e2", "recall", "R1"), ("e2", "product", item("class:BIKE")),
    }  # fmt: skip


async def test_circumstances_are_dimensions_and_parameters(empty_views: asyncpg.Pool) -> None:
    h = History()
    around = ev.Circumstances(
        equipment=("press-2",), parameters=(ev.Parameter(name="torque", value=Decimal("4.20"), unit="N.m"),)
    )
    h.made(["M/1"], ["lot:A/1"], at_hour=2, started_at=at(1), circumstances=around)
    tables = await given(empty_views, h).when_delivered()
    assert ("equipment", "press-2", 3, us(1), us(2)) in {
        tuple(r[name] for name in ("dimension", "value", "span_class", "begun_us", "latest_us"))
        for r in tables["dimensions"]
    }
    assert [(r["name"], r["value"], r["unit"]) for r in tables["parameters"]] == [("torque", Decimal("4.20"), "N.m")]


async def test_master_data_keeps_every_version(empty_views: asyncpg.Pool) -> None:
    h = History()
    for hour, name in ((1, "Old"), (2, "New")):
        h.tell(ev.PartyDescribed(occurred_at=at(hour), party="urn:p:1", name=name))  # type: ignore[arg-type]
    rows = (await given(empty_views, h).when_delivered())["master_data"]
    assert [(r["topic"], r["subject"], r["valid_from_us"], r["described"]["name"]) for r in rows] == [
        ("party", "urn:p:1", us(1), "Old"), ("party", "urn:p:1", us(2), "New"),
    ]  # fmt: skip


async def test_the_same_content_again_adds_nothing_and_other_content_is_a_second_version(
    empty_views: asyncpg.Pool,
) -> None:
    h = History()
    for name in ("A", "A", "B"):
        h.tell(ev.Sold(occurred_at=at(1), event_id="one", items=(q(name),)))
    tables = await given(empty_views, h).when_delivered(2)
    assert {(r["key_no"], r["log_offset"]) for r in tables["events"]} == {("one", 0), ("one", 2)}
    assert {r["item_no"] for r in tables["event_items"]} == {item("A"), item("B")}


async def test_a_range_of_serials_is_one_row_whatever_it_holds(empty_views: asyncpg.Pool) -> None:
    h = History()
    serials = ev.SerialRange(product=item("class:P"), first="B000001", last="B100000", step=3, exclude=("B000004",))
    h.tell(ev.Commissioned(occurred_at=at(1), items=(ev.Output(range=serials, lot=item("lot:P/7")),)))
    tables = await given(empty_views, h).when_delivered()
    [row] = tables["serial_ranges"]
    assert (row["product_no"], row["lot_no"], row["shape"], row["head"]) == (
        item("class:P"),
        item("lot:P/7"),
        "- 6 0123456789",
        "B",
    )
    assert (row["first_ordinal"], row["last_ordinal"], row["step"], row["excluded"]) == (1, 100_000, 3, [4])
    assert (row["span_bits"], tables["event_items"], tables["memberships"]) == (17, [], [])
    assert sum(len(rows) for rows in tables.values()) <= 8
