"""Rebuilding the views beside the live ones, under load, and dead letters sent again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from domain.ports import Position, Record
from services.database import projector_pool
from services.embedded.app import Running, event_log, run
from services.projector.dead_letters import NoSuchDeadLetter, counted, parked, replay, settle
from services.projector.rebuild import RebuildRunning, rebuild
from services.settings import Settings, load_settings
from tests.waiting import eventually

KEY = "key-of-the-rebuild-tests"
LOT = "urn:zhuisu:lot:own:CELL:L-9"


@asynccontextmanager
async def service(database_url: str) -> AsyncIterator[tuple[httpx.AsyncClient, Settings]]:
    settings = load_settings(
        port=0, database_url=database_url, data_dir=Path("unused"), bootstrap_key=KEY, heartbeat_seconds=0.1,
        log_partitions=3,
    )  # fmt: skip
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings, told=ready.set_result, stop=stop))
    done, _ = await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    if running in done:
        running.result()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=ready.result().url, headers=headers, timeout=30) as client:
        yield client, settings
    stop.set()
    await running


def made(n: int) -> dict[str, Any]:
    return {
        "kind": "transformed",
        "event_id": f"made-{n}",
        "occurred_at": "2026-03-01T08:00:00Z",
        "inputs": [{"item": {"product": "CELL", "lot": "L-9"}, "quantity": 1}],
        "outputs": [{"item": {"product": "MODULE", "serial": f"M-{n}"}}],
    }


async def post(client: httpx.AsyncClient, first: int, count: int) -> str:
    answer = await client.post("/v1/events", json=[made(n) for n in range(first, first + count)])
    assert answer.status_code == 202, answer.text
    return str(answer.json()["position"])


async def forward(client: httpx.AsyncClient, position: str) -> dict[str, Any]:
    async def answered() -> httpx.Response | None:
        """None for a 504: on a busy machine the views may need longer than one question waits."""
        found = await client.get("/v1/trace/forward", params={"item": LOT, "wait_for": position})
        return None if found.status_code == 504 else found

    answer = await eventually(answered, within_seconds=60)
    assert answer is not None
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.timeout(120)
async def test_a_rebuild_under_load_changes_no_answer_and_loses_nothing(fresh_database_url: str) -> None:
    async with service(fresh_database_url) as (client, settings):
        before = await forward(client, await post(client, 0, 300))
        stop = asyncio.Event()

        async def load() -> tuple[int, str]:
            n, position = 300, ""
            while not stop.is_set():
                position = await post(client, n, 20)
                # A question in the middle of the swap is answered whole, too.
                seen = await forward(client, position)
                n += 20
                assert len(seen["nodes"]) == n, seen["incomplete_because"]
            return n, position

        loading = asyncio.create_task(load())
        log = event_log(settings, fresh_database_url)
        await log.start()
        views = await projector_pool(fresh_database_url)
        generations = set()
        try:
            for _ in range(3):
                done = await rebuild(fresh_database_url, log=log, views=views)
                assert done.applied >= 300
                generations.add(await views.fetchval("SELECT 'views'::regnamespace::oid::bigint"))
        finally:
            stop.set()
            count, position = await loading
            await log.stop()
            await views.close()
        assert len(generations) == 3
        after = await forward(client, position)
        assert after["complete"]
        assert {n["item"] for n in before["nodes"]} < {n["item"] for n in after["nodes"]}
        assert len(after["nodes"]) == count


async def test_the_swap_waits_for_questions_in_flight(fresh_database_url: str) -> None:
    """A question sees the views of one generation from its first statement to its last."""
    async with service(fresh_database_url) as (client, settings):
        await forward(client, await post(client, 0, 10))
        log = event_log(settings, fresh_database_url)
        await log.start()
        views = await projector_pool(fresh_database_url)
        watching = await asyncpg.connect(fresh_database_url)

        async def swap_waits() -> bool:
            found = await watching.fetchval(
                "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
                " AND relation = 'views.checkpoints'::regclass"
            )
            return bool(found)

        async with views.acquire() as asking, asking.transaction(isolation="repeatable_read", readonly=True):
            await asking.fetch("SELECT * FROM views.checkpoints")
            items = await asking.fetch("SELECT item_no FROM views.items ORDER BY 1")
            rebuilding = asyncio.create_task(rebuild(fresh_database_url, log=log, views=views))
            await eventually(swap_waits)
            assert await asking.fetch("SELECT item_no FROM views.items ORDER BY 1") == items
        await rebuilding
        await watching.close()
        await log.stop()
        await views.close()


async def test_one_rebuild_at_a_time(fresh_database_url: str) -> None:
    connection = await asyncpg.connect(fresh_database_url)
    async with service(fresh_database_url) as (_, settings):
        await connection.execute("SELECT pg_advisory_lock($1)", 0x7A68756973750003)
        views = await projector_pool(fresh_database_url)
        with pytest.raises(RebuildRunning):
            await rebuild(fresh_database_url, log=event_log(settings, fresh_database_url), views=views)
        await views.close()
    await connection.close()


async def test_rebuilt_views_are_made_as_the_migrations_make_them(fresh_database_url: str) -> None:
    async with service(fresh_database_url) as (client, settings):
        await post(client, 0, 3)
        views = await projector_pool(fresh_database_url)
        log = event_log(settings, fresh_database_url)
        await log.start()
        before = await described(views)
        await rebuild(fresh_database_url, log=log, views=views)
        assert await described(views) == before
        await log.stop()
        await views.close()


async def described(views: asyncpg.Pool) -> dict[str, list[tuple[Any, ...]]]:
    """Columns, indexes, policies and grants of the views."""
    questions = {
        "columns": "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'views'",
        "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'views'",
        "policies": "SELECT tablename, policyname, roles::text, cmd, qual FROM pg_policies WHERE schemaname = 'views'",
        "secured": "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'views'::regnamespace AND relkind = 'r'",
        "grants": "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants"
        " WHERE table_schema = 'views'",
        "statistics": "SELECT attrelid::regclass::text, attname, attoptions::text FROM pg_attribute"
        " JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'views'::regnamespace AND attoptions IS NOT NULL",
    }
    return {name: sorted(tuple(row) for row in await views.fetch(sql)) for name, sql in questions.items()}


async def test_a_dead_letter_is_listed_and_sent_again_once(fresh_database_url: str) -> None:
    async with service(fresh_database_url) as (_, settings):
        log = event_log(settings, fresh_database_url)
        await log.start()
        [position] = await log.append([Record(b"k", b"no envelope")], deadline_seconds=5)
        views = await projector_pool(fresh_database_url)

        async def letters() -> list[Any]:
            return await parked(views)

        [letter] = await eventually(letters)
        assert await counted(views) == (1, 1)
        assert (letter.position, letter.code, letter.replayed_as) == (position, "not_json", None)
        new = await replay(views, log, letter.position)

        async def both() -> list[Any] | None:
            found = await parked(views)
            return found if len(found) == 2 else None

        again, old = await eventually(both) or []
        assert (old.position, old.replayed_as) == (position, new.token)
        assert again.position == new
        with pytest.raises(NoSuchDeadLetter):
            await replay(views, log, position)
        with pytest.raises(NoSuchDeadLetter):
            await replay(views, log, Position(0, 999_999))
        with pytest.raises(ValueError, match="reason: 1 to 500"):
            await settle(views, new, reason=" ")
        await settle(views, new, reason="no event of ours")
        for act in (replay(views, log, new), settle(views, new, reason="again"), settle(views, position, reason="x")):
            with pytest.raises(NoSuchDeadLetter):
                await act
        await rebuild(fresh_database_url, log=log, views=views)
        kept = [(x.replayed_as, x.settled) for x in await parked(views)]
        assert kept == [(new.token, None), (None, "no event of ours")]
        assert await counted(views) == (2, 0)
        await log.stop()
        await views.close()
