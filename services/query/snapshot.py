"""The snapshot that one question sees: its connection, what is known in it, and as of when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from fastapi import Request

from domain.ids import ItemId
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.away import refused_while_away
from services.database import QUICK_SECONDS, tenant_transaction
from services.problems import Problem
from services.query.answer_turns import AnswerTurns
from services.query.asking import instant, item_asked, vector_of
from services.query.conflicts import Quiet
from services.query.freshness import Freshness, freshness, freshness_at_once, wait_for
from services.query.graph.keeper import Graphs, Known
from services.query.own_places import own_places, scope_secret
from services.query.past import as_of
from services.query.record import SqlRecord
from services.query.scope import Scope
from services.settings import Settings

_ASKS_MORE = frozenset({"as_of", "wait_for", "cursor"})
"""Parameters of questions that one statement cannot begin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's snapshot. `vector` None: everything that is applied is known."""

    connection: asyncpg.Connection
    tenant_id: int
    fresh: Freshness
    vector: dict[int, int] | None
    scope: Scope | None = None
    """What the caller may see; None: everything of the tenant."""
    known: Known | None = None
    """The tenant's graph where it may answer; None: there is none, or it was not looked for yet."""
    at_once: bool = False
    """There is no connection: whatever asks the database raises NeedsMore."""

    async def item(self, text: str) -> ItemId:
        """The canonical id of an item that is known, and theirs. Raises Problem 404, the same for both."""
        if self.scope is None and self.named([text]):
            return ItemId(text)
        return await item_asked(self.connection, self.tenant_id, text, scope=self.scope)

    def named(self, ids: Sequence[str]) -> set[str]:
        """Canonical ids of these that surely are of items that an event names. Others may be, too."""
        return self.known.graph.named(ids) if self.known is not None else set()

    def record(self) -> SqlRecord:
        """A record that has found nothing yet."""
        return SqlRecord(self.connection, self.tenant_id, vector=self.vector)

    async def stay(self) -> None:
        """Ask for nothing: the database ends a transaction in which nothing was asked for a minute."""
        if not self.at_once:
            await self.connection.execute("SELECT 1")

    @property
    def quiet(self) -> Quiet | None:
        """What is known of conflicts in this state of the views; None where only some of it is seen."""
        seen = self.vector is None and self.scope is None and self.known is not None
        return self.known.changed.told.quiet if self.known is not None and seen else None

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


class NeedsMore(Exception):
    """A question that was asked at once must be asked in a snapshot that lasts."""


class MoreThanFew(NeedsMore):
    """It leads to more than a few links, or to items that are not plain: it is walked over columns."""


class _NoConnection:
    """In place of a connection where nothing more is asked."""

    def __getattr__(self, name: str) -> Any:
        raise NeedsMore


class Questions:
    """Opens snapshots for callers who may read."""

    def __init__(self, *, pool: asyncpg.Pool, keys: Keys, settings: Settings, graphs: Graphs) -> None:
        self.pool, self.settings, self.graphs = pool, settings, graphs
        self.reader: Callable[[Request], Awaitable[Caller]] = caller_with(Role.READ, keys)
        self.turns = AnswerTurns(settings.api_pool_max_connections)

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
        await self.wait(said)
        with self._refused():
            vector = await as_of(
                self.pool,
                caller.tenant_id,
                said.get("as_of"),
                skew_seconds=self.settings.skew_bound_seconds,
            )
            secret = await scope_secret(self.pool, caller.tenant_id) if caller.sites is not None else b""
            async with tenant_transaction(self.pool, caller.tenant_id) as connection:
                fresh = await freshness(connection, stale_after_seconds=self._stale_after_seconds)
                if pinned is not None:
                    vector, fresh = dict(pinned[0]), replace(fresh, now_us=pinned[1])
                known = self.graphs.at_once(caller.tenant_id, fresh)
                asked = Asked(connection, caller.tenant_id, fresh, vector, known=known)
                yield asked if caller.sites is None else await _limited(asked, caller, secret)

    async def wait(self, said: Mapping[str, str]) -> None:
        """Until what `wait_for` names is in the views, if it names anything. Holds no connection meanwhile."""
        wanted = vector_of(said.get("wait_for"), "wait_for")
        if wanted:
            with self._refused():
                await wait_for(self.pool, wanted, deadline_seconds=self.settings.wait_for_deadline_seconds)

    async def secret_of(self, caller: Caller) -> bytes:
        """What seals a text that this key keeps for us. 503 while the database is away."""
        with self._refused():
            return await scope_secret(self.pool, caller.tenant_id) + str(caller.key_id).encode()

    async def at_once(self, caller: Caller, request: Request) -> Asked | None:
        """A snapshot that one statement told, in which the tenant's graph answers; None where it may not do.

        It holds no connection, and what is asked of the database beside raises NeedsMore. Problem 503 while that is
        away.
        """
        if (
            caller.sites is not None
            or caller.tenant_id not in self.graphs.tenants
            or _ASKS_MORE & set(request.query_params)
        ):
            return None
        with self._refused():
            async with asyncio.timeout(QUICK_SECONDS):
                fresh = await freshness_at_once(
                    self.pool, caller.tenant_id, stale_after_seconds=self._stale_after_seconds
                )
        known = self.graphs.at_once(caller.tenant_id, fresh)
        nothing: Any = _NoConnection()
        return Asked(nothing, caller.tenant_id, fresh, None, known=known, at_once=True) if known is not None else None

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            with refused_while_away():
                yield
        except asyncpg.QueryCanceledError as error:
            detail = f"the question took over {self.settings.statement_timeout_seconds} s: narrow it"
            raise Problem(504, "too-slow", detail) from error

    @property
    def _stale_after_seconds(self) -> float:
        return 3 * self.settings.heartbeat_seconds + 2


async def _limited(asked: Asked, caller: Caller, secret: bytes) -> Asked:
    """The snapshot for a key limited to sites; from here on the database shows this transaction no more either."""
    places = await own_places(asked.connection, asked.tenant_id, caller.sites or ())
    await asked.connection.execute("SELECT pg_catalog.set_config('zhuisu.sites', $1, true)", "\n".join(sorted(places)))
    scope = Scope(asked.connection, asked.tenant_id, asked.vector, places, secret + str(caller.key_id).encode())
    return replace(asked, scope=scope)
