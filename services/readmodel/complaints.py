"""The view of complaints: one row an item that somebody complained of."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text

from domain.events import Complained, LifecycleEvent
from domain.facts import EventFacts
from services.readmodel.schema import event, metadata, tenant

complaints = Table(
    "complaints",
    metadata,
    tenant(),
    event(),
    Column("item_no", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("harm", Text),
    Column("latest_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("event_no", "item_no", name="complaints_pkey"),
    Index("complaints_item_idx", "item_no"),
    Index("complaints_latest_idx", "tenant_id", "latest_us"),
)

COLUMNS = {"complaints": "item_no channel harm latest_us"}


def rows_of(told: LifecycleEvent, facts: EventFacts, item_no: Callable[[str], int]) -> Iterator[tuple[Any, ...]]:
    """The rows, without tenant and event, of a complaint; none of anything else."""
    if isinstance(told, Complained):
        for number in dict.fromkeys(item_no(i.item) for i in told.items):
            yield number, told.channel, told.harm, facts.latest_us
