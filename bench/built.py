"""The data of a size in a database: built through the real projector, or found as an earlier run left them."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench import building
from bench.sizes import Size
from migrations.run import head_revision
from services.database import owner_pool
from services.eventlog.postgres import PostgresEventLog
from services.factory import SOURCES

if TYPE_CHECKING:
    from bench.world import World


async def built(world: "World", url: str, size: Size) -> dict[str, Any]:
    """See that the database `url` holds the data; returns what they are."""
    marker = world.folder / f"built-{size.name}.json"
    found = _marked(marker)
    if found.get("units") != size.units or found.get("migration") != head_revision():
        marker.unlink(missing_ok=True)
        await world.empty(url)
    owner = await owner_pool(url)
    try:
        if marker.exists():
            return found
        began = time.perf_counter()
        records = await _build(world, url, size=size, owner=owner)
        await owner.execute("VACUUM ANALYZE")
        found = await _counted(owner, size.units) | {"migration": head_revision(), "records": records}
        found["built_in_seconds"] = round(time.perf_counter() - began, 1)
        await asyncio.to_thread(marker.write_text, json.dumps(found))
        return found
    finally:
        await owner.close()


def _marked(marker: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(marker.read_text()) if marker.exists() else {}
    return found


async def _build(world: "World", url: str, *, size: Size, owner: asyncpg.Pool) -> int:
    """The log written while two projectors follow it."""
    log = PostgresEventLog(dsn=url, partitions=building.LOG_PARTITIONS)
    await log.start()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(world.processes(url, {"projector-1": {}, "projector-2": {}}))
        with _progress(world.console) as progress:
            told = _bars(progress, (f"{size.name}: events written", f"{size.name}: events projected"))
            write, project = told.values()
            written = await building.write_log(log, size, world.tenants, told=write)
            for task in progress.tasks:
                progress.update(task.id, total=written)
            await building.until_projected(owner, written, told=project)
    await log.stop()
    return written


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _bars(progress: Progress, names: tuple[str, ...]) -> Mapping[str, Callable[[int], None]]:
    def of(task: TaskID) -> Callable[[int], None]:
        return lambda done: progress.update(task, completed=done)

    return {name: of(progress.add_task(name, total=None)) for name in names}


async def _counted(owner: asyncpg.Pool, units: int) -> dict[str, Any]:
    counts = "SELECT (SELECT count(*) FROM {0}) AS n".format
    return {
        "units": units,
        "tenants": len(building.TENANTS),
        "sources": len(SOURCES),
        "late_share": 0.05,
        **{name: await owner.fetchval(counts(f"views.{name}")) for name in ("items", "events", "event_items", "voids")},
    }
