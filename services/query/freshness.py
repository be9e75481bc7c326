"""How fresh an answer is: applied vector, lag, and waiting for one's own writes (SEMANTICS §6)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from domain.moments import iso
from domain.positions import vector_token
from services.database import QUICK_SECONDS, fetch_alone
from services.problems import Problem

_CHECKPOINTS = "SELECT log_partition, applied_offset, applied_us, log_end, measured_us FROM views.checkpoints"
_FRESH = "SELECT * FROM public.zhuisu_freshness($1)"
"""What is applied, the clock, and how many dead letters of the tenant wait: one row at least (migration 0027).

From here on the transaction is the tenant's, also one that has no statement but this.
"""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is applied, and how far behind the log that is. `behind` None: the projector gives no sign."""

    vector: Mapping[int, int]
    applied_us: int | None
    behind: int | None
    seconds: float
    measured_us: int | None
    now_us: int
    """the database's clock, or the newest append where that is later: what is in the log is not yet to come"""
    parked: int
    generation: int | None
    """the tables that say so: a rebuild of the views puts others in their place; None: nothing is applied"""

    @property
    def codes(self) -> list[str]:
        """Why an answer may be incomplete: `stale`, `lag`, `parked`."""
        found = ["stale"] if self.behind is None else ["lag"] if self.behind else []
        return found + (["parked"] if self.parked else [])

    def lag(self) -> dict[str, Any]:
        measured = iso(self.measured_us) if self.measured_us is not None else None
        return {"events": self.behind, "seconds": round(self.seconds, 3), "measured_at": measured}

    def as_of(self, vector: Mapping[int, int] | None) -> dict[str, Any]:
        recorded = iso(self.applied_us) if self.applied_us is not None else None
        return {"position": vector_token(self.vector if vector is None else vector), "recorded_at": recorded}


async def freshness(connection: asyncpg.Connection, *, stale_after_seconds: float) -> Freshness:
    """The state of the views in this snapshot, for the tenant whose transaction it is, if any."""
    return _told(await connection.fetch(_FRESH, None), stale_after_seconds)


async def freshness_at_once(pool: asyncpg.Pool, tenant_id: int, *, stale_after_seconds: float) -> Freshness:
    """The same in a snapshot of its own, for a tenant."""
    return _told(await fetch_alone(pool, _FRESH, tenant_id), stale_after_seconds)


def _told(told: Sequence[asyncpg.Record], stale_after_seconds: float) -> Freshness:
    clock_us, parked = told[0]["now_us"], told[0]["parked"]
    rows = [r for r in told if r["log_partition"] is not None]
    measured = min((r["measured_us"] for r in rows), default=0) or None  # 0: taken back (projector/continuity.py)
    # Either way: a heartbeat of a clock that was put back since says nothing of how old it is.
    silent = measured is None or abs(clock_us - measured) > stale_after_seconds * 1_000_000
    behind = sum(max(0, r["log_end"] - 1 - r["applied_offset"]) for r in rows)
    seconds = max(0, clock_us - measured) / 1_000_000 if silent and measured is not None else 0.0
    applied_us = max((r["applied_us"] for r in rows if r["applied_us"] is not None), default=None)
    return Freshness(
        vector={r["log_partition"]: r["applied_offset"] for r in rows},
        applied_us=applied_us,
        behind=None if silent else behind,
        seconds=seconds,
        measured_us=measured,
        now_us=max(clock_us, applied_us or 0),
        parked=parked,
        generation=told[0]["generation"],
    )


async def applied_vector(connection: asyncpg.Connection) -> dict[int, int]:
    """What is applied of each partition."""
    return {r["log_partition"]: r["applied_offset"] for r in await connection.fetch(_CHECKPOINTS)}


async def wait_for(pool: asyncpg.Pool, wanted: Mapping[int, int], *, deadline_seconds: float) -> None:
    """Until everything at or below the vector is in the views. Raises Problem 504 when that takes too long.

    And one of UNREACHABLE while the database is away.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline_seconds
    while True:
        async with asyncio.timeout(QUICK_SECONDS):
            applied = await applied_vector(pool)
        if all(applied.get(p, -1) >= o for p, o in wanted.items()):
            return
        if loop.time() >= until:
            detail = f"the views have {vector_token(applied)} so far: ask again, or without wait_for"
            raise Problem(504, "not-yet-applied", detail, headers={"Retry-After": "2"})
        await asyncio.sleep(0.02)
