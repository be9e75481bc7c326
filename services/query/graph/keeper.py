"""The graphs a process keeps, one a tenant: built aside, used until another is ready, thrown away with the views."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import asyncpg
import structlog

from services.database import UNREACHABLE, tenant_transaction
from services.query.freshness import Freshness, freshness
from services.query.graph.graph import Graph
from services.query.graph.kinds import Uncovered
from services.query.graph.loading import drawn
from services.query.graph.newer import Changed, TooNew, changed
from services.query.graph.raw import read
from services.query.graph.stance import Remembered, Words
from services.settings import Settings

REBUILT_AFTER_EVENTS = 5_000
"""Newer events, or a hundredth of all, after which another graph is built, beside the one in use."""
RETRY_SECONDS = 30.0
"""Least time between two tries: a record that is small, or not covered, is not looked at for each question."""
BUILDING_SHARE = 0.1
"""Most of a process's time that goes into building one tenant's graphs, however fast its record grows."""

_GENERATION = "SELECT 'views.checkpoints'::regclass::oid::bigint"
_LINKS = "SELECT count(*) FROM (SELECT FROM views.event_items WHERE tenant_id = $1 LIMIT $2) AS links"

log_to = structlog.get_logger("graph")
EARLIER_KEPT = 8
"""Positions before that of a graph of which it is remembered what changed since."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A graph, and the tables it was drawn from: a rebuild of the views numbers everything anew.

    `remembered`: how its items stand once all that it knows has happened.
    """

    graph: Graph
    generation: int
    remembered: Remembered
    newest: dict[frozenset[tuple[int, int]], Changed] = field(default_factory=dict)
    """what changed since, by what was applied: the last of them alone"""
    earlier: dict[tuple[object, object], Changed] = field(default_factory=dict)
    """what changed since positions before that of the graph, by what was applied and the position: the last few"""

    @classmethod
    def of(cls, graph: Graph, generation: int) -> "Kept":
        return cls(graph, generation, Remembered(graph, graph.settled_us, Words.of(graph.standing.texts)))


class Known(NamedTuple):
    """A graph as one question sees it: what changed since, and what is remembered of its items."""

    graph: Graph
    changed: Changed
    remembered: Remembered


class Graphs:
    """Graphs of this process. `off`: there are none, every question is asked of the domain."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings) -> None:
        self._pool = pool
        self._off = settings.trace_graph == "off"
        self._least, self._most = settings.trace_graph_min_links, settings.trace_graph_max_links
        self._skew_us = int(settings.skew_bound_seconds * 1_000_000)
        self._kept: dict[int, Kept] = {}
        self._building: dict[int, asyncio.Task[None]] = {}
        self._wait_until: dict[int, float] = {}

    async def graph(
        self, connection: asyncpg.Connection, tenant_id: int, fresh: Freshness | None = None
    ) -> Known | None:
        """The tenant's graph and what changed since, in the snapshot of `connection`; None while there is none.

        `fresh` is what that snapshot told; it is asked where it is left out.
        """
        if self._off:
            return None
        fresh = fresh or await freshness(connection, stale_after_seconds=0)
        kept = self._of(tenant_id, fresh)
        if kept is None:
            self._build(tenant_id)
            return None
        if not reaches(fresh.vector, kept.graph.vector):  # it was drawn after this snapshot began
            return None
        vector = frozenset(fresh.vector.items())
        if vector not in kept.newest:
            try:
                newer = await changed(connection, tenant_id, kept.graph, skew_us=self._skew_us)
            except (TooNew, Uncovered):
                self._build(tenant_id)
                return None
            kept.newest.clear()
            kept.newest[vector] = newer
        return self._known(tenant_id, kept, kept.newest[vector])

    def at_once(self, tenant_id: int, fresh: Freshness) -> Known | None:
        """The same where nothing needs to be asked; None also where nobody has looked yet at what changed."""
        kept = self._of(tenant_id, fresh)
        newer = kept.newest.get(frozenset(fresh.vector.items())) if kept is not None else None
        return self._known(tenant_id, kept, newer) if kept is not None and newer is not None else None

    def _of(self, tenant_id: int, fresh: Freshness) -> Kept | None:
        kept = self._kept.get(tenant_id)
        if kept is not None and fresh.generation not in (None, kept.generation):
            del self._kept[tenant_id]
            self._wait_until.pop(tenant_id, None)  # other tables: how long it took to draw these does not matter
            return None
        return kept

    def _known(self, tenant_id: int, kept: Kept, newer: Changed) -> Known:
        if newer.events > max(REBUILT_AFTER_EVENTS, len(kept.graph.events) // 100):
            self._build(tenant_id)
        return Known(kept.graph, newer, kept.remembered)

    async def earlier(
        self, connection: asyncpg.Connection, tenant_id: int, fresh: Freshness, *, known: Mapping[int, int]
    ) -> Known | None:
        """The tenant's graph for a question as known before it was drawn: what it knows more of counts as changed.

        None where that is too much, or where the snapshot of `connection` does not see all that the graph knows.
        """
        kept, applied = self._of(tenant_id, fresh), fresh.vector
        if kept is None or not reaches(applied, kept.graph.vector):
            return None
        drawn = kept.graph.vector
        since = {partition: min(known.get(partition, -1), offset) for partition, offset in drawn.items()}
        key = (frozenset(applied.items()), frozenset(since.items()))
        try:
            newer = kept.earlier.get(key) or await changed(
                connection, tenant_id, kept.graph, since=since, skew_us=self._skew_us
            )
        except (TooNew, Uncovered):
            return None
        for old in [*kept.earlier][: 1 - EARLIER_KEPT]:
            kept.earlier.pop(old, None)
        kept.earlier[key] = newer
        return Known(kept.graph, newer, kept.remembered)

    @property
    def tenants(self) -> frozenset[int]:
        """Tenants that have a graph now."""
        return frozenset(self._kept)

    async def stop(self) -> None:
        """Leave off building."""
        tasks = list(self._building.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self, tenant_id: int) -> None:
        """See that the tenant's graph is there soon, if it may have one: somebody will ask something large."""
        if not self._off and tenant_id not in self._kept:
            self._build(tenant_id)

    async def ready(self, pool: asyncpg.Pool, tenant_id: int, *, within_seconds: float) -> None:
        """Wait for the graph of a tenant that may have one: who asks something large had better do so.

        Not in the snapshot of the question, which must see all that the graph knows.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                while True:
                    async with tenant_transaction(pool, tenant_id) as connection:
                        found = await self.graph(connection, tenant_id)
                    if found is not None or tenant_id not in self._building:
                        return
                    await self.built(tenant_id)

    async def built(self, tenant_id: int) -> None:
        """Until the graph that is being built, if any, is there."""
        if (task := self._building.get(tenant_id)) is not None:
            await asyncio.wait({task})

    def _build(self, tenant_id: int) -> None:
        if tenant_id not in self._building and time.monotonic() >= self._wait_until.get(tenant_id, 0.0):
            task = asyncio.create_task(self._load(tenant_id), name=f"graph of tenant {tenant_id}")
            self._building[tenant_id] = task
            task.add_done_callback(partial(self._done, tenant_id))

    async def _load(self, tenant_id: int) -> None:
        began = time.monotonic()
        try:
            await self._draw(tenant_id)
        finally:
            took_seconds = time.monotonic() - began
            self._wait_until[tenant_id] = time.monotonic() + max(RETRY_SECONDS, took_seconds / BUILDING_SHARE)

    async def _draw(self, tenant_id: int) -> None:
        async with tenant_transaction(self._pool, tenant_id) as connection:
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # while rows are taken in
            links = await connection.fetchval(_LINKS, tenant_id, self._most + 1)
            if not self._least <= links <= self._most:
                self._kept.pop(tenant_id, None)
                return
            generation = await connection.fetchval(_GENERATION)
            raw = await read(connection, tenant_id)
        # Ten million links take a minute: no transaction is open for so long.
        graph = await asyncio.to_thread(drawn, raw)
        self._kept[tenant_id] = await asyncio.to_thread(Kept.of, graph, generation)
        log_to.info("graph_built", tenant=tenant_id, items=len(graph), links=len(graph.mentions.item))

    def _done(self, tenant_id: int, task: asyncio.Task[None]) -> None:
        del self._building[tenant_id]
        with contextlib.suppress(asyncio.CancelledError):
            error = task.exception()
            if isinstance(error, Uncovered):
                log_to.info("graph_not_used", tenant=tenant_id, reason=str(error))
            elif isinstance(error, UNREACHABLE):
                log_to.warning("graph_not_built", tenant=tenant_id, reason=f"the database went away: {error}")
            elif error is not None:
                log_to.error("graph_not_built", tenant=tenant_id, reason=f"{type(error).__name__}: {error}")


def reaches(known: Mapping[int, int], drawn: Mapping[int, int]) -> bool:
    """Whether everything up to `drawn` is known."""
    return all(known.get(partition, -1) >= offset for partition, offset in drawn.items())
