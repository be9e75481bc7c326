"""The first tenant and the first key: what a fresh database needs before anybody can ask anything."""

from dataclasses import dataclass

import asyncpg

from services.access.callers import Role
from services.access.keys import check_value, generate_key, hash_key
from services.database import tenant_transaction

_LOCK_KEY = 0x7A68756973750002  # "zhuisu", 2: one process at a time
_ADMIN_KEY_NAME = "bootstrap"


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The tenant and the key that are there now.

    `key` is the value given or just generated; None when an admin key was there already and none was given.
    `key_revoked` tells that the value given was taken back earlier: it stays so.
    """

    tenant_id: int
    tenant_name: str
    own_party: str
    key: str | None
    key_revoked: bool = False

    def __repr__(self) -> str:
        return f"Bootstrap(tenant_id={self.tenant_id}, tenant_name={self.tenant_name!r}, own_party={self.own_party!r})"


def default_own_party(tenant_name: str) -> str:
    """The party id of a tenant that gave none: a URI of its own, so that two tenants' lots never meet."""
    return f"urn:zhuisu:party:{tenant_name}"


async def ensure_bootstrap(
    pool: asyncpg.Pool, *, tenant_name: str = "default", own_party: str | None = None, key: str | None = None
) -> Bootstrap:
    """Make the tenant, and an admin key with the value `key` (generated where None), unless they are there.

    `pool` connects as the tables' owner. Safe to repeat at each start and from several processes at once. A tenant's
    `own_party` is set once: ids already recorded depend on it. Raises ValueError for a `key` that cannot be one, that
    belongs to another tenant, or an `own_party` other than the recorded one.
    """
    if key is not None:
        check_value(key)
    tenant_id, recorded_party = await _ensure_tenant(pool, tenant_name, own_party or default_own_party(tenant_name))
    if own_party is not None and own_party != recorded_party:
        raise ValueError(
            f"own_party: tenant {tenant_name} was made with {recorded_party}, and recorded ids depend on it: "
            f"set ZHUISU_OWN_PARTY to that, or to nothing (now {own_party})"
        )
    async with tenant_transaction(pool, tenant_id, readonly=False, isolation="read_committed") as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
        if key is None:
            admin_exists = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM api_keys WHERE tenant_id = $1 AND 'admin' = ANY (roles) "
                "AND revoked_at IS NULL)",
                tenant_id,
            )
            if admin_exists:
                return Bootstrap(tenant_id, tenant_name, recorded_party, None)
            key = generate_key()
        found = await connection.fetchrow(
            "SELECT tenant_id, revoked_at IS NOT NULL AS revoked FROM api_keys WHERE key_hash = $1", hash_key(key)
        )
        if found is not None and found["tenant_id"] != tenant_id:
            raise ValueError("ZHUISU_BOOTSTRAP_KEY is a key of another tenant: choose another value")
        if found is None:
            await connection.execute(
                "INSERT INTO api_keys (tenant_id, key_hash, name, source, roles) VALUES ($1, $2, $3, $3, $4)",
                tenant_id,
                hash_key(key),
                _ADMIN_KEY_NAME,
                [str(Role.ADMIN)],
            )
        revoked = found is not None and bool(found["revoked"])
    return Bootstrap(tenant_id, tenant_name, recorded_party, key, key_revoked=revoked)


async def _ensure_tenant(pool: asyncpg.Pool, name: str, own_party: str) -> tuple[int, str]:
    await pool.execute(
        "INSERT INTO tenants (name, own_party) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, own_party
    )
    row = await pool.fetchrow("SELECT tenant_id, own_party FROM tenants WHERE name = $1", name)
    return row["tenant_id"], row["own_party"]
