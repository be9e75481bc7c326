"""The snapshot that one question sees: its connection, what is known in it, and as of when."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from fastapi import Request

from domain.ids import ItemId
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.database import UNREACHABLE, tenant_transaction
from services.problems import Problem
from services.query.asking import instant, item_asked, vector_of
from services.query.freshness import Freshness, freshness, wait_for
from services.query.graph.keeper import Graphs
from services.query.own_places import own_places, scope_secret
from services.query.past import as_of
from services.query.record import SqlRecord
from services.query.scope import Scope
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's snapshot. `vector` None: everything that is applied is known."""

    connection: asyncpg.Connection
    tenant_id: int
    fresh: Freshness
    vector: dict[int, int] | None
    scope: Scope | None = None
    """What the caller may see; None: everything of the tenant."""

    async def item(self, text: str) -> ItemId:
        """The canonical id of an item that is known, and theirs. Raises Problem 404, the same for both."""
        return await item_asked(self.connection, self.tenant_id, text, scope=self.scope)

    def record(self) -> SqlRecord:
        """A record that has found nothing yet."""
        return SqlRecord(self.connection, self.tenant_id, vector=self.vector)

    async def stay(self) -> None:
        """Ask for nothing: the database ends a transaction in which nothing was asked for a minute."""
        await self.connection.execute("SELECT 1")

    def knows(self, partition: int, offset: int) -> bool:
        """Whether what lies at this place in the log is known as of then."""
        return self.vector is None or offset <= self.vector.get(partition, -1)

    def at_us(self, request: Request) -> int:
        """The instant `at` asks about; now where it is left out."""
        at_us = instant(request.query_params.get("at"), "at")
        return self.fresh.now_us if at_us is None else at_us

    def frame(self, incomplete: list[str]) -> dict[str, Any]:
        """What every answer says of itself (DESIGN §7). Who sees some sites only is never told that it is all."""
        codes = [*self.fresh.codes, *incomplete, *(["scope"] if self.scope is not None else [])]
        return {
            "as_of": self.fresh.as_of(self.vector),
            "lag": self.fresh.lag(),
            "complete": not codes,
            "incomplete_because": codes,
        }


class Questions:
    """Opens snapshots for callers who may read."""

    def __init__(self, *, pool: asyncpg.Pool, keys: Keys, settings: Settings, graphs: Graphs) -> None:
        self.pool, self.settings, self.graphs = pool, settings, graphs
        self.reader: Callable[[Request], Awaitable[Caller]] = caller_with(Role.READ, keys)

    @asynccontextmanager
    async def ask(
        self,
        caller: Caller,
        request: Request | None,
        *,
        pinned: tuple[Mapping[int, int], int] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Asked]:
        """A snapshot of the views for the caller, after what `wait_for` names. 503 while the database is away.

        `pinned`: the vector and the instant of an earlier page, in place of what is known now. `given`: the parameters
        where they come in a body, or where there is no request.
        """
        said = given if given is not None else request.query_params if request is not None else {}
        wanted = vector_of(said.get("wait_for"), "wait_for")
        try:
            if wanted:
                await wait_for(self.pool, wanted, deadline_seconds=self.settings.wait_for_deadline_seconds)
            vector = await as_of(
                self.pool,
                caller.tenant_id,
                said.get("as_of"),
                skew_seconds=self.settings.skew_bound_seconds,
            )
            secret = await scope_secret(self.pool, caller.tenant_id) if caller.sites is not None else b""
            async with tenant_transaction(self.pool, caller.tenant_id) as connection:
                stale_after = 3 * self.settings.heartbeat_seconds + 2
                fresh = await freshness(connection, stale_after_seconds=stale_after)
                if pinned is not None:
                    vector, fresh = dict(pinned[0]), replace(fresh, now_us=pinned[1])
                asked = Asked(connection, caller.tenant_id, fresh, vector)
                yield asked if caller.sites is None else await _limited(asked, caller, secret)
        except UNREACHABLE as error:
            detail = "the database cannot be asked: try again"
            raise Problem(503, "database-unavailable", detail, headers={"Retry-After": "2"}) from error
        except asyncpg.QueryCanceledError as error:
            detail = f"the question took over {self.settings.statement_timeout_seconds} s: narrow it"
            raise Problem(504, "too-slow", detail) from error


async def _limited(asked: Asked, caller: Caller, secret: bytes) -> Asked:
    """The snapshot for a key limited to sites; from here on the database shows this transaction no more either."""
    places = await own_places(asked.connection, asked.tenant_id, caller.sites or ())
    await asked.connection.execute("SELECT pg_catalog.set_config('zhuisu.sites', $1, true)", "\n".join(sorted(places)))
    scope = Scope(asked.connection, asked.tenant_id, asked.vector, places, secret + str(caller.key_id).encode())
    return replace(asked, scope=scope)
