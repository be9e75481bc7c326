"""How far the delta of a case is: a checkpoint of its own, outside the log and the views.

Only who knows how it stands may move it: of two processes that lost sight of each other one begins an evaluation, and
the other goes on with the same one. Each with a vector of its own would tell the same numbers with other members.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import asyncpg

from services.database import tenant_transaction

_READ = """
SELECT generation, watched, swept, freeze_no, evaluation, vector, as_of_us, checked, seconds, xmin::text AS version
FROM public.case_deltas
WHERE tenant_id = $1 AND case_id = $2
"""
_WRITE = """
INSERT INTO public.case_deltas
    (tenant_id, case_id, generation, watched, swept, freeze_no, evaluation, vector, as_of_us, checked, seconds)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, case_id) DO UPDATE
SET generation = excluded.generation, watched = excluded.watched, swept = excluded.swept,
    freeze_no = excluded.freeze_no, evaluation = excluded.evaluation, vector = excluded.vector,
    as_of_us = excluded.as_of_us, checked = excluded.checked, seconds = excluded.seconds
WHERE case_deltas.xmin::text = $12
RETURNING xmin::text
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaState:
    """`evaluation`, as known at `vector` for the instant `as_of_us`, is begun where `vector` is not empty: one that was
    killed goes on with the same. A newer freeze begins another. `checked`: as known at which the set was last found
    to be as it should. `version`: of the row; empty where there is none.
    """

    generation: int
    watched: Sequence[str] = ()
    swept: Sequence[str] = ()
    freeze_no: int = 0
    evaluation: int = 0
    vector: str = ""
    as_of_us: int = 0
    checked: str = ""
    seconds: float = 0.0
    version: str = ""


class Overtaken(Exception):
    """Another process has moved the delta of this case on meanwhile."""


async def read_state(pool: asyncpg.Pool, tenant_id: int, case_id: str) -> DeltaState | None:
    async with tenant_transaction(pool, tenant_id) as connection:
        row = await connection.fetchrow(_READ, tenant_id, case_id)
    return DeltaState(**dict(row)) if row is not None else None


async def write_state(pool: asyncpg.Pool, tenant_id: int, *, case_id: str, state: DeltaState) -> DeltaState:
    """The state as it stands now. Raises Overtaken, with nothing changed, where it no longer is what it followed on."""
    async with tenant_transaction(pool, tenant_id, readonly=False, isolation="read_committed") as connection:
        version = await connection.fetchval(
            _WRITE,
            *(tenant_id, case_id, state.generation, list(state.watched), list(state.swept)),
            *(state.freeze_no, state.evaluation, state.vector, state.as_of_us, state.checked, state.seconds),
            state.version,
        )
    if version is None:
        raise Overtaken(case_id)
    return replace(state, version=version)
