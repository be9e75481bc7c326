"""What the cases of a tenant watch, and which events touched it: noted in the batch that brings the event.

Members of a case are watched by their rows in `case_members`. What else may change its set, or move its members, is
written here by the cases service (docs/recall.md, 'What is watched'): containers, and keys that events can share with
members without naming them. A batch that touches nothing asks one question (`_GATE`) and, where something is watched,
joins the numbers it names once, however many cases there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import asyncpg
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from domain.facts import EventFacts
from domain.ids import ItemId, at_any_level
from services.access.callers import OWN_SOURCE
from services.readmodel.rows import COLUMNS, Applied, Rows
from services.readmodel.schema import event, metadata, tenant

watched_items = Table(
    "watched_items",
    metadata,
    tenant(),
    Column("item_no", BigInteger, nullable=False, autoincrement=False),
    Column("case_id", Text, nullable=False),
    Column("holds_members", Boolean, nullable=False, comment="a container that held members or such containers"),
    PrimaryKeyConstraint("item_no", "tenant_id", "case_id", name="watched_items_pkey"),
    Index("watched_items_case_idx", "tenant_id", "case_id"),
)

watched_keys = Table(
    "watched_keys",
    metadata,
    tenant(),
    Column("topic", Text, nullable=False, comment="services.readmodel.watching.TOPICS"),
    Column("subject", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "topic", "subject", "case_id", name="watched_keys_pkey"),
    Index("watched_keys_case_idx", "tenant_id", "case_id"),
)

case_touches = Table(
    "case_touches",
    metadata,
    tenant(),
    event(),
    Column("case_id", Text, nullable=False),
    Column("log_partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    PrimaryKeyConstraint("event_no", "case_id", name="case_touches_pkey"),
    Index("case_touches_case_idx", "tenant_id", "case_id", "log_partition", "log_offset"),
)

TABLES = (watched_items, watched_keys, case_touches)

TOPICS = (
    *("transformation", "order", "vessel", "equipment", "class", "level", "item", "event"),
    *("dimension", "parameter", "product", "kind"),
)
WATCHED_KINDS = frozenset({"calibrated", "maintained", "recipe_changed", "software_installed", "inspected"})
"""Kinds that may be what a rule asks for, or end a stretch of time, without naming it: watched as a whole."""
SILENT = frozenset({"held", "hold_released", "recall_declared", "recall_closed", "documents_linked", "case_recorded"})
"""Kinds that change no link: our own holds must not have every set evaluated again."""
FIRST_NAMES = frozenset({"product", "class", "level", "item"})
"""Topics by which an event of these kinds is looked at all the same, if it is not our own: it may be the first to name
an item that a rule names, or a lot of a member at another packaging level."""

Key = tuple[str, str]


def keys_of(facts: EventFacts, topics: frozenset[str]) -> Iterator[Key]:
    """(topic, subject) of what an event can have in common with members without naming them."""
    if "transformation" in topics and facts.transformation and not facts.transformation.startswith("event "):
        yield "transformation", facts.transformation
    if "order" in topics and facts.posting is not None:
        yield "order", facts.posting.order
    if "vessel" in topics:
        yield from (("vessel", act.vessel) for act in facts.vessels)
    if "equipment" in topics:
        yield from (("equipment", name) for name in facts.made_on)
        if facts.loading is not None:
            yield "equipment", facts.loading.equipment
    if "class" in topics:
        yield from (("class", str(item)) for item in _named(facts) if item.kind == "class")
    if "level" in topics:
        levels = (at_any_level(item) for item in _named(facts) if item.kind == "lot")
        yield from (("level", number) for number in levels if number is not None)
    if "item" in topics:
        yield from (("item", str(item)) for item in _named(facts))
    if "event" in topics:
        yield "event", facts.event_id
    if "dimension" in topics:
        yield from (("dimension", f"{name} {value}") for name, value in facts.dimensions)
    if "parameter" in topics:
        yield from (("parameter", p.name) for p in facts.parameters)
    if "product" in topics:
        yield from (("product", item.material) for item in _named(facts) if item.material is not None)
        yield from (("product", str(r.serials.product)) for r in facts.ranges)
    if "kind" in topics and facts.kind in WATCHED_KINDS:
        yield "kind", facts.kind


def _named(facts: EventFacts) -> Iterator[ItemId]:
    """Every item that the event names, also where it says nothing of it but that it belongs to another."""
    yield from (m.item for m in facts.mentions)
    yield from (item for member in facts.memberships for item in (member.lot, member.unit))
    yield from (item for pair in (*facts.identities, *facts.materials, facts.renaming or ()) for item in pair)
    yield from (r.lot for r in facts.ranges if r.lot is not None)


_GATE = """
-- whether any of these tenants watches anything: by the head of an index each
SELECT EXISTS (SELECT FROM {schema}.case_members m WHERE m.tenant_id = ANY($1::int[])) AS members,
       ARRAY(SELECT p.topic FROM unnest($2::text[]) AS p(topic) WHERE EXISTS (
           SELECT FROM {schema}.watched_keys k WHERE k.tenant_id = ANY($1::int[]) AND k.topic = p.topic
       )) AS topics
"""
_TOUCHED = """
WITH named AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS w(event_no, item_no)
    UNION ALL
    -- what a void names, and what a copy with other content stands against
    SELECT w.event_no, m.item_no FROM unnest($3::bigint[], $4::bigint[]) AS w(event_no, key_no)
    JOIN {schema}.events t ON t.key_no = w.key_no AND t.event_no <> w.event_no
    JOIN {schema}.event_items m ON m.event_no = t.event_no
), keyed AS (
    SELECT * FROM unnest($5::bigint[], $6::int[], $7::text[], $8::text[]) AS w(event_no, tenant_id, topic, subject)
    UNION ALL
    SELECT w.event_no, t.tenant_id, 'transformation', t.transformation
    FROM unnest($3::bigint[], $4::bigint[]) AS w(event_no, key_no)
    JOIN {schema}.events t ON t.key_no = w.key_no AND t.transformation IS NOT NULL
), hit AS (
    SELECT n.event_no, c.case_id FROM named n JOIN {schema}.case_members c ON c.item_no = n.item_no
    UNION SELECT n.event_no, w.case_id FROM named n JOIN {schema}.watched_items w ON w.item_no = n.item_no
    UNION SELECT k.event_no, w.case_id FROM keyed k JOIN {schema}.watched_keys w
        ON w.tenant_id = k.tenant_id AND w.topic = k.topic AND w.subject = k.subject
)
INSERT INTO {schema}.case_touches (tenant_id, event_no, case_id, log_partition, log_offset)
SELECT e.tenant_id, e.event_no, hit.case_id, e.log_partition, e.log_offset
FROM hit JOIN {schema}.events e ON e.event_no = hit.event_no
ON CONFLICT DO NOTHING RETURNING event_no
"""


@dataclass(frozen=True, slots=True)
class Rival:
    """A fresh event and the number of its id, of which there is another version."""

    event_no: int
    key_no: int


async def note_touches(
    connection: asyncpg.Connection,
    schema: str,
    *,
    fresh: Sequence[tuple[Applied, int]],
    rows: Rows,
    rivals: Iterable[Rival],
) -> set[int]:
    """Note which of the fresh events (each with its number) touch a case; their rows are written already.

    Returns the numbers of those that do.
    """
    loud = [(a, no) for a, no in fresh if a.facts.kind not in SILENT]
    quiet = [(a, no) for a, no in fresh if a.facts.kind in SILENT and a.envelope.source != OWN_SOURCE]
    if not loud and not quiet:
        return set()
    tenants = sorted({a.envelope.tenant_id for a, _ in (*loud, *quiet)})
    gate = await connection.fetchrow(_GATE.format(schema=schema), tenants, list(TOPICS))
    topics = frozenset(gate["topics"])
    if not gate["members"] and not topics:
        return set()
    numbers = {no for _, no in loud}
    named = [(event_no, item_no) for event_no, item_no in named_items(rows) if event_no in numbers]
    told = [*((*one, topics) for one in loud), *((*one, topics & FIRST_NAMES) for one in quiet)]
    keyed = [(no, a.envelope.tenant_id, *key) for a, no, asked in told for key in set(keys_of(a.facts, asked))]
    voids = [(row[1], row[2]) for row in rows.by_table["voids"]]
    against = [*voids, *((r.event_no, r.key_no) for r in rivals if r.event_no in numbers)]
    found = await connection.fetch(
        _TOUCHED.format(schema=schema), *_columns(named, 2), *_columns(against, 2), *_columns(keyed, 4)
    )
    return {row[0] for row in found}


_ITEM_COLUMNS = {
    table: [n for n, name in enumerate(COLUMNS[table]) if name in names]
    for table, names in {
        "event_items": ("item_no",),
        "memberships": ("lot_no", "unit_no"),
        "identities": ("one_no", "other_no"),
        "renamings": ("old_no", "new_no"),
        "serial_ranges": ("lot_no",),
        "item_materials": ("item_no",),
        "loadings": ("item_no",),
        "vessel_acts": ("item_no",),
    }.items()
}


def named_items(rows: Rows) -> set[tuple[int, int]]:
    """(event number, item number) of every item that the rows name."""
    return {
        (row[1], row[n])
        for table, columns in _ITEM_COLUMNS.items()
        for row in rows.by_table.get(table, ())
        for n in columns
        if row[n] is not None
    }


def _columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
