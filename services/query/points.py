"""The point in time of a report: all of it is as known there, so that the same point gives the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import asyncpg

from domain.moments import iso
from domain.positions import vector_token
from services.problems import Problem
from services.query.snapshot import Asked

_NEWEST = """
SELECT max(last.appended_us) FROM unnest($2::int[], $3::bigint[]) AS v(part, known) CROSS JOIN LATERAL (
    SELECT e.appended_us FROM views.events e
    WHERE e.tenant_id = $1 AND e.log_partition = v.part AND e.log_offset <= v.known
    ORDER BY e.appended_us DESC LIMIT 1
) AS last
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A vector, and when the newest of the tenant's records in it was recorded: the report's `now`."""

    vector: Mapping[int, int]
    recorded_us: int
    incomplete: tuple[str, ...] = ()
    """why something below the vector may not be in it: `parked`, records that could not be applied"""

    @property
    def position(self) -> str:
        return vector_token(self.vector)

    @property
    def notes(self) -> dict[str, str]:
        """What a report must say of its point."""
        return {"incomplete_because": ", ".join(self.incomplete)} if self.incomplete else {}

    @property
    def recorded_at(self) -> str | None:
        return iso(self.recorded_us) if self.recorded_us else None


async def newest_us(connection: asyncpg.Connection, tenant_id: int, vector: Mapping[int, int]) -> int:
    """When the newest of the tenant's records in a vector was recorded; 0: there are none."""
    return await connection.fetchval(_NEWEST, tenant_id, list(vector), list(vector.values())) or 0


async def pinned(asked: Asked) -> tuple[Asked, Point]:
    """The snapshot held at the vector it was asked for, else at what is applied now.

    Raises Problem 503 for a vector that is not applied yet: what comes later would change the report.
    """
    vector = dict(asked.fresh.vector if asked.vector is None else asked.vector)
    if any(offset > asked.fresh.vector.get(partition, -1) for partition, offset in vector.items()):
        detail = "the views have not been applied up to that position yet: ask again in a moment"
        raise Problem(503, "as-of-not-settled", detail, headers={"Retry-After": "1"})
    recorded_us = await newest_us(asked.connection, asked.tenant_id, vector)
    # All of it is applied: how far the views are behind the log makes no other report.
    fresh = replace(asked.fresh, now_us=recorded_us, behind=0, seconds=0.0)
    return replace(asked, vector=vector, fresh=fresh), Point(vector, recorded_us, tuple(fresh.codes))
