"""The acts of cases, read from the views."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from domain.cases.record import Recorded
from services.codec import ACT
from services.problems import Problem

_ACTS = """
SELECT a.case_id, a.case_type, a.sequence, a.actor, a.key_id, a.reason, a.body, k.event_id, e.occurred_at,
       e.appended_us, e.log_partition, e.log_offset
FROM views.case_acts a JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
WHERE a.tenant_id = $1 AND a.case_id = ANY($2) AND a.act <> ALL($3)
"""
_JOBS = """
SELECT job, state, code, detail, attempts, next_at FROM public.case_jobs
WHERE tenant_id = $1 AND case_id = $2 ORDER BY job
"""
LISTING = ("set_frozen", "units_changed")
"""Acts of which a case has hundreds: what they list is read where it is asked for."""


async def acts_of(
    connection: asyncpg.Connection,
    tenant_id: int,
    case_ids: Sequence[str],
    *,
    vector: Mapping[int, int] | None = None,
) -> dict[str, list[Recorded]]:
    """The acts of each case as known at `vector` (None: all that is applied), without those that only list members.

    A case of which nothing is known is not in it.
    """
    found: dict[str, list[Recorded]] = {}
    for row in await connection.fetch(_ACTS, tenant_id, list(case_ids), list(LISTING)):
        if vector is None or row["log_offset"] <= vector.get(row["log_partition"], -1):
            found.setdefault(row["case_id"], []).append(_recorded(row))
    return found


async def jobs_of(connection: asyncpg.Connection, tenant_id: int, case_id: str) -> list[dict[str, Any]]:
    """How the jobs of a case stand; those that never had anything to do are not listed."""
    rows = await connection.fetch(_JOBS, tenant_id, case_id)
    return [dict(r) | {"next_at": r["next_at"].isoformat() if r["next_at"] is not None else None} for r in rows]


def _recorded(row: Mapping[str, Any]) -> Recorded:
    return Recorded(
        case_id=row["case_id"],
        case_type=row["case_type"],
        event_id=row["event_id"],
        act=ACT.validate_python(row["body"]),
        actor=row["actor"],
        occurred_at=row["occurred_at"],
        place=(row["appended_us"], row["log_partition"], row["log_offset"]),
        sequence=row["sequence"],
        key_id=row["key_id"],
        reason=row["reason"],
    )


def refuse_limited(sites: frozenset[str] | None) -> None:
    """A case belongs to no site. Raises Problem 403 for a key that is limited to some."""
    if sites is not None:
        detail = (
            "a case belongs to no site: this key is limited to some, and is told of its own items alone: GET"
            " /v1/recalls/{id}/at-sites, GET /v1/holds; for the rest ask for a key that is not limited"
        )
        raise Problem(403, "site-scope", detail)
