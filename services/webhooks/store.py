"""Webhooks as a tenant's own rows: made, shown, enabled, replayed, deleted."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.access import Caller
from services.database import tenant_transaction
from services.problems import Problem
from services.readmodel.feed import vector_before
from services.webhooks.messages import seen_now
from services.webhooks.seals import Seals

SECRET_BYTES = 32
WEBHOOKS_MAX = 50
"""Webhooks of one tenant: each is told everything, one call a message."""

_COLUMNS = (
    "webhook_id, url, event_types, description, created_at, created_by, failing_since, delivered_at, disabled_at, "
    "disabled_because"
)
_COUNT = "SELECT count(*) FROM public.webhooks WHERE tenant_id = $1"
_INSERT = f"""
INSERT INTO public.webhooks (tenant_id, webhook_id, url, event_types, description, secret, created_at, created_by, seen)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING {_COLUMNS}
"""
_LIST = f"""
SELECT {_COLUMNS},
    (SELECT count(*) FROM public.webhook_deliveries d
     WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.webhook_id AND state = 'pending') AS pending,
    (SELECT count(*) FROM public.webhook_deliveries d
     WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.webhook_id AND state = 'dead') AS dead
FROM public.webhooks w WHERE tenant_id = $1 ORDER BY created_at, webhook_id
"""
_DELETE = "DELETE FROM public.webhooks WHERE tenant_id = $1 AND webhook_id = $2 RETURNING webhook_id"
_DELIVERIES = """
SELECT message_id, type, state, attempts, queued_at, due_at, last_status, last_error, settled_at
FROM public.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND ($3::text IS NULL OR state = $3)
ORDER BY queued_at DESC, message_id LIMIT $4
"""
_EXISTS = "SELECT 1 FROM public.webhooks WHERE tenant_id = $1 AND webhook_id = $2"
_REPLAY = """
UPDATE public.webhooks SET seen = $3, disabled_at = NULL, disabled_because = NULL, failing_since = NULL
WHERE tenant_id = $1 AND webhook_id = $2
"""
_ENABLE = f"""
UPDATE public.webhooks SET disabled_at = NULL, disabled_because = NULL, failing_since = NULL
WHERE tenant_id = $1 AND webhook_id = $2 RETURNING {_COLUMNS}
"""
_RETRY_NOW = """
UPDATE public.webhook_deliveries SET due_at = $3
WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'pending'
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A webhook as it is asked for. `event_types` None: all. `from_now`: what was before is not told."""

    url: str
    event_types: Sequence[str] | None
    description: str | None


class Webhooks:
    """The webhooks of a database, for callers who may see them."""

    def __init__(self, pool: asyncpg.Pool, seals: Seals | None = None) -> None:
        self._pool, self._seals = pool, seals or Seals()

    async def create(self, caller: Caller, wanted: Wanted, *, now: datetime) -> tuple[asyncpg.Record, bytes]:
        """The webhook and its secret. It is told what comes after the views as they are now."""
        secret, name = secrets.token_bytes(SECRET_BYTES), f"wh_{secrets.token_hex(10)}"
        types = list(wanted.event_types) if wanted.event_types is not None else None
        async with self._transaction(caller.tenant_id) as connection:
            if await connection.fetchval(_COUNT, caller.tenant_id) >= WEBHOOKS_MAX:
                raise Problem(422, "too-many-webhooks", f"there are {WEBHOOKS_MAX}: delete one that nobody needs")
            end = await _end(connection)
            here = await seen_now(connection, caller.tenant_id, after=end, again=False)
            row = await connection.fetchrow(
                _INSERT,
                *(caller.tenant_id, name, wanted.url, types, wanted.description, self._seals.seal(secret)),
                *(now, caller.key_id, here.document()),
            )
        return row, secret

    async def all(self, tenant_id: int) -> list[asyncpg.Record]:
        async with tenant_transaction(self._pool, tenant_id) as connection:
            return list(await connection.fetch(_LIST, tenant_id))

    async def delete(self, tenant_id: int, webhook_id: str) -> bool:
        async with self._transaction(tenant_id) as connection:
            return await connection.fetchval(_DELETE, tenant_id, webhook_id) is not None

    async def deliveries(
        self, tenant_id: int, webhook_id: str, *, state: str | None, limit: int
    ) -> list[asyncpg.Record] | None:
        """The newest deliveries first; None where there is no such webhook."""
        async with tenant_transaction(self._pool, tenant_id) as connection:
            if await connection.fetchval(_EXISTS, tenant_id, webhook_id) is None:
                return None
            return list(await connection.fetch(_DELIVERIES, tenant_id, webhook_id, state, limit))

    async def replay(self, tenant_id: int, webhook_id: str, *, since: Mapping[int, int] | int) -> bool:
        """Tell everything after `since` (a vector, or microseconds) again. False where there is no such webhook."""
        async with self._transaction(tenant_id) as connection:
            after = since if isinstance(since, Mapping) else await vector_before(connection, tenant_id, since)
            here = await seen_now(connection, tenant_id, after=after, again=True)
            return bool(await connection.execute(_REPLAY, tenant_id, webhook_id, here.document()) != "UPDATE 0")

    async def enable(self, tenant_id: int, webhook_id: str, *, now: datetime) -> asyncpg.Record | None:
        """Call it again, with what waited; None where there is no such webhook."""
        async with self._transaction(tenant_id) as connection:
            row = await connection.fetchrow(_ENABLE, tenant_id, webhook_id)
            await connection.execute(_RETRY_NOW, tenant_id, webhook_id, now)
            return row

    def _transaction(self, tenant_id: int) -> Any:
        return tenant_transaction(self._pool, tenant_id, readonly=False, isolation="read_committed")


async def _end(connection: asyncpg.Connection) -> dict[int, int]:
    """Where a follower stands who has heard everything."""
    found = await connection.fetch("SELECT log_partition, applied_offset FROM views.checkpoints")
    return {r[0]: r[1] for r in found if r[1] >= 0}
