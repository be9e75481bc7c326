"""The data of a size in a database: built through the real projector, or found as an earlier run left them."""

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench import building
from bench.restoring import point_of, restore
from bench.sizes import Size
from migrations.run import current_revision, head_revision, rebuild_needed, upgrade
from services.database import owner_pool
from services.eventlog.postgres import PostgresEventLog
from services.factory import SOURCES

if TYPE_CHECKING:
    from bench.world import World


async def built(world: "World", url: str, size: Size) -> dict[str, Any]:
    """See that the database `url` holds the data; returns what they are.

    What an earlier run left is brought forward by the migrations that are newer. It is built anew where the factory
    tells another story now, or where one of them needs that.
    """
    marker = world.folder / f"built-{size.name}.json"
    story = await asyncio.to_thread(building.story, line=size.line)
    found = _marked(marker)
    same = (found.get("units"), found.get("story"), "point" in found) == (size.units, story, True)
    kept = same and await _brought_forward(url, found)
    if not kept:
        marker.unlink(missing_ok=True)
        await world.empty(url)
        found = await _filled(world, url, size) | {"story": story}
    found["migration"] = head_revision()
    await asyncio.to_thread(_mark, marker, found)
    return found


async def _brought_forward(url: str, found: dict[str, Any]) -> bool:
    """Whether the database is at this version now, as it was built: False where it must be built anew."""
    try:
        owner = await asyncpg.connect(url)
    except asyncpg.InvalidCatalogNameError:
        return False
    try:
        revision = await current_revision(owner)
        if revision is None or rebuild_needed(revision):
            return False
        if revision != head_revision():
            await upgrade(url)
            await owner.execute("VACUUM ANALYZE")
        await restore(owner, found["point"])
        return True
    finally:
        await owner.close()


async def _filled(world: "World", url: str, size: Size) -> dict[str, Any]:
    """The data in an empty database."""
    owner, began = await owner_pool(url), time.perf_counter()
    try:
        records = await _build(world, url, size=size, owner=owner)
        await owner.execute("VACUUM ANALYZE")
        counted = await _counted(owner, size.units) | {"point": await point_of(owner)}
    finally:
        await owner.close()
    return counted | {"records": records, "built_in_seconds": round(time.perf_counter() - began, 1)}


def _marked(marker: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(marker.read_text()) if marker.exists() else {}
    return found


def _mark(marker: Path, found: Mapping[str, Any]) -> None:
    """At once or not at all: without it an hour's data are built anew."""
    fresh = marker.with_suffix(".new")
    fresh.write_text(json.dumps(found))
    fresh.rename(marker)


async def _build(world: "World", url: str, *, size: Size, owner: asyncpg.Pool) -> int:
    """The log written while projectors follow it."""
    log = PostgresEventLog(dsn=url, partitions=building.LOG_PARTITIONS)
    await log.start()
    wanted: dict[str, dict[str, object]] = {f"projector-{n}": {} for n in range(building.projectors(size))}
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(log.stop)
        await stack.enter_async_context(world.processes(url, wanted))
        writing = asyncio.create_task(building.write_log(url, size))
        await stack.enter_async_context(building.ended(writing))
        with _progress(world.console) as progress:
            wrote, projected = _bars(progress, (f"{size.name}: written", f"{size.name}: projected"))
            return await building.until_projected(log, owner, writing, told=(wrote, projected))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _bars(progress: Progress, names: tuple[str, str]) -> tuple[building.Told, building.Told]:
    def of(task: TaskID) -> building.Told:
        return lambda done: progress.update(task, completed=done)

    wrote, projected = (of(progress.add_task(name, total=None)) for name in names)
    return wrote, projected


async def _counted(owner: asyncpg.Pool, units: int) -> dict[str, Any]:
    counts = "SELECT (SELECT count(*) FROM {0}) AS n".format
    return {
        "units": units,
        "tenants": len(building.TENANTS),
        "sources": len(SOURCES),
        "late_share": 0.05,
        **{name: await owner.fetchval(counts(f"views.{name}")) for name in ("items", "events", "event_items", "voids")},
    }
