"""The whole service in this process, over real HTTP, with settings of a test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from services.embedded.app import Running, run
from services.embedded.roles import ALL_ROLES
from services.settings import load_settings

KEY = "test-key-of-the-http-tests"


@asynccontextmanager
async def serving(
    database_url: str, *, roles: frozenset[str] = ALL_ROLES, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client, with an admin key, of a service that lives as long as this; with some roles only, one of several."""
    loaded = load_settings(
        port=0, database_url=database_url, data_dir=Path("unused"), bootstrap_key=KEY, heartbeat_seconds=0.1, **settings
    )
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(run(loaded, told=ready.set_result, stop=stop, roles=roles))
    done, _ = await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    if running in done:
        running.result()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=ready.result().url, headers=headers, timeout=30) as client:
        yield client
    stop.set()
    await running
