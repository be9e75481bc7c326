"""Data that an earlier run left: brought forward by newer migrations, and back to what they were built as."""

import asyncio
from collections.abc import AsyncIterator
from io import StringIO

import asyncpg
import pytest
import pytest_asyncio
from rich.console import Console

from bench import building, built
from bench import world as worlds
from bench.asked import asking
from bench.cases.recalls import recalls
from bench.sizes import SIZES
from bench.world import World, world
from migrations.run import current_revision, head_revision, upgrade
from services.database import ensure_database
from services.readmodel.tables import metadata, projectors
from tests.conftest import TestServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_TINY = SIZES["tiny"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept(tmp_path_factory: pytest.TempPathFactory, postgres_server: TestServer) -> AsyncIterator[World]:
    """Built once: each test leaves it whole, as a run does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "WORK", tmp_path_factory.mktemp("bench"))
        patch.setattr(worlds, "_DATA", "bench_kept")
        made = world(_TINY, console=Console(file=StringIO()), keep=True, on=postgres_server.server)
        async with made as this:
            yield this


async def row_counts(this: World) -> dict[str, int]:
    """How many rows the log and each view have."""
    owner = await asyncpg.connect(this.url)
    try:
        names = [
            "log_records",
            "case_jobs",
            "case_deltas",
            *(str(t) for t in metadata.sorted_tables if t is not projectors),
        ]
        return {name: await owner.fetchval(f"SELECT count(*) FROM {name}") for name in names}
    finally:
        await owner.close()


async def test_what_a_run_wrote_is_taken_back(kept: World) -> None:
    before = await row_counts(kept)
    async with asking(kept, kept.url) as asked:
        assert all([row.equal async for row in recalls(kept, asked)])
    after = await row_counts(kept)
    more = {name for name, rows in after.items() if rows > before[name]}
    assert more >= {"log_records", "views.events", "views.case_acts", "views.case_members", "case_jobs"}
    found = await built.built(kept, kept.url, _TINY)
    assert found == kept.data  # not built anew
    assert await row_counts(kept) == before


async def test_a_factory_that_tells_another_story_is_built_anew(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def number() -> int:
        owner = await asyncpg.connect(kept.url)
        await owner.execute("CREATE TABLE IF NOT EXISTS here_before ()")
        await owner.close()
        await built.built(kept, kept.url, _TINY)
        owner = await asyncpg.connect(kept.url)
        try:
            return int(await owner.fetchval("SELECT count(*) FROM pg_tables WHERE tablename = 'here_before'"))
        finally:
            await owner.close()

    assert await number() == 1
    monkeypatch.setattr(building, "story", lambda *, line: "another")
    assert await number() == 0


async def test_a_newer_migration_is_made_up_for(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    url = kept.server.database_url("bench_older")
    await ensure_database(kept.server.dsn, "bench_older")
    await upgrade(url, revision="0019")
    point = {"numbers": 0, "checkpoints": []}
    monkeypatch.setattr(built, "rebuild_needed", lambda since: since == "0019")
    assert not await built._brought_forward(url, {"point": point})
    monkeypatch.undo()
    assert await built._brought_forward(url, {"point": point})
    owner = await asyncpg.connect(url)
    assert await current_revision(owner) == head_revision()
    await owner.close()
    await worlds.Database(kept, "bench_older").drop()


async def test_several_processes_write_all_of_the_log(kept: World) -> None:
    """Each record once, whoever made it."""
    owner = await asyncpg.connect(kept.url)
    in_log = await owner.fetchval("SELECT count(*) FROM log_records")
    await owner.close()
    assert in_log == sum(1 for _ in await asyncio.to_thread(building.everything, kept.tenants, _TINY.units))
