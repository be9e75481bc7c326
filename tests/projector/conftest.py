"""Fixtures of the projector's tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from services.access import ensure_bootstrap
from services.database import api_pool, owner_pool, projector_pool
from tests.kafka_rig import kafka_broker, kafka_jars
from tests.projector.sites import Site

__all__ = ["kafka_broker", "kafka_jars"]


@pytest_asyncio.fixture(loop_scope="session")
async def site(fresh_database_url: str) -> AsyncIterator[Site]:
    owner = await owner_pool(fresh_database_url)
    await ensure_bootstrap(owner, tenant_name="default", own_party="urn:test:me", key="a-key-for-this-test")
    await owner.close()
    made = Site(fresh_database_url, await projector_pool(fresh_database_url), await api_pool(fresh_database_url))
    yield made
    await made.views.close()
    await made.api.close()
