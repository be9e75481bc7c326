"""The view of circumstances: one row an event and each thing that an exposure can ask of it, with when it was."""

from sqlalchemy import BigInteger, Column, Index, SmallInteger, Table, Text, text

from domain.bookings import is_booked, may_begin_us
from domain.facts import EventFacts, Flow, Mention, Ranged, Role
from services.readmodel.equipment import SPAN_CLASSES, span_class
from services.readmodel.schema import event, metadata, tenant

TOLD = tuple(range(SPAN_CLASSES))
"""Span classes of what tells its start, or may not last longer than it says."""
UNTOLD = tuple(range(-SPAN_CLASSES, 0))
"""Of what tells none: the last is that of an instant. It may have lasted longer, and so be a neighbour of a window."""
IDLE = tuple(range(-2 * SPAN_CLASSES, -SPAN_CLASSES))
"""The same of what brings nothing forth: only who asks about subjects of events asks for it."""
INSTANTS = (UNTOLD[-1], IDLE[-1])
"""Of these, what ends last began last."""

dimensions = Table(
    "dimensions",
    metadata,
    tenant(),
    event(),
    Column("dimension", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column(
        "span_class",
        SmallInteger,
        nullable=False,
        comment="n: lasts less than 32^n seconds; -1 - n: the same, and tells no start; less 8: nor makes anything",
    ),
    Column("begun_us", BigInteger, nullable=False, comment="at the earliest; what is only booked reaches back"),
    Column("latest_us", BigInteger, nullable=False),
    Index("dimensions_begun_idx", "tenant_id", "dimension", "value", "span_class", "begun_us"),
    Index(
        "dimensions_latest_idx",
        *("tenant_id", "dimension", "value", "latest_us"),
        postgresql_where=text("span_class < -1 AND span_class <> -9"),
    ),
)

COLUMNS = {"dimensions": "dimension value span_class begun_us latest_us"}


def lasting(facts: EventFacts) -> tuple[int, int, int]:
    """(span_class, begun_us, latest_us) of an event. What is booked may have been made before, never after."""
    begun_us, latest_us = may_begin_us(facts), facts.latest_us
    span = span_class(begun_us, latest_us)
    if facts.started_us is None and not is_booked(facts):
        span = -1 if begun_us == latest_us else -1 - max(1, span)
        span -= 0 if _brings_forth(facts) else SPAN_CLASSES
    return span, begun_us, latest_us


def _brings_forth(facts: EventFacts) -> bool:
    """Whether something is exposed to a machine by it (domain.exposure.exposed_items)."""
    told: tuple[Mention | Ranged, ...] = facts.mentions + facts.ranges if facts.ranges else facts.mentions
    return any(m.role in _BROUGHT or (m.role is _SUBJECT and m.flow is _ENTER) for m in told)


# Python 3.11 runs code of its own each time that a member of an enumeration is named.
_BROUGHT, _SUBJECT, _ENTER = frozenset({Role.OUTPUT, Role.WHOLE}), Role.SUBJECT, Flow.ENTER


def least_begun_us(span: int, since_us: int) -> int | None:
    """Since when what has this class may have begun, if it went on at `since_us`; None: since ever."""
    n = span if span >= 0 else (-1 - span) % SPAN_CLASSES
    if span in INSTANTS:
        return since_us
    return since_us - 1_000_000 * 32**n if n < SPAN_CLASSES - 1 else None
