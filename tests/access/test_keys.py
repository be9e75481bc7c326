"""API keys: what they open, for how long, and what is kept of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest
import pytest_asyncio

from services.access import AccessUnavailable, Keys, Role, ensure_bootstrap
from services.access.keys import hash_key
from services.database import api_pool, owner_pool, tenant_transaction
from tests.waiting import eventually

ADMIN_KEY = "a-key-from-the-environment"


@dataclass(slots=True)
class Clockwork:
    """Seconds that pass when told to."""

    seconds: float = 0.0
    started: float = field(default=0.0)

    def __call__(self) -> float:
        return self.seconds


@pytest_asyncio.fixture(loop_scope="session")
async def owner(fresh_database_url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await owner_pool(fresh_database_url)
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="session")
async def api(fresh_database_url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await api_pool(fresh_database_url, max_connections=2)
    yield pool
    pool.terminate()


async def test_the_first_start_makes_a_tenant_and_an_admin_key(owner: asyncpg.Pool, api: asyncpg.Pool) -> None:
    made = await ensure_bootstrap(owner, key=ADMIN_KEY)
    caller = await Keys(api).authenticate(ADMIN_KEY)
    assert caller is not None
    assert (caller.tenant_id, caller.tenant_name, caller.own_party) == (made.tenant_id, "default", made.own_party)
    assert all(caller.may(role) for role in Role)


async def test_starting_again_changes_nothing(owner: asyncpg.Pool) -> None:
    first = await ensure_bootstrap(owner)
    assert first.key is not None
    assert first.key.startswith("zs_")
    again = await ensure_bootstrap(owner)
    assert again.key is None
    given = await ensure_bootstrap(owner, key=first.key)
    assert (given.tenant_id, given.key) == (first.tenant_id, first.key)
    assert len(await Keys(owner).list(first.tenant_id)) == 1


async def test_a_revoked_first_key_stays_revoked(owner: asyncpg.Pool, api: asyncpg.Pool) -> None:
    made = await ensure_bootstrap(owner, key=ADMIN_KEY)
    keys = Keys(api)
    (info,) = await keys.list(made.tenant_id)
    await keys.revoke(made.tenant_id, info.key_id)
    assert (await ensure_bootstrap(owner, key=ADMIN_KEY)).key_revoked
    assert await keys.authenticate(ADMIN_KEY) is None


async def test_own_party_cannot_change_under_recorded_ids(owner: asyncpg.Pool) -> None:
    await ensure_bootstrap(owner, own_party="urn:party:one")
    with pytest.raises(ValueError, match="ZHUISU_OWN_PARTY"):
        await ensure_bootstrap(owner, own_party="urn:party:two")


async def test_a_made_key_stands_for_what_it_was_made_for(owner: asyncpg.Pool, api: asyncpg.Pool) -> None:
    tenant = (await ensure_bootstrap(owner)).tenant_id
    keys = Keys(api)
    made = await keys.create(
        tenant,
        "line 3",
        source="mes-3",
        roles=frozenset({"capture", "read"}),
        sites=frozenset({"urn:site:1"}),
        zone="Asia/Shanghai",
    )
    caller = await keys.authenticate(made.value)
    assert caller is not None
    assert (caller.source, caller.zone, caller.sites) == ("mes-3", "Asia/Shanghai", frozenset({"urn:site:1"}))
    assert caller.may(Role.CAPTURE)
    assert not caller.may(Role.CORRECT)
    assert not caller.may(Role.ADMIN)


async def test_only_a_hash_is_kept_and_requests_cannot_read_even_that(owner: asyncpg.Pool, api: asyncpg.Pool) -> None:
    made = await ensure_bootstrap(owner, key=ADMIN_KEY)
    assert await owner.fetchval("SELECT key_hash FROM api_keys") == hash_key(ADMIN_KEY)
    assert ADMIN_KEY not in repr(made)
    async with tenant_transaction(api, made.tenant_id) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT key_hash FROM api_keys")


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [("roles", frozenset({"root"})), ("roles", frozenset()), ("zone", "Mars/Olympus"), ("sites", frozenset())],
)
async def test_a_wrong_argument_is_named(owner: asyncpg.Pool, argument: str, wrong: object) -> None:
    tenant = (await ensure_bootstrap(owner)).tenant_id
    arguments: dict[str, object] = {"roles": frozenset({"read"})} | {argument: wrong}
    with pytest.raises(ValueError, match=argument):
        await Keys(owner).create(tenant, "x", **arguments)  # type: ignore[arg-type]


async def test_a_revoked_key_ends_when_the_cache_does(owner: asyncpg.Pool, api: asyncpg.Pool) -> None:
    made = await ensure_bootstrap(owner, key=ADMIN_KEY)
    clock = Clockwork()
    here, elsewhere = Keys(api, cache_seconds=5, monotonic=clock), Keys(owner)
    assert await here.authenticate(ADMIN_KEY)
    (info,) = await elsewhere.list(made.tenant_id)
    assert await elsewhere.revoke(made.tenant_id, info.key_id)
    clock.seconds = 4.9
    assert await here.authenticate(ADMIN_KEY)
    clock.seconds = 5.1
    assert await here.authenticate(ADMIN_KEY) is None


async def test_a_key_counts_from_when_it_was_asked_about_not_from_when_that_was_heard(
    owner: asyncpg.Pool, api: asyncpg.Pool
) -> None:
    made = await ensure_bootstrap(owner, key=ADMIN_KEY)
    clock = Clockwork()
    here, elsewhere = Keys(api, cache_seconds=5, monotonic=clock), Keys(owner)
    (info,) = await elsewhere.list(made.tenant_id)
    async with owner.acquire() as blocking, blocking.transaction():
        await blocking.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(here.authenticate(ADMIN_KEY))

        async def waits() -> bool:
            return bool(await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await eventually(waits)
        clock.seconds = 4
    assert await asking
    assert await elsewhere.revoke(made.tenant_id, info.key_id)
    clock.seconds = 5.1
    assert await here.authenticate(ADMIN_KEY) is None


async def test_known_keys_serve_through_an_outage_up_to_its_bound(owner: asyncpg.Pool, api: asyncpg.Pool) -> None:
    await ensure_bootstrap(owner, key=ADMIN_KEY)
    clock = Clockwork()
    keys = Keys(api, cache_seconds=5, outage_seconds=60, monotonic=clock)
    assert await keys.authenticate(ADMIN_KEY)
    await api.close()
    clock.seconds = 59
    assert await keys.authenticate(ADMIN_KEY)
    with pytest.raises(AccessUnavailable):
        await keys.authenticate("a-key-never-seen")
    clock.seconds = 61
    with pytest.raises(AccessUnavailable):
        await keys.authenticate(ADMIN_KEY)


async def test_a_revoked_key_ends_at_the_bound_of_an_outage_also_where_connections_never_come_free(
    owner: asyncpg.Pool, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.access.keys._ASKING_SECONDS", 0.3)
    made = await ensure_bootstrap(owner, key=ADMIN_KEY)
    busy = await api_pool(fresh_database_url, max_connections=1)
    clock = Clockwork()
    here, elsewhere = Keys(busy, cache_seconds=5, outage_seconds=60, monotonic=clock), Keys(owner)
    assert await here.authenticate(ADMIN_KEY)
    (info,) = await elsewhere.list(made.tenant_id)
    assert await elsewhere.revoke(made.tenant_id, info.key_id)
    async with busy.acquire():
        for seconds in (6, 12, 59):  # believed again and again, and yet counted from when it was asked about
            clock.seconds = seconds
            assert await here.authenticate(ADMIN_KEY)
        clock.seconds = 61
        with pytest.raises(AccessUnavailable):
            await here.authenticate(ADMIN_KEY)
    assert await here.authenticate(ADMIN_KEY) is None
    busy.terminate()
