"""What a graph is drawn from: the rows of one tenant's views as columns, in one snapshot."""

from dataclasses import dataclass

import asyncpg

from domain.facts import Ranged
from services.query.graph.facts import CLEARED, STATUSES
from services.query.graph.graph import Told
from services.query.graph.groups import Ints
from services.query.graph.kinds import BARRED_KINDS, LINKED_KINDS, PLAIN_KINDS, Uncovered
from services.query.graph.reading import read_columns
from services.query.graph.texts import Texts, read_texts
from services.query.ranges import Ranges

_NAMES = 'SELECT uri FROM views.items WHERE tenant_id = $1::int ORDER BY uri COLLATE "C"'
_ITEMS = """
SELECT item_no, CASE kind WHEN 'unit' THEN 1 WHEN 'lot' THEN 2 WHEN 'class' THEN 3 WHEN 'container' THEN 4 ELSE 0 END,
       CASE WHEN material IS NULL THEN 0 ELSE hashtextextended(material, 0) END
FROM views.items WHERE tenant_id = $1::int ORDER BY uri COLLATE "C"
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
       e.hold IS NOT NULL OR e.recall IS NOT NULL, e.kind = 'reworked'
FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.tenant_id = $1::int ORDER BY e.event_no
"""
EVENT_TYPES = {
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
    "reworks": "bool",
}
_EVENT_IDS = """
SELECT k.event_id FROM views.events e JOIN views.event_keys k USING (key_no)
WHERE e.tenant_id = $1::int ORDER BY e.event_no
"""
_TELLS = """x.role IN (0, 1, 2, 6)
    AND (x.quantity IS NOT NULL OR x.uom IS NOT NULL OR (x.role = 1 AND x.basis IS NOT NULL))"""
_TOLD_NO = """hashtextextended(concat_ws('/', coalesce(x.quantity::text, '-'), coalesce(x.uom, '-'),
    CASE WHEN x.role = 1 THEN coalesce(x.basis, '-') ELSE '-' END), 0)"""
_MENTIONS = f"""
SELECT x.event_no, x.item_no, x.role, x.action, x.by_class, coalesce(x.basis, 'scanned') IN ('scanned', 'declared'),
       coalesce(array_position($2::text[], x.status), 0),
       x.flow, x.quantity IS NOT NULL AND coalesce(x.uom, 'EA') IN ('EA', 'H87', 'C62', 'PCE'),
       CASE WHEN {_TELLS} THEN {_TOLD_NO} ELSE 0 END
FROM views.event_items x WHERE x.tenant_id = $1::int
"""
MENTION_TYPES = {
    "event": "int8",
    "item": "int8",
    "role": "int2",
    "action": "int2",
    "by_class": "bool",
    "sure": "bool",
    "status": "int4",
    "flow": "int2",
    "counted": "bool",
    "told": "int8",
}
_TOLD = f"""
SELECT DISTINCT {_TOLD_NO}, x.quantity, x.uom, CASE WHEN x.role = 1 THEN x.basis END
FROM views.event_items x WHERE x.tenant_id = $1::int AND {_TELLS}
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
_RENAMED = "SELECT old_no, new_no FROM views.renamings WHERE tenant_id = $1::int"
_DECLARED = """
-- items that an event declares to be of another class than their id shows
SELECT DISTINCT m.item_no FROM views.item_materials m JOIN views.items i ON i.item_no = m.item_no
JOIN views.items c ON c.item_no = m.material_no
WHERE m.tenant_id = $1::int AND c.uri IS DISTINCT FROM i.material
"""
_RANGED = "SELECT DISTINCT event_no FROM views.serial_ranges WHERE tenant_id = $1::int"
_MOUNTED = "SELECT DISTINCT item_no FROM views.loadings WHERE tenant_id = $1::int AND item_no IS NOT NULL"
_LOADED = "SELECT DISTINCT equipment FROM views.loadings WHERE tenant_id = $1"
_MADE_THERE = "SELECT DISTINCT event_no FROM views.makings WHERE tenant_id = $1::int AND equipment = ANY ($2::text[])"
_ACTS = """
-- items that went into vessels (0) or came out of them (1)
SELECT DISTINCT item_no, act FROM views.vessel_acts WHERE tenant_id = $1::int AND item_no IS NOT NULL AND act IN (0, 1)
"""
_UNCOVERED = "SELECT kind FROM views.events WHERE tenant_id = $1 AND kind <> ALL ($2) LIMIT 1"
_CHECKPOINTS = "SELECT log_partition, applied_offset, coalesce(applied_us, 0) FROM views.checkpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """The columns of each view, by the names of `EVENT_TYPES` and its like; numbers are those of the views."""

    vector: dict[int, int]
    applied_us: dict[int, int]
    names: Texts
    items: dict[str, Ints]
    events: dict[str, Ints]
    event_ids: Texts
    voided: Ints
    mentions: dict[str, Ints]
    told: dict[int, Told]
    members: dict[str, Ints]
    same: dict[str, Ints]
    renamed: dict[str, Ints]
    declared: Ints
    ranges: list[tuple[int, Ranged]]
    recalled: Ints
    texts: dict[int, str]
    mounted: Ints
    loaded: frozenset[str]
    made_there: Ints
    acts: dict[str, Ints]


async def read(connection: asyncpg.Connection, tenant_id: int) -> Raw:
    """What the transaction of `connection`, repeatable read, sees. Raises Uncovered, and ValueError."""
    kind = await connection.fetchval(_UNCOVERED, tenant_id, sorted(PLAIN_KINDS | LINKED_KINDS | BARRED_KINDS))
    if kind is not None:
        raise Uncovered(f"there are events of the kind {kind}")

    async def columns(statement: str, *parameters: object, **types: str) -> dict[str, Ints]:
        return await read_columns(connection, statement, tenant_id, *parameters, types=types)

    checkpoints = await connection.fetch(_CHECKPOINTS)
    rows = await connection.fetch(_TEXTS, tenant_id)
    texts = dict(rows)
    told_rows = await connection.fetch(_TOLD, tenant_id)
    told = {number: (quantity, uom, basis) for number, quantity, uom, basis in told_rows}
    if len(texts) != len(rows) or CLEARED in texts or 0 in texts or len(told) != len(told_rows) or 0 in told:
        raise ValueError("two texts of the views have one number: this record is asked without a graph")
    statuses = [str(status) for status in STATUSES[1:]]
    plain, linked = sorted(PLAIN_KINDS), sorted(PLAIN_KINDS | LINKED_KINDS)
    ranged = (await columns(_RANGED, event="int8"))["event"].tolist()
    loaded = frozenset(r[0] for r in await connection.fetch(_LOADED, tenant_id))
    return Raw(
        vector={partition: offset for partition, offset, _ in checkpoints},
        applied_us={partition: applied_us for partition, _, applied_us in checkpoints},
        names=await read_texts(connection, _NAMES, tenant_id),
        items=await columns(_ITEMS, no="int8", kind="int4", material="int8"),
        events=await columns(_EVENTS, plain, linked, **EVENT_TYPES),
        event_ids=await read_texts(connection, _EVENT_IDS, tenant_id),
        voided=(await columns(_VOIDED, key="int8"))["key"],
        mentions=await columns(_MENTIONS, statuses, **MENTION_TYPES),
        told=told,
        members=await columns(_MEMBERS, event="int8", one="int8", other="int8", at_making="bool"),
        same=await columns(_SAME, event="int8", one="int8", other="int8"),
        renamed=await columns(_RENAMED, one="int8", other="int8"),
        declared=(await columns(_DECLARED, item="int8"))["item"],
        ranges=await Ranges(connection, tenant_id).of_events(ranged),
        recalled=(await columns(_RECALLED, material="int8"))["material"],
        texts=texts,
        mounted=(await columns(_MOUNTED, item="int8"))["item"],
        loaded=loaded,
        made_there=(await columns(_MADE_THERE, sorted(loaded), event="int8"))["event"],
        acts=await columns(_ACTS, item="int8", act="int2"),
    )
