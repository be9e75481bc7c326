"""Queues what is to be told and calls receivers: at least once each, with patience, none in another's way.

Several processes may run it. Queueing goes through the webhook's own row; a delivery is claimed for the time one call
may take, so that a process that is killed in the middle only delays it.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog

from domain.moments import to_us
from domain.ports import Clock
from services.database import UNREACHABLE, tenant_transaction
from services.webhooks.messages import Message, Seen, message, messages_after
from services.webhooks.seals import Seals, SecretUnreadable
from services.webhooks.sending import Answer, Call, Sender

log_to = structlog.get_logger("webhooks")

LOOKS_A_ROUND = 20
"""Stretches of the feed queued for a webhook before others get their turn."""
CALLS_AT_ONCE = 4
"""Calls to one receiver at a time; a receiver that fails gets one, to see whether it is back."""
GONE = 410
"""The receiver says that it never wants to be called again (Standard Webhooks)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How calls are repeated: seconds before the second attempt, doubled each time up to the longest pause."""

    first_seconds: float = 5.0
    longest_seconds: float = 6 * 3600.0
    attempts_max: int = 12
    disable_after_seconds: float = 5 * 86_400.0
    keep_seconds: float = 30 * 86_400.0

    @property
    def longest(self) -> timedelta:
        """No pause is longer."""
        return timedelta(seconds=1.5 * self.longest_seconds)

    def pause(self, attempts: int, answer: Answer, chance: random.Random) -> timedelta:
        """After so many attempts; with jitter, so that what failed together does not return together."""
        doubled = self.first_seconds * 2.0 ** min(attempts - 1, 40)
        jittered = min(doubled, self.longest_seconds) * (0.5 + chance.random())
        return timedelta(seconds=max(jittered, min(answer.wait_seconds or 0.0, self.longest_seconds)))


_ACTIVE = """
SELECT tenant_id, webhook_id FROM public.webhooks WHERE disabled_at IS NULL ORDER BY tenant_id, webhook_id
"""
_LOCK = """
SELECT seen, event_types, created_at, secret FROM public.webhooks
WHERE tenant_id = $1 AND webhook_id = $2 AND disabled_at IS NULL FOR UPDATE SKIP LOCKED
"""
_QUEUE = """
-- $7: what was told before is asked for again; else the same message is told once
INSERT INTO public.webhook_deliveries (tenant_id, webhook_id, message_id, type, body, queued_at, due_at)
SELECT $1, $2, w.message_id, w.type, w.body, $3, $3 FROM unnest($4::text[], $5::text[], $6::bytea[])
    AS w(message_id, type, body)
ON CONFLICT (tenant_id, webhook_id, message_id) DO UPDATE
SET state = 'pending', attempts = 0, queued_at = excluded.queued_at, due_at = excluded.due_at,
    settled_at = NULL WHERE $7
"""
_SEALED = "UPDATE public.webhooks SET secret = $3 WHERE tenant_id = $1 AND webhook_id = $2"
_SEEN = "UPDATE public.webhooks SET seen = $3 WHERE tenant_id = $1 AND webhook_id = $2"
_CLAIM = """
WITH due AS (
    SELECT d.message_id FROM public.webhook_deliveries d
    WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.state = 'pending' AND d.due_at <= $3
    ORDER BY d.due_at, d.message_id LIMIT $4 FOR UPDATE SKIP LOCKED
)
UPDATE public.webhook_deliveries d SET due_at = $5 FROM due, public.webhooks w
WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.message_id = due.message_id
AND w.tenant_id = $1 AND w.webhook_id = $2 AND w.disabled_at IS NULL
RETURNING d.message_id, d.body, d.attempts, w.url, w.secret
"""
_PULL_IN = """
-- what would wait longer than any pause lasts ($5; before the first call, $4): the clock was put back since
UPDATE public.webhook_deliveries SET due_at = $3
WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'pending'
AND due_at > $3::timestamptz + CASE WHEN attempts = 0 THEN $4::interval ELSE $5::interval END
"""
_FAILING = "SELECT failing_since FROM public.webhooks WHERE tenant_id = $1 AND webhook_id = $2 AND disabled_at IS NULL"
_SETTLE = """
UPDATE public.webhook_deliveries SET state = $4, attempts = attempts + 1, due_at = $5, last_status = $6,
    last_error = $7, settled_at = CASE WHEN $4 <> 'pending' THEN $8::timestamptz END
WHERE tenant_id = $1 AND webhook_id = $2 AND message_id = $3
"""
_WELL = """
UPDATE public.webhooks SET failing_since = NULL, delivered_at = $3 WHERE tenant_id = $1 AND webhook_id = $2
"""
_ILL = """
UPDATE public.webhooks SET failing_since = coalesce(failing_since, $3) WHERE tenant_id = $1 AND webhook_id = $2
RETURNING failing_since
"""
_DISABLE = """
UPDATE public.webhooks SET disabled_at = $3, disabled_because = $4
WHERE tenant_id = $1 AND webhook_id = $2 AND disabled_at IS NULL RETURNING url
"""
_OTHERS = """
SELECT webhook_id FROM public.webhooks WHERE tenant_id = $1 AND webhook_id <> $2 AND disabled_at IS NULL
AND (event_types IS NULL OR $3 = ANY(event_types))
"""
_FORGET = """
DELETE FROM public.webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'delivered' AND settled_at < $3
"""


class Dispatcher:
    """`api` serves one tenant's rows at a time; `views` (the projector's role) only lists whose webhooks there are."""

    def __init__(
        self,
        *,
        api: asyncpg.Pool,
        views: asyncpg.Pool,
        sender: Sender,
        clock: Clock,
        chance: random.Random,
        patience: Patience | None = None,
        call_seconds: float = 15.0,
        seals: Seals | None = None,
    ) -> None:
        self._seals = seals or Seals()
        self._api, self._views, self._sender, self._clock, self._chance = api, views, sender, clock, chance
        self._patience = patience or Patience()
        self._claim = timedelta(seconds=2 * call_seconds)
        self._working: dict[tuple[int, str], asyncio.Task[int]] = {}
        self._called: dict[tuple[int, str], datetime] = {}
        """when what is due was looked for last, by the clock as it was then"""

    async def run(self, stop: asyncio.Event, *, every_seconds: float = 0.5) -> None:
        """Until told to stop. A receiver that is slow keeps only itself waiting."""
        while not stop.is_set():
            try:
                await self._start_all()
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                log_to.warning("webhooks_wait", reason=f"{type(error).__name__}: {error}".partition("\n")[0])
            try:
                await asyncio.wait_for(stop.wait(), every_seconds)
            except TimeoutError:
                continue
        working = list(self._working.values())
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    async def round(self) -> int:
        """Everything that is due now, once; how many calls were made."""
        found = await self._views.fetch(_ACTIVE)
        return sum(await asyncio.gather(*(self._serve(r[0], r[1]) for r in found)))

    async def _start_all(self) -> None:
        for key in [k for k, task in self._working.items() if task.done()]:
            task = self._working.pop(key)
            if not task.cancelled() and (error := task.exception()) is not None:
                log_to.error("webhook_failed", webhook=key[1], reason=str(error).partition("\n")[0], exc_info=error)
        for tenant_id, webhook_id in await self._views.fetch(_ACTIVE):
            if (tenant_id, webhook_id) not in self._working:
                work = self._serve(tenant_id, webhook_id)
                self._working[(tenant_id, webhook_id)] = asyncio.create_task(work, name=f"webhook {webhook_id}")

    async def _serve(self, tenant_id: int, webhook_id: str) -> int:
        for _ in range(LOOKS_A_ROUND):
            if not await self._queue(tenant_id, webhook_id):
                break
        return await self._call(tenant_id, webhook_id)

    async def _queue(self, tenant_id: int, webhook_id: str) -> bool:
        """Queue one stretch of the feed, and note that, in one transaction; whether there is more."""
        now = self._clock.now()
        async with self._transaction(tenant_id) as connection:
            row = await connection.fetchrow(_LOCK, tenant_id, webhook_id)
            if row is None:
                return False
            await self._seal(connection, tenant_id, webhook_id, kept=row["secret"])
            before = Seen.of(row["seen"])
            found, seen, more = await messages_after(connection, tenant_id, before)
            wanted = [m for m in found if row["event_types"] is None or m.type in row["event_types"]]
            await _enqueue(connection, tenant_id, webhook_id=webhook_id, messages=wanted, now=now, again=before.again)
            if seen != before:
                await connection.execute(_SEEN, tenant_id, webhook_id, seen.document())
            if not more:
                await connection.execute(
                    _FORGET, tenant_id, webhook_id, now - timedelta(seconds=self._patience.keep_seconds)
                )
        return more

    async def _seal(self, connection: asyncpg.Connection, tenant_id: int, webhook_id: str, *, kept: bytes) -> None:
        """Keep the secret by the newest key. One that no key opens stays as it is: its calls fail and say so."""
        with contextlib.suppress(SecretUnreadable):
            sealed = self._seals.sealed_anew(kept)
            if sealed is not None:
                await connection.execute(_SEALED, tenant_id, webhook_id, sealed)

    async def _call(self, tenant_id: int, webhook_id: str) -> int:
        now = self._clock.now()
        async with self._transaction(tenant_id) as connection:
            if now < self._called.get((tenant_id, webhook_id), now + self._claim):
                await connection.execute(
                    _PULL_IN, tenant_id, webhook_id, now, 2 * self._claim, self._patience.longest + self._claim
                )
            self._called[(tenant_id, webhook_id)] = now
            failing = await connection.fetchval(_FAILING, tenant_id, webhook_id)
            count = CALLS_AT_ONCE if failing is None else 1
            claimed = await connection.fetch(_CLAIM, tenant_id, webhook_id, now, count, now + self._claim)
        calls = [self._deliver(tenant_id, webhook_id, row=row) for row in claimed]
        await asyncio.gather(*calls)
        return len(calls)

    async def _deliver(self, tenant_id: int, webhook_id: str, *, row: asyncpg.Record) -> None:
        try:
            call = Call(row["url"], self._seals.open(row["secret"]), row["message_id"], row["body"])
            answer = await self._sender.send(call, self._clock.now())
        except SecretUnreadable as error:
            answer = Answer(None, f"secret-unreadable: {error}")
        now = self._clock.now()
        attempts = row["attempts"] + 1
        state, due_at = "pending", now + self._patience.pause(attempts, answer, self._chance)
        if answer.delivered or attempts >= self._patience.attempts_max:
            state, due_at = ("delivered" if answer.delivered else "dead"), now
        async with self._transaction(tenant_id) as connection:
            settled = (state, due_at, answer.status, answer.error, now)
            await connection.execute(_SETTLE, tenant_id, webhook_id, row["message_id"], *settled)
            if answer.delivered:
                await connection.execute(_WELL, tenant_id, webhook_id, now)
                return
            since = await connection.fetchval(_ILL, tenant_id, webhook_id, now)
            why = self._given_up(answer, since, now)
            if why is not None:
                await self._disable(connection, tenant_id, webhook_id=webhook_id, why=why)
        tell = log_to.error if state == "dead" else log_to.warning
        tell(
            "webhook_not_delivered", webhook=webhook_id, message=row["message_id"], attempts=attempts, why=answer.error
        )

    def _given_up(self, answer: Answer, since: datetime | None, now: datetime) -> str | None:
        if answer.status == GONE:
            return "the receiver answered 410 Gone: it does not want to be called"
        over = timedelta(seconds=self._patience.disable_after_seconds)
        if since is None or now - since < over:
            return None
        return f"every call since {since.isoformat()} failed, the last one because: {answer.error}"

    async def _disable(self, connection: asyncpg.Connection, tenant_id: int, *, webhook_id: str, why: str) -> None:
        """Call it no more until somebody enables it; tell the tenant's other receivers, and the log of this service."""
        now = self._clock.now()
        url = await connection.fetchval(_DISABLE, tenant_id, webhook_id, now, why)
        if url is None:
            return
        kind, about = "webhook.disabled", f"{webhook_id}\x00{now.isoformat()}"
        data = {"webhook_id": webhook_id, "url": url, "because": why}
        told = message(tenant_id, kind, about=about, instant_us=to_us(now), data=data)
        for other in await connection.fetch(_OTHERS, tenant_id, webhook_id, kind):
            await _enqueue(connection, tenant_id, webhook_id=other[0], messages=[told], now=now)
        log_to.error("webhook_disabled", webhook=webhook_id, because=why)

    def _transaction(self, tenant_id: int) -> Any:
        return tenant_transaction(self._api, tenant_id, readonly=False, isolation="read_committed")


async def _enqueue(
    connection: asyncpg.Connection,
    tenant_id: int,
    *,
    webhook_id: str,
    messages: Sequence[Message],
    now: datetime,
    again: bool = False,
) -> None:
    if messages:
        unique = {m.message_id: m for m in messages}.values()
        columns = ([m.message_id for m in unique], [m.type for m in unique], [m.body for m in unique])
        await connection.execute(_QUEUE, tenant_id, webhook_id, now, *columns, again)
