"""Building a graph from the views, in one snapshot."""

import asyncio

import asyncpg
import numpy as np

from domain.facts import Role
from services.query.graph.drawing import standing_of
from services.query.graph.facts import CLEARED, STATUSES
from services.query.graph.graph import Events, Graph, Mentions, Relations
from services.query.graph.groups import Bools, Groups, Ints, any_by, positions, small
from services.query.graph.plain import (
    BARRED_KINDS,
    LINKED_KINDS,
    PLAIN_KINDS,
    Drawn,
    Uncovered,
    odd_items,
    several_inputs,
)
from services.query.graph.reading import read_columns

_ITEMS = """
SELECT item_no, CASE kind WHEN 'unit' THEN 1 WHEN 'lot' THEN 2 WHEN 'class' THEN 3 WHEN 'container' THEN 4 ELSE 0 END,
       CASE WHEN material IS NULL THEN 0 ELSE hashtextextended(material, 0) END
FROM views.items WHERE tenant_id = $1::int ORDER BY item_no
"""
_EVENTS = """
-- own: a transformation of this event alone; else a number for the text of its key
SELECT e.event_no, e.key_no, e.latest_us, e.earliest_us, coalesce(e.started_us, e.earliest_us), e.rank,
       coalesce(e.parent_no, -1), e.transformation IS NOT NULL,
       e.transformation IS NOT DISTINCT FROM 'event ' || k.event_id,
       CASE WHEN e.transformation IS NULL THEN 0 ELSE hashtextextended(e.transformation, 0) END, e.mixed,
       e.kind <> ALL ($2::text[]), e.kind <> ALL ($3::text[]), e.accepted_us, e.request_index,
       coalesce(hashtextextended(e.site, 0), 0),
       CASE WHEN e.clears_holder THEN 1 ELSE coalesce(hashtextextended(e.holder, 0), 0) END,
       coalesce(hashtextextended(e.owner, 0), 0), coalesce(hashtextextended(e.disposition, 0), 0),
       e.hold IS NOT NULL OR e.recall IS NOT NULL
FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.tenant_id = $1::int ORDER BY e.event_no
"""
_MENTIONS = """
SELECT event_no, item_no, role, action, by_class, coalesce(basis, 'scanned') IN ('scanned', 'declared'),
       coalesce(array_position($2::text[], status), 0)
FROM views.event_items WHERE tenant_id = $1::int
"""
_TEXTS = """
SELECT DISTINCT hashtextextended(t.text, 0), t.text
FROM views.events e CROSS JOIN LATERAL (VALUES (e.site), (e.holder), (e.owner), (e.disposition)) AS t(text)
WHERE e.tenant_id = $1::int AND t.text IS NOT NULL
"""
_RECALLED = """
-- classes on which a recall was declared, by the number of their text
SELECT DISTINCT hashtextextended(subject, 0) FROM views.notices WHERE tenant_id = $1::int AND topic = 'product'
"""
_VOIDED = "SELECT DISTINCT target_key_no FROM views.voids WHERE tenant_id = $1::int"
_MEMBERS = "SELECT event_no, lot_no, unit_no, at_making FROM views.memberships WHERE tenant_id = $1::int"
_SAME = "SELECT event_no, one_no, other_no FROM views.identities WHERE tenant_id = $1::int"
_RANGES = "SELECT event_no, product_no, coalesce(lot_no, -1) FROM views.serial_ranges WHERE tenant_id = $1::int"
_DECLARED = """
-- items that an event declares to be of another class than their id shows
SELECT DISTINCT m.item_no FROM views.item_materials m JOIN views.items i ON i.item_no = m.item_no
JOIN views.items c ON c.item_no = m.material_no
WHERE m.tenant_id = $1::int AND c.uri IS DISTINCT FROM i.material
"""


_UNCOVERED = "SELECT kind FROM views.events WHERE tenant_id = $1 AND kind <> ALL ($2) LIMIT 1"
_CHECKPOINTS = "SELECT log_partition, applied_offset, coalesce(applied_us, 0) FROM views.checkpoints"


async def load(connection: asyncpg.Connection, tenant_id: int) -> Graph:
    """The graph of what the transaction of `connection`, repeatable read, sees. Raises Uncovered, and ValueError."""
    known = sorted(PLAIN_KINDS | LINKED_KINDS | BARRED_KINDS)
    kind = await connection.fetchval(_UNCOVERED, tenant_id, known)
    if kind is not None:
        raise Uncovered(f"there are events of the kind {kind}")
    checkpoints = await connection.fetch(_CHECKPOINTS)
    items = await read_columns(connection, _ITEMS, tenant_id, types={"no": "int8", "kind": "int4", "material": "int8"})
    raw = await read_columns(
        connection,
        _EVENTS,
        tenant_id,
        sorted(PLAIN_KINDS),
        sorted(PLAIN_KINDS | LINKED_KINDS),
        types={
            "no": "int8",
            "key": "int8",
            "latest": "int8",
            "earliest": "int8",
            "begins": "int8",
            "rank": "int2",
            "parent": "int8",
            "flows": "bool",
            "own": "bool",
            "flow": "int8",
            "mixed": "bool",
            "unplain": "bool",
            "unknown": "bool",
            "accepted": "int8",
            "index": "int4",
            "site": "int8",
            "holder": "int8",
            "owner": "int8",
            "disposition": "int8",
            "restrains": "bool",
        },
    )
    voided = await read_columns(connection, _VOIDED, tenant_id, types={"key": "int8"})
    said = await read_columns(
        connection,
        _MENTIONS,
        tenant_id,
        [str(status) for status in STATUSES[1:]],
        types={
            "event": "int8",
            "item": "int8",
            "role": "int2",
            "action": "int2",
            "by_class": "bool",
            "sure": "bool",
            "status": "int4",
        },
    )
    members = await read_columns(
        connection,
        _MEMBERS,
        tenant_id,
        types={"event": "int8", "one": "int8", "other": "int8", "at_making": "bool"},
    )
    same = await read_columns(connection, _SAME, tenant_id, types={"event": "int8", "one": "int8", "other": "int8"})
    declared = await read_columns(connection, _DECLARED, tenant_id, types={"item": "int8"})
    ranges = await read_columns(
        connection, _RANGES, tenant_id, types={"event": "int8", "product": "int8", "lot": "int8"}
    )
    recalled = await read_columns(connection, _RECALLED, tenant_id, types={"material": "int8"})
    rows = await connection.fetch(_TEXTS, tenant_id)
    texts = dict(rows)
    if len(texts) != len(rows) or CLEARED in texts or 0 in texts:
        raise ValueError("two texts of the views have one number: this record is asked without a graph")
    return await asyncio.to_thread(
        _build,
        {partition: offset for partition, offset, _ in checkpoints},
        {partition: applied_us for partition, _, applied_us in checkpoints},
        items=items,
        raw=raw,
        voided=voided["key"],
        said=said,
        members=members,
        same=same,
        declared=declared,
        ranges=ranges,
        recalled=recalled["material"],
        texts=texts,
    )


def _build(
    vector: dict[int, int],
    applied_us: dict[int, int],
    *,
    items: dict[str, Ints],
    raw: dict[str, Ints],
    voided: Ints,
    said: dict[str, Ints],
    members: dict[str, Ints],
    same: dict[str, Ints],
    declared: dict[str, Ints],
    ranges: dict[str, Ints],
    recalled: Ints,
    texts: dict[int, str],
) -> Graph:
    nos, count = items["no"], len(items["no"])
    troubled = _troubled(raw["key"], voided) | raw["unplain"].astype(np.bool_)
    flow = _flows(raw)
    event = positions(raw["no"], said["event"])
    item = positions(nos, said["item"])
    events = Events(
        raw["no"],
        raw["latest"],
        raw["earliest"],
        raw["begins"],
        raw["rank"],
        positions(nos, raw["parent"]),
        flow,
    )
    drawn = Drawn(
        kind=items["kind"],
        material=items["material"],
        event=event,
        item=item,
        role=said["role"],
        action=said["action"],
        flow=flow[event],
        whole=events.parent[event],
        mixed=raw["mixed"][event].astype(np.bool_),
        troubled=troubled[event],
        declared=positions(nos, declared["item"]),
        members=_indexed(members, raw["no"], nos) | {"at_making": members["at_making"]},
        same=_indexed(same, raw["no"], nos),
        event_troubled=troubled,
        barring=raw["unknown"].astype(np.bool_)[event],
        ranged_products=positions(nos, np.unique(ranges["product"])),
        ranged_lots=positions(nos, np.unique(ranges["lot"])),
        ranged=np.isin(said["event"], ranges["event"]),
    )
    several, unclear = several_inputs(drawn)
    odd = odd_items(drawn, unclear)
    kept = ~troubled[event]
    mentions = Mentions(
        small(event[kept]),
        small(item[kept]),
        said["role"][kept].astype(np.int8),
        said["action"][kept].astype(np.int8),
        said["sure"][kept].astype(np.bool_),
        several[kept],
    )
    flows = int(flow.max(initial=-1)) + 1
    of_flow = flow[mentions.event]
    return Graph(
        vector,
        applied_us,
        nos,
        items["material"],
        odd,
        any_by(item, drawn.barring, count),
        events,
        mentions,
        Groups.of(mentions.item, count),
        Groups.of(np.where(mentions.role == Role.INPUT, of_flow, -1), flows),
        Groups.of(np.where(mentions.role == Role.OUTPUT, of_flow, -1), flows),
        Groups.of(mentions.event, len(events)),
        Groups.of(
            np.where(np.isin(mentions.role, (Role.CHILD, Role.COMPONENT)), events.parent[mentions.event], -1), count
        ),
        _relations(drawn.members, troubled, count),
        _relations(drawn.same, troubled, count),
        standing_of(drawn, raw, said=said, odd=odd, recalled=recalled, texts=texts),
    )


def _troubled(keys: Ints, voided: Ints) -> Bools:
    """Events that a void names, or that have rivals of the same id."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray((counts[inverse] > 1) | np.isin(keys, voided), dtype=np.bool_)


def _flows(raw: dict[str, Ints]) -> Ints:
    """A number from 0 for each transformation, -1 for events that are none."""
    flows, own = raw["flows"].astype(np.bool_), raw["own"].astype(np.bool_)
    shared = flows & ~own
    keys, numbers = np.unique(raw["flow"][shared], return_inverse=True)
    found = np.full(len(flows), -1, dtype=np.int64)
    found[shared] = numbers
    found[own] = len(keys) + np.arange(int(own.sum()))
    return found


def _indexed(columns: dict[str, Ints], event_nos: Ints, item_nos: Ints) -> dict[str, Ints]:
    return {
        "event": positions(event_nos, columns["event"]),
        "one": positions(item_nos, columns["one"]),
        "other": positions(item_nos, columns["other"]),
    }


def _relations(columns: dict[str, Ints], troubled: Bools, count: int) -> Relations:
    kept = ~troubled[columns["event"]]
    event, one, other = (columns[name][kept] for name in ("event", "one", "other"))
    return Relations(small(event), small(one), small(other), Groups.of(one, count), Groups.of(other, count))
