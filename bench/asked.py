"""Asking the service: connections to a query process with graphs and to one that leaves all to the domain."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from bench.sizes import Size
from bench.waiting import until
from bench.wire import Connection, connected
from bench.world import Process, World

_READY_SECONDS = 600.0
LIMITS: dict[str, object] = {"statement_timeout_seconds": 900, "trace_graph_min_links": 0}
"""Of query processes: nothing is too large for them, nor too small for a graph."""
_READY = ("graph_built", "graph_not_used", "graph_not_built")


@dataclass(slots=True)
class Asked:
    """`quick` answers as the service does, `domain` without graphs; `process` is the quick one."""

    size: Size
    key: str
    process: Process
    quick: Connection
    domain: Connection
    once: dict[str, float] = field(default_factory=dict)
    """seconds of forward traces, by lot, that took longer than a case's budget: they are not run again"""

    async def stream(self, lot: str) -> int:
        """A forward trace read to its end and thrown away; its size in bytes."""
        return await stream(self.quick, lot)


async def stream(connection: Connection, lot: str) -> int:
    """As `Asked.stream`, of another process."""
    return (await connection.get("/v1/trace/forward", taken=_nothing, item=lot, format="csv")).size


def _nothing(piece: bytes) -> None:
    return


@contextlib.asynccontextmanager
async def asking(world: World, url: str) -> AsyncIterator[Asked]:
    """Both processes on the database `url`, the quick one when its graph is there, and a projector that beats."""
    key = world.tenant.key
    wanted: dict[str, dict[str, object]] = {
        "projector-beating": {},
        "query-quick": {**LIMITS, "log_level": "info"},
        "query-domain": {**LIMITS, "trace_graph": "off"},
    }
    async with (
        world.processes(url, wanted) as (_, quick, domain),
        connected(quick.url, key) as one,
        connected(domain.url, key) as other,
    ):
        await graph_built(world, quick, one)
        yield Asked(world.size, key, quick, one, other)


async def graph_built(world: World, process: Process, connection: Connection) -> None:
    """Ask once, so that it is begun, and wait until the process says what came of it."""
    lot = world.some_lot
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_READY_SECONDS):
            await connection.get("/v1/trace/backward", item=lot)
            await until(lambda: any(word in process.log.read_text(errors="replace") for word in _READY))
