"""What receivers are told: one message for what one event of the feed says, cut into parts where it names many items.

A message is thin: what happened, of which hold or case, and to which items. How things stand now is asked of
`GET /v1/holds`; messages may come twice, and in another order than what they tell of.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from domain.moments import iso
from domain.ports import Position
from services.readmodel.alerting import UNIT_ADDED, UNIT_CERTAIN
from services.readmodel.feed import Entry, Stretch, stretch

HOLD_TYPES = ("hold.placed", "hold.released", "hold.corrected")
CASE_TYPES = (
    *("recall.opened", "recall.frozen", "recall.approved", "recall.units_changed", "recall.effort_stopped"),
    *("recall.closed", "recall.reopened"),
)
ALERT_TYPES = ("alert.raised",)
WEBHOOK_TYPES = ("webhook.disabled",)
TYPES = (*HOLD_TYPES, *CASE_TYPES, *ALERT_TYPES, *WEBHOOK_TYPES)
"""All that there is to be told, as a webhook may name it."""

ITEMS_A_PART = 500
"""Items one message names: some 50 KB, what receivers take without thought."""
ENTRIES_A_LOOK = 200


@dataclass(frozen=True, slots=True)
class Message:
    """`message_id` is a function of what it tells: the same at every attempt, replay and rebuild."""

    message_id: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What was queued for a webhook: a vector of the log of that identity, and the number of an alert.

    Alerts are counted in the views of a `generation`: a rebuild counts them anew. `again`: what was told before is told
    again, until all is.
    """

    log_id: str | None
    vector: Mapping[int, int]
    generation: int = 0
    alerts: int = 0
    again: bool = False

    def document(self) -> dict[str, Any]:
        told = {"log_id": self.log_id, "vector": {str(p): o for p, o in self.vector.items()}}
        return {**told, "generation": self.generation, "alerts": self.alerts, "again": self.again}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Seen":
        return cls(
            document["log_id"],
            {int(p): o for p, o in document["vector"].items()},
            document.get("generation", 0),
            document.get("alerts", 0),
            document.get("again", False),
        )


def message(tenant_id: int, kind: str, *, about: str, instant_us: int, data: Mapping[str, Any]) -> Message:
    """A message of type `kind` about one thing, which its id is made of."""
    name = hashlib.sha256(f"{tenant_id}\x00{kind}\x00{about}".encode()).hexdigest()[:32]
    return Message(f"msg_{name}", kind, orjson.dumps({"type": kind, "timestamp": iso(instant_us), "data": data}))


_LOG_ID = "SELECT max(log_id) FROM views.checkpoints"
_GENERATION = "SELECT 'views.checkpoints'::regclass::oid::bigint"
_NEWEST_ALERT = "SELECT coalesce(max(noticed_no), 0) FROM views.case_alerts WHERE tenant_id = $1"
_ALERTS_UP_TO = """
-- the newest alert that was noticed before the first about an event after the vector
SELECT coalesce(min(a.noticed_no) - 1, (SELECT max(noticed_no) FROM views.case_alerts WHERE tenant_id = $1), 0)
FROM views.case_alerts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND e.log_offset > coalesce(
    (SELECT v.o FROM unnest($2::int[], $3::bigint[]) AS v(p, o) WHERE v.p = e.log_partition), -1)
"""


async def log_id(connection: asyncpg.Connection) -> str | None:
    """Which log the views are of."""
    found: str | None = await connection.fetchval(_LOG_ID)
    return found


async def messages_after(
    connection: asyncpg.Connection, tenant_id: int, seen: Seen
) -> tuple[list[Message], Seen, bool]:
    """What is to be told after `seen`, what will be seen then, and whether there is more.

    Views of another log than the one that was followed are followed from their beginning: ids tell what was told.
    """
    now = await log_id(connection)
    generation: int = await connection.fetchval(_GENERATION)
    after = seen.vector if seen.log_id in (None, now) else {}
    found = await stretch(connection, tenant_id, after=after, limit=ENTRIES_A_LOOK)
    messages = await _told(connection, tenant_id, found)
    alerts, reached = await _alerts(connection, tenant_id, seen.alerts if seen.generation == generation else 0)
    more = found.more or reached > seen.alerts
    return [*messages, *alerts], Seen(now, found.reached, generation, reached, seen.again and more), more


async def seen_now(connection: asyncpg.Connection, tenant_id: int, *, after: Mapping[int, int], again: bool) -> Seen:
    """Where a follower stands who has heard everything up to the vector."""
    generation: int = await connection.fetchval(_GENERATION)
    alerts: int = (
        await connection.fetchval(_ALERTS_UP_TO, tenant_id, list(after), list(after.values()))
        if again
        else await connection.fetchval(_NEWEST_ALERT, tenant_id)
    )
    return Seen(await log_id(connection), after, generation, alerts, again)


_ALERTS = """
-- events with alerts that were noticed after a number, and all of their items that it was raised for
SELECT n.case_id, n.alert, k.event_id, e.kind, e.occurred_at, n.noticed_us, n.reached, every.items, every.late
FROM (
    SELECT a.case_id, a.alert, a.event_no, max(a.noticed_us) AS noticed_us, max(a.noticed_no) AS reached
    FROM (SELECT * FROM views.case_alerts WHERE tenant_id = $1 AND noticed_no > $2 ORDER BY noticed_no LIMIT $3) AS a
    GROUP BY a.case_id, a.alert, a.event_no
) AS n
JOIN views.events e ON e.event_no = n.event_no JOIN views.event_keys k ON k.key_no = e.key_no
CROSS JOIN LATERAL (
    SELECT array_agg(i.uri ORDER BY i.uri) AS items, bool_or(b.late) AS late
    FROM views.case_alerts b JOIN views.items i USING (item_no)
    WHERE b.event_no = n.event_no AND b.case_id = n.case_id AND b.alert = n.alert
) AS every
ORDER BY n.reached
"""


async def _alerts(connection: asyncpg.Connection, tenant_id: int, after: int) -> tuple[list[Message], int]:
    """One message an event, recall and alert; what comes to a set or becomes certain is told by
    `recall.units_changed`."""
    rows = await connection.fetch(_ALERTS, tenant_id, after, ENTRIES_A_LOOK)
    messages = [
        message(
            tenant_id,
            "alert.raised",
            about="\x00".join((row["case_id"], row["alert"], row["event_id"], str(len(row["items"])))),
            instant_us=row["noticed_us"],
            data={
                **{name: row[name] for name in ("case_id", "alert", "event_id", "kind", "occurred_at", "late")},
                "items": row["items"][:ITEMS_A_PART],
                "items_count": len(row["items"]),
            },
        )
        for row in rows
        if row["alert"] not in (UNIT_ADDED, UNIT_CERTAIN)
    ]
    return messages, max((r["reached"] for r in rows), default=after)


async def _told(connection: asyncpg.Connection, tenant_id: int, found: Stretch) -> list[Message]:
    holds = [e for e in found.entries if e.about == "hold"]
    voids = [e for e in found.entries if e.about == "void"]
    cases = [e for e in found.entries if e.about == "case"]
    return [
        *await _hold_messages(connection, tenant_id, holds),
        *await _corrections(connection, tenant_id, voids),
        *await _case_messages(connection, tenant_id, cases),
    ]


_HOLDS = """
SELECT e.event_no, k.event_id, e.kind, e.hold, e.occurred_at, b.body -> 'reason' AS reason,
       EXISTS (SELECT FROM views.voids v WHERE v.target_key_no = e.key_no) AS voided
FROM views.events e JOIN views.event_keys k USING (key_no) JOIN views.event_bodies b USING (event_no)
WHERE e.event_no = ANY($1)
"""
_ITEMS = """
SELECT m.event_no, i.uri FROM views.event_items m JOIN views.items i USING (item_no)
WHERE m.event_no = ANY($1) AND m.role = 0 ORDER BY m.event_no, i.uri
"""
_VOIDED_HOLDS = """
-- of voids, the hold events that they name
SELECT v.event_no AS void_no, k.event_id AS void_id, e.event_no, t.event_id, e.hold, e.occurred_at
FROM views.voids v
JOIN views.events w ON w.event_no = v.event_no JOIN views.event_keys k ON k.key_no = w.key_no
JOIN views.events e ON e.key_no = v.target_key_no AND e.hold IS NOT NULL
JOIN views.event_keys t ON t.key_no = e.key_no
WHERE v.event_no = ANY($1) ORDER BY v.event_no, e.event_no
"""


async def _items(connection: asyncpg.Connection, event_nos: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for event_no, uri in await connection.fetch(_ITEMS, list(event_nos)):
        found.setdefault(event_no, []).append(uri)
    return found


async def _hold_messages(connection: asyncpg.Connection, tenant_id: int, entries: Sequence[Entry]) -> list[Message]:
    if not entries:
        return []
    numbers = [e.event_no for e in entries]
    rows = {r["event_no"]: r for r in await connection.fetch(_HOLDS, numbers)}
    items = await _items(connection, numbers)
    messages: list[Message] = []
    for entry in entries:
        row = rows[entry.event_no]
        kind = "hold.placed" if row["hold"]["placed"] else "hold.released"
        data = {
            "hold_id": row["hold"]["hold_id"],
            "event_id": row["event_id"],
            "position": Position(entry.partition, entry.offset).token,
            "occurred_at": row["occurred_at"],
            "reason": row["reason"],
            "for_all": row["hold"]["for_all"],
            "voided": row["voided"],
        }
        messages += _parts(tenant_id, kind, entry, data=data, items=items.get(entry.event_no, []))
    return messages


async def _corrections(connection: asyncpg.Connection, tenant_id: int, entries: Sequence[Entry]) -> list[Message]:
    """A hold that was placed or released may not have been: how it stands must be asked again."""
    if not entries:
        return []
    by_no = {e.event_no: e for e in entries}
    rows = await connection.fetch(_VOIDED_HOLDS, list(by_no))
    items = await _items(connection, [r["event_no"] for r in rows])
    messages: list[Message] = []
    for row in rows:
        entry = by_no[row["void_no"]]
        data = {
            "hold_id": row["hold"]["hold_id"],
            "event_id": row["void_id"],
            "corrects": row["event_id"],
            "position": Position(entry.partition, entry.offset).token,
            "occurred_at": row["occurred_at"],
        }
        named = items.get(row["event_no"], [])
        messages += _parts(tenant_id, "hold.corrected", entry, data=data, items=named)
    return messages


_ACTS = """
SELECT a.event_no, k.event_id, a.case_id, a.case_type, a.act, a.actor, a.reason, a.body, e.occurred_at,
    (SELECT coalesce(m.body ->> 'mode', 'draft') FROM views.case_acts m
     WHERE m.tenant_id = a.tenant_id AND m.case_id = a.case_id AND m.body ? 'mode'
     ORDER BY m.sequence DESC LIMIT 1) AS mode
FROM views.case_acts a JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
WHERE a.event_no = ANY($1)
"""
_CHANGES = ("added", "withdrawn", "changed")
_COUNTS = ("members", "units", "top_units", *_CHANGES, "became_certain", "became_possible")


async def _case_messages(connection: asyncpg.Connection, tenant_id: int, entries: Sequence[Entry]) -> list[Message]:
    if not entries:
        return []
    rows = {r["event_no"]: r for r in await connection.fetch(_ACTS, [e.event_no for e in entries])}
    messages: list[Message] = []
    for entry in entries:
        row = rows[entry.event_no]
        counts = {name: row["body"][name] for name in _COUNTS if name in row["body"]}
        act = row["act"]
        if act == "evaluated":
            act = "units_changed" if any(counts.get(name) for name in _CHANGES) else act
        kind = f"{row['case_type']}.{act}"
        if kind in CASE_TYPES:
            told = {name: row[name] for name in ("case_id", "mode", "event_id", "occurred_at", "actor", "reason")}
            data = {**told, "position": Position(entry.partition, entry.offset).token, **counts}
            messages.append(message(tenant_id, kind, about=row["event_id"], instant_us=entry.appended_us, data=data))
    return messages


def _parts(tenant_id: int, kind: str, entry: Entry, *, data: Mapping[str, Any], items: Sequence[str]) -> list[Message]:
    """One message, or as many as the items need."""
    cut = [items[n : n + ITEMS_A_PART] for n in range(0, len(items), ITEMS_A_PART)] or [[]]
    return [
        message(
            tenant_id,
            kind,
            about=f"{data['event_id']}\x00{data.get('corrects', '')}\x00{n}",
            instant_us=entry.appended_us,
            data={**data, "items": list(some), "part": n + 1, "parts": len(cut), "items_count": len(items)},
        )
        for n, some in enumerate(cut)
    ]
