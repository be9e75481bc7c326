"""Alerts: what happened to members of an approved recall although it must stop (docs/recall.md, 'Alerts').

Raised in the transaction that brings the event, and again by the cases service for the other orders of arrival: both
ask the same question, and the same alert raised twice is one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from domain.cases.acts import UnitsChanged
from domain.cases.sets import CERTAIN, POSSIBLE
from domain.events import CaseRecorded, LifecycleEvent
from domain.facts import Flow
from services.readmodel.rows import COLUMNS, Applied, Rows

MOVES = {Flow.SHIP: "shipped", Flow.SELL: "sold", Flow.INSTALL: "installed", Flow.CONSUME: "used"}
"""What an event must not do to what is held, by what it does to it. Coming back and being scrapped are no alerts."""
UNIT_ADDED = "unit_added"
UNIT_CERTAIN = "unit_certain"
"""What was only possibly affected is certainly so."""
ALERTS = (*MOVES.values(), UNIT_ADDED, UNIT_CERTAIN)

_NUMBERING = 0x7A68616C  # "zhal": the advisory lock under which a tenant's alerts get numbers in the order of commits


@dataclass(frozen=True, slots=True)
class Candidate:
    """An event, what it names, and the alert that would be."""

    event_no: int
    item_no: int
    alert: str


def moves(rows: Rows, touching: Iterable[int]) -> list[Candidate]:
    """What the events that touch a case do to items that must stop."""
    wanted = set(touching)
    at = {name: n for n, name in enumerate(COLUMNS["event_items"])}
    return [
        Candidate(row[1], row[at["item_no"]], MOVES[Flow(row[at["flow"]])])
        for row in rows.by_table["event_items"]
        if row[1] in wanted and row[at["flow"]] in MOVES
    ]


def joined(rows: Rows, fresh: Iterable[tuple[Applied, int]]) -> list[tuple[Candidate, str]]:
    """What came to a set after its freeze, or became certain in it: units a regulator counts, loose spares, and lots
    without serials. Each with its case.
    """
    if not rows.by_table.get("case_members"):
        return []
    surer = {(no, line) for applied, no in fresh for line in _became_certain(applied.envelope.event)}
    at = {name: n for n, name in enumerate(COLUMNS["case_members"])}
    return [
        (
            Candidate(row[1], row[at["item_no"]], UNIT_ADDED if row[at["change"]] == "added" else UNIT_CERTAIN),
            row[at["case_id"]],
        )
        for row in rows.by_table["case_members"]
        if row[at["change"]] == "added" or (row[at["change"]] == "changed" and (row[1], row[at["line"]]) in surer)
        if row[at["top"]] or row[at["loose_spare"]] or row[at["quantity"]] is not None
    ]


def _became_certain(event: LifecycleEvent) -> Iterator[int]:
    """Lines of the changed members that were only possible and are certain."""
    match event:
        case CaseRecorded(act=UnitsChanged(changed=changed)):
            for line, member in enumerate(changed or ()):
                if member.certainty == CERTAIN and member.was.certainty == POSSIBLE:
                    yield line
        case _:
            return


_HITS = """
-- members that are named, and containers that held members and are named
SELECT w.event_no, w.item_no, w.alert, c.case_id, c.tenant_id, false AS box
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS w(event_no, item_no, alert)
JOIN {schema}.case_members c ON c.item_no = w.item_no AND c.change <> 'withdrawn'
UNION
SELECT w.event_no, w.item_no, w.alert, x.case_id, x.tenant_id, true
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS w(event_no, item_no, alert)
JOIN {schema}.watched_items x ON x.item_no = w.item_no AND x.holds_members
"""
_STANDING = """
-- how these cases stand: the first copy of each numbered act, in order
SELECT DISTINCT ON (a.tenant_id, a.case_id, a.sequence) a.tenant_id, a.case_id, a.act, a.body ->> 'mode' AS mode,
    e.appended_us, e.latest_us
FROM {schema}.case_acts a JOIN {schema}.events e USING (event_no)
WHERE (a.tenant_id, a.case_id) IN (SELECT * FROM unnest($1::int[], $2::text[])) AND a.case_type = 'recall'
AND a.act IN ('opened', 'described', 'approved', 'closed', 'reopened')
ORDER BY a.tenant_id, a.case_id, a.sequence, e.appended_us, e.log_partition, e.log_offset
"""
_TIMES = "SELECT event_no, latest_us, appended_us FROM {schema}.events WHERE event_no = ANY($1)"
_STILL_IN = """
-- whether a member of the case was in the container then, at any depth: its last mark before put it there
WITH RECURSIVE boxes AS (
    SELECT $2::bigint AS box
    UNION
    SELECT m.item_no FROM boxes b
    JOIN {schema}.event_items p ON p.item_no = b.box AND p.role = 3
    JOIN {schema}.event_items m ON m.event_no = p.event_no AND m.role = 4
    JOIN {schema}.watched_items w ON w.item_no = m.item_no AND w.case_id = $1 AND w.holds_members
), packed AS (
    SELECT DISTINCT b.box, m.item_no FROM boxes b
    JOIN {schema}.event_items p ON p.item_no = b.box AND p.role = 3
    JOIN {schema}.event_items m ON m.event_no = p.event_no AND m.role = 4 AND m.action IN (1, 3)
    JOIN {schema}.case_members c ON c.item_no = m.item_no AND c.case_id = $1 AND c.change <> 'withdrawn'
)
SELECT EXISTS (
    SELECT FROM packed k
    CROSS JOIN LATERAL (
        SELECT e.parent_no, m.action, e.latest_us FROM {schema}.event_items m JOIN {schema}.events e USING (event_no)
        WHERE m.item_no = k.item_no AND m.role = 4 AND e.earliest_us <= $3
        ORDER BY e.latest_us DESC, m.action = 2, e.accepted_us DESC LIMIT 1
    ) AS last
    WHERE last.parent_no = k.box AND last.action <> 2
    AND NOT EXISTS (
        SELECT FROM {schema}.event_items t JOIN {schema}.events e USING (event_no)
        WHERE t.item_no = k.box AND t.role = 3 AND t.action = 4
        AND e.latest_us > last.latest_us AND e.latest_us < $3
    )
)
"""
_RAISE = """
INSERT INTO {schema}.case_alerts (tenant_id, event_no, case_id, item_no, alert, late, noticed_no, noticed_us)
SELECT $1, w.event_no, w.case_id, w.item_no, w.alert, w.late,
    row_number() OVER (ORDER BY w.event_no, w.case_id, w.item_no)
        + coalesce((SELECT max(noticed_no) FROM {schema}.case_alerts WHERE tenant_id = $1), 0),
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::boolean[])
    AS w(event_no, case_id, item_no, alert, late)
WHERE NOT EXISTS (
    SELECT FROM {schema}.case_alerts a
    WHERE a.event_no = w.event_no AND a.case_id = w.case_id AND a.item_no = w.item_no AND a.alert = w.alert
)
"""


@dataclass(frozen=True, slots=True)
class Approval:
    """When a live recall that is open was approved first: by the log's clock, and by who did it."""

    appended_us: int
    latest_us: int

    def told_us(self, skew_us: int) -> int:
        """What was appended later may have been told after the approval: other partitions have other clocks."""
        return self.appended_us - skew_us

    def concerns(self, latest_us: int, appended_us: int, *, skew_us: int) -> bool:
        """Whether an event must be told: it happened after, or it may have become known after."""
        return latest_us >= self.latest_us or appended_us > self.told_us(skew_us)


Raised = tuple[int, str, int, str, bool]
"""(event number, case, item number, alert, whether it happened before the approval and was told after)"""


Case = tuple[int, str]
"""(tenant, case)"""


async def approvals(connection: asyncpg.Connection, schema: str, cases: Iterable[Case]) -> dict[Case, Approval]:
    """Those of the cases that are live, approved and open."""
    found = await _live(connection, schema, cases)
    return {case: approval for case, approval in found.items() if approval is not None}


async def _live(connection: asyncpg.Connection, schema: str, cases: Iterable[Case]) -> dict[Case, Approval | None]:
    """Those of the cases that are live and open, and when they were approved, if they were."""
    wanted = sorted(set(cases))
    if not wanted:
        return {}
    rows = await connection.fetch(_STANDING.format(schema=schema), [t for t, _ in wanted], [c for _, c in wanted])
    acts: dict[Case, list[Any]] = {}
    for row in rows:
        acts.setdefault((row["tenant_id"], row["case_id"]), []).append(row)
    found: dict[Case, Approval | None] = {}
    for case, told in acts.items():
        approved = next((r for r in told if r["act"] == "approved"), None)
        mode = next((r["mode"] for r in reversed(told) if r["mode"] is not None), "draft")
        ends = next((r["act"] for r in reversed(told) if r["act"] in ("closed", "reopened")), None)
        if mode == "live" and ends != "closed":
            found[case] = Approval(approved["appended_us"], approved["latest_us"]) if approved is not None else None
    return found


async def raise_alerts(
    connection: asyncpg.Connection,
    schema: str,
    candidates: Sequence[Candidate],
    *,
    joined: Sequence[tuple[Candidate, str, int]] = (),
    skew_us: int = 0,
) -> None:
    """Raise what the candidates come to. `joined`: units that came to a case's set, each with case and tenant.

    `skew_us`: how far the append times of two partitions may be apart at one instant.
    """
    raised: dict[int, set[Raised]] = {}
    live = await _live(connection, schema, ((tenant_id, case_id) for _, case_id, tenant_id in joined))
    for one, case_id, tenant_id in (j for j in joined if (j[2], j[1]) in live):
        raised.setdefault(tenant_id, set()).add((one.event_no, case_id, one.item_no, one.alert, False))
    if candidates:
        await _judge(connection, schema, candidates, raised=raised, skew_us=skew_us)
    for tenant_id, rows in sorted(raised.items()):
        await connection.execute("SELECT pg_advisory_xact_lock($1, $2)", _NUMBERING, tenant_id)
        columns = [list(column) for column in zip(*sorted(rows), strict=True)]
        await connection.execute(_RAISE.format(schema=schema), tenant_id, *columns)


async def _judge(
    connection: asyncpg.Connection,
    schema: str,
    candidates: Sequence[Candidate],
    *,
    raised: dict[int, set[Raised]],
    skew_us: int,
) -> None:
    named = [(c.event_no, c.item_no, c.alert) for c in candidates]
    hits = await connection.fetch(_HITS.format(schema=schema), *map(list, zip(*named, strict=True)))
    approved = await approvals(connection, schema, ((h["tenant_id"], h["case_id"]) for h in hits))
    there = [h for h in hits if (h["tenant_id"], h["case_id"]) in approved]
    if not there:
        return
    rows = await connection.fetch(_TIMES.format(schema=schema), sorted({h["event_no"] for h in there}))
    times = {r["event_no"]: (r["latest_us"], r["appended_us"]) for r in rows}
    members = {(h["event_no"], h["item_no"], h["case_id"]) for h in there if not h["box"]}
    for hit in there:
        event_no, item_no, case_id = hit["event_no"], hit["item_no"], hit["case_id"]
        approval = approved[(hit["tenant_id"], case_id)]
        latest_us, appended_us = times[event_no]
        if not approval.concerns(latest_us, appended_us, skew_us=skew_us):
            continue
        if hit["box"] and (event_no, item_no, case_id) not in members:
            still_in = _STILL_IN.format(schema=schema)
            if not await connection.fetchval(still_in, case_id, item_no, latest_us):
                continue
        late = latest_us < approval.latest_us
        raised.setdefault(hit["tenant_id"], set()).add((event_no, case_id, item_no, hit["alert"], late))
