"""The service of the HTTP tests, which may call loopback, and a dispatcher whose time a test moves."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import httpx
import pytest_asyncio

from domain.clock import FixedClock
from services.database import api_pool, projector_pool
from services.webhooks.dispatcher import Dispatcher, Patience
from services.webhooks.guard import networks
from services.webhooks.sending import Sender
from tests.conftest import NewDatabase
from tests.contacts.conftest import key_with
from tests.http.conftest import other_tenant
from tests.http.serving import serving
from tests.webhooks.receiver import Receiver, receiving

__all__ = ["key_with", "other_tenant"]

LOOPBACK = "127.0.0.0/8"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service_url(new_database: NewDatabase) -> str:
    return await new_database()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service that does not call by itself: tests dispatch when they want to."""
    async with serving(service_url, webhook_networks=LOOPBACK, webhook_calls=False) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


class Telling:
    """A dispatcher on the service's database, with a clock that stands still until moved."""

    def __init__(self, api: asyncpg.Pool, views: asyncpg.Pool, patience: Patience) -> None:
        self.clock = FixedClock(datetime.now(UTC))
        self.sender = Sender(own=networks(LOOPBACK), seconds=1.0)
        self.dispatcher = Dispatcher(
            api=api, views=views, sender=self.sender, clock=self.clock, chance=random.Random(7), patience=patience
        )

    async def round(self, **later: float) -> int:
        """Move the clock, then call whatever is due."""
        self.clock.advance(**(later or {"seconds": 0}))
        return await self.dispatcher.round()


MakeTelling = Callable[..., Awaitable[Telling]]


@pytest_asyncio.fixture(loop_scope="session")
async def telling(service_url: str) -> AsyncIterator[Telling]:
    patience = Patience(first_seconds=10, longest_seconds=100, attempts_max=4, disable_after_seconds=3600)
    api, views = await api_pool(service_url), await projector_pool(service_url)
    made = Telling(api, views, patience)
    yield made
    await made.sender.close()
    await api.close()
    await views.close()
