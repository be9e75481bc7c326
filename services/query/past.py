"""`as_of`: what a position or a time means as a vector (SEMANTICS §2 'as known at').

A time is resolved once, when no record of that time can come any more, and what was found is kept: the same question
has the same answer for ever, also after a rebuild.
"""

import re

import asyncpg

from domain.moments import iso
from services.database import tenant_transaction
from services.problems import Problem
from services.query.asking import instant, vector_of

_TIME = re.compile(r"\d{4}-\d\d-\d\d")
# Append times never run backwards within a partition: one later record applied, or all of it at a later look, and
# everything up to that time is applied.
_UNSETTLED = """
SELECT count(*) = 0 OR NOT bool_and(
    coalesce(applied_us, 0) > $1 OR (applied_offset >= log_end - 1 AND measured_us > $1)
)
FROM views.checkpoints
"""
_AHEAD = """
-- a partition whose first record after that time is stamped later than it is now: a clock was ahead, and what was
-- appended since bears that stamp, too, and may be of before that time
SELECT c.log_partition, later.appended_us FROM views.checkpoints c CROSS JOIN LATERAL (
    SELECT e.appended_us FROM views.events e WHERE e.log_partition = c.log_partition AND e.appended_us > $1
    ORDER BY e.appended_us LIMIT 1
) AS later
WHERE later.appended_us > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $2
ORDER BY later.appended_us DESC LIMIT 1
"""
_STORED = "SELECT vector FROM public.as_of_times WHERE tenant_id = $1 AND instant_us = $2"
_RESOLVE = """
INSERT INTO public.as_of_times (tenant_id, instant_us, vector)
SELECT $1, $2, coalesce(jsonb_object_agg(c.log_partition::text, last.log_offset), '{}')
FROM views.checkpoints c CROSS JOIN LATERAL (
    SELECT e.log_offset FROM views.events e WHERE e.log_partition = c.log_partition AND e.appended_us <= $2
    ORDER BY e.appended_us DESC, e.log_offset DESC LIMIT 1
) AS last
ON CONFLICT DO NOTHING
"""


async def as_of(pool: asyncpg.Pool, tenant_id: int, text: str | None, *, skew_seconds: float) -> dict[int, int] | None:
    """The vector that `as_of` names; None where it is left out. A partition that is not in it is not known of.

    Raises Problem 422 for what is neither a position nor a time, 503 for a time that is not settled yet.
    """
    if text is None:
        return None
    if _TIME.match(text):
        return await _vector_at(pool, tenant_id, instant(text, "as_of") or 0, skew_us=int(skew_seconds * 1_000_000))
    return vector_of(text, "as_of")


async def _vector_at(pool: asyncpg.Pool, tenant_id: int, at_us: int, *, skew_us: int) -> dict[int, int]:
    async with tenant_transaction(pool, tenant_id, readonly=False, isolation="read_committed") as connection:
        stored = await connection.fetchval(_STORED, tenant_id, at_us)
        if stored is None:
            if await connection.fetchval(_UNSETTLED, at_us + skew_us):
                detail = "the views have not been applied past that time yet: ask again in a moment"
                raise Problem(503, "as-of-not-settled", detail, headers={"Retry-After": "1"})
            if ahead := await connection.fetchrow(_AHEAD, at_us, skew_us):
                detail = (
                    f"partition {ahead['log_partition']} of the log has records stamped {iso(ahead['appended_us'])}, "
                    "later than it is now: until then ask as_of a position, as answers give it"
                )
                raise Problem(503, "as-of-not-settled", detail, headers={"Retry-After": "60"})
            await connection.execute(_RESOLVE, tenant_id, at_us)
            stored = await connection.fetchval(_STORED, tenant_id, at_us)  # another may have been first
    return {int(partition): offset for partition, offset in stored.items()}
