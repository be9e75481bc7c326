"""The view of inspection results: one row a characteristic that an inspection measured or gave a verdict on."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, Numeric, PrimaryKeyConstraint, Table, Text

from domain.events import Inspected, LifecycleEvent
from domain.facts import EventFacts
from services.readmodel.schema import event, metadata, tenant

measurements = Table(
    "measurements",
    metadata,
    tenant(),
    event(),
    Column("line", Integer, nullable=False, comment="in the event's list, from 0"),
    Column("characteristic", Text, nullable=False),
    Column("value", Numeric, comment="null of what was not measured as a number"),
    Column("verdict", Text, comment="its own, else the inspection's"),
    Column("begins_us", BigInteger, nullable=False, comment="when the inspection began at the earliest"),
    Column("latest_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("event_no", "line", name="measurements_pkey"),
    Index("measurements_value_idx", "tenant_id", "characteristic", "value"),
)

COLUMNS = {"measurements": "line characteristic value verdict begins_us latest_us"}


def rows_of(told: LifecycleEvent, facts: EventFacts) -> Iterator[tuple[Any, ...]]:
    """The rows, without tenant and event, of an inspection; none of anything else."""
    if isinstance(told, Inspected):
        for line, m in enumerate(told.measurements):
            yield line, m.characteristic, m.value, m.verdict or told.verdict, facts.begins_us, facts.latest_us
