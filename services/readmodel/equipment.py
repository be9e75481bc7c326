"""The tables of what equipment and vessels held, and their rows: one a mount, a making and equipment, an act.

Never one a mount and making: what relates the two is found by time when a question is asked (docs/semantics.md).
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Numeric, SmallInteger, Table, Text, text

from domain.bookings import may_begin_us
from domain.facts import EventFacts
from services.readmodel.schema import event, metadata, tenant

SPAN_CLASSES = 8
"""Of what lasts, class c lasts less than 32^c seconds; the last takes whatever is left (over 34 years)."""

loadings = Table(
    "loadings",
    metadata,
    tenant(),
    event(),
    Column("equipment", Text, nullable=False),
    Column("position", Text, nullable=False),
    Column("item_no", BigInteger, comment="null: an unmount of whatever is there"),
    Column("mounts", Boolean, nullable=False),
    Column("doubt_units", Integer, nullable=False),
    Column("earliest_us", BigInteger, nullable=False),
    Column("latest_us", BigInteger, nullable=False),
    Index("loadings_position_idx", "tenant_id", "equipment", "position", "latest_us"),
    Index("loadings_item_idx", "item_no"),
)

makings = Table(
    "makings",
    metadata,
    tenant(),
    event(),
    Column("equipment", Text, nullable=False, comment="or line"),
    Column("units", Integer, nullable=False, comment="made by the event, at least; 0: it only books them"),
    Column("span_class", SmallInteger, nullable=False, comment="lasts less than 32^n seconds"),
    Column("begins_us", BigInteger, nullable=False),
    Column("latest_us", BigInteger, nullable=False),
    Index("makings_begins_idx", "tenant_id", "equipment", "span_class", "begins_us"),
    Index("makings_latest_idx", "tenant_id", "equipment", "latest_us", postgresql_where=text("units > 0")),
    Index("makings_event_idx", "event_no"),
)

vessel_acts = Table(
    "vessel_acts",
    metadata,
    tenant(),
    event(),
    Column("vessel", Text, nullable=False),
    Column("act", SmallInteger, nullable=False, comment="domain.facts.VesselAct"),
    Column("compartment", Text),
    Column("item_no", BigInteger),
    Column("quantity", Numeric),
    Column("uom", Text),
    Column("mode", Text, comment="domain.events.VesselMode"),
    Column("part", SmallInteger, nullable=False),
    Column("breaks_whole", Boolean, nullable=False),
    Column("span_class", SmallInteger, nullable=False, comment="lasts less than 32^n seconds"),
    Column("begins_us", BigInteger, nullable=False),
    Column("latest_us", BigInteger, nullable=False),
    Index("vessel_acts_begins_idx", "tenant_id", "vessel", "span_class", "begins_us"),
    Index("vessel_acts_breaks_idx", "tenant_id", "vessel", "breaks_whole", "latest_us"),
    Index("vessel_acts_item_idx", "item_no"),
)

COLUMNS = {
    "loadings": "equipment position item_no mounts doubt_units earliest_us latest_us",
    "makings": "equipment units span_class begins_us latest_us",
    "vessel_acts": (
        "vessel act compartment item_no quantity uom mode part breaks_whole span_class begins_us latest_us"
    ),
}
"""As rows_of gives them, after tenant and event."""


def span_class(begins_us: int, latest_us: int) -> int:
    """The class of how long something lasted: what lasts alike is found together by when it began."""
    seconds = max(0, (latest_us - begins_us) // 1_000_000)
    return min(-(-seconds.bit_length() // 5), SPAN_CLASSES - 1)


def rows_of(facts: EventFacts, item_no: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """(table, row) of everything that one event says of equipment and vessels."""
    latest_us = facts.latest_us
    if (load := facts.loading) is not None:
        item = item_no(load.item) if load.item is not None else None
        times = (facts.earliest_us, latest_us)
        yield "loadings", (load.equipment, load.position, item, load.mounts, load.doubt_units, *times)
    if facts.made_on:
        begun_us = may_begin_us(facts)
        lasts = (span_class(begun_us, latest_us), begun_us, latest_us)
        for equipment in facts.made_on:
            yield "makings", (equipment, facts.made_units, *lasts)
    for act in facts.vessels:
        item = item_no(act.item) if act.item is not None else None
        begins_us = facts.begins_us
        lasts = (span_class(begins_us, latest_us), begins_us, latest_us)
        what = (act.vessel, int(act.act), act.compartment, item, act.quantity, act.uom)
        yield "vessel_acts", (*what, str(act.mode) if act.mode else None, act.part, act.breaks_whole, *lasts)
