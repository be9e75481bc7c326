"""API keys: made, listed, revoked, and turned into the callers they stand for.

A key is `zs_` and 256 random bits. Only its SHA-256 is kept: nothing that was guessable needs a slow hash.
"""

import asyncio
import hashlib
import re
import secrets
import time
import zoneinfo
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.access.callers import Caller, parse_roles
from services.database import UNREACHABLE, tenant_transaction

_PREFIX = "zs_"
_SECRET_BYTES = 32
_CACHED_KEYS_MAX = 10_000
_NAME_CHARS_MAX = 200
_ASKING_SECONDS = 5.0
_COLUMNS = "key_id, name, source, roles, sites, zone, created_at, revoked_at"


class AccessUnavailable(RuntimeError):
    """The database cannot be asked, and the key was not seen lately. Callers answer 503, never 401."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be shown of a key. Times are UTC."""

    key_id: int
    name: str
    source: str
    roles: frozenset[str]
    sites: frozenset[str] | None
    zone: str | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `value` is shown once and kept nowhere."""

    info: KeyInfo
    value: str

    def __repr__(self) -> str:
        return f"NewKey(info={self.info!r}, value='…')"


@dataclass(frozen=True, slots=True)
class _Cached:
    caller: Caller
    asked_at_seconds: float


def generate_key() -> str:
    """A new key value."""
    return _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_key(value: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(value.encode()).digest()


class Keys:
    """The keys of a database. One for each process: it remembers callers for a few seconds.

    `cache_seconds` is how long a revoked key may go on; `outage_seconds` is how long it may while the database cannot
    be asked, also since all connections are busy. Both count from when the database last vouched for the key.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        cache_seconds: float = 5.0,
        outage_seconds: float = 300.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._cache_seconds = cache_seconds
        self._outage_seconds = max(outage_seconds, cache_seconds)
        self._monotonic = monotonic
        self._cache: OrderedDict[bytes, _Cached] = OrderedDict()
        self._away_until_seconds = 0.0
        """Keys seen before are believed till then, and nobody waits once more for a database that gave no sign."""

    async def authenticate(self, value: str) -> Caller | None:
        """The caller of a key; None for a key that is unknown or revoked. Raises AccessUnavailable."""
        # Looked up by hash: how long that takes tells nothing about any key.
        hashed = hash_key(value)
        known = self._cache.get(hashed)
        age_seconds = self._monotonic() - known.asked_at_seconds if known else None
        away = self._monotonic() < self._away_until_seconds
        if known and age_seconds is not None and age_seconds < (self._outage_seconds if away else self._cache_seconds):
            return known.caller
        try:
            async with asyncio.timeout(_ASKING_SECONDS), self._pool.acquire() as connection:
                asked_at_seconds = self._monotonic()  # an answer may be long under way, and the key revoked meanwhile
                row = await connection.fetchrow("SELECT * FROM zhuisu_authenticate($1)", hashed)
        except UNREACHABLE as error:
            self._away_until_seconds = self._monotonic() + self._cache_seconds
            if known and age_seconds is not None and age_seconds < self._outage_seconds:
                return known.caller
            raise AccessUnavailable("the database that knows the keys cannot be asked: try again") from error
        self._away_until_seconds = 0.0
        if row is None:
            self._cache.pop(hashed, None)
            return None
        caller = Caller(
            tenant_id=row["tenant_id"],
            tenant_name=row["tenant_name"],
            key_id=row["key_id"],
            source=row["source"],
            roles=frozenset(row["roles"]),
            sites=_frozen(row["sites"]),
            zone=row["zone"],
            own_party=row["own_party"],
        )
        self._remember(hashed, _Cached(caller, asked_at_seconds))
        return caller

    def _remember(self, hashed: bytes, cached: _Cached) -> None:
        self._cache[hashed] = cached
        self._cache.move_to_end(hashed)
        while len(self._cache) > _CACHED_KEYS_MAX:
            self._cache.popitem(last=False)

    async def create(
        self,
        tenant_id: int,
        name: str,
        *,
        roles: frozenset[str],
        source: str | None = None,
        sites: frozenset[str] | None = None,
        zone: str | None = None,
        value: str | None = None,
    ) -> NewKey:
        """Make a key. `source` is `name` where left out; `value` is random where left out.

        Raises ValueError that names the argument, and for a `value` that exists.
        """
        _check_name("name", name)
        _check_name("source", source or name)
        if sites is not None and not sites:
            raise ValueError("sites: an empty scope would see nothing; leave it out for all sites")
        if zone is not None:
            check_zone(zone)
        value = value or generate_key()
        check_value(value)
        try:
            async with tenant_transaction(
                self._pool, tenant_id, readonly=False, isolation="read_committed"
            ) as connection:
                row = await connection.fetchrow(
                    "INSERT INTO api_keys (tenant_id, key_hash, name, source, roles, sites, zone) "
                    f"VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}",
                    tenant_id,
                    hash_key(value),
                    name,
                    source or name,
                    sorted(parse_roles(roles)),
                    sorted(sites) if sites is not None else None,
                    zone,
                )
        except asyncpg.UniqueViolationError as error:
            raise ValueError("value: a key with this value exists; choose another") from error
        return NewKey(_info(row), value)

    async def list(self, tenant_id: int) -> list[KeyInfo]:
        """All keys of a tenant, revoked ones too, oldest first."""
        async with tenant_transaction(self._pool, tenant_id) as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM api_keys WHERE tenant_id = $1 ORDER BY key_id", tenant_id
            )
        return [_info(row) for row in rows]

    async def revoke(self, tenant_id: int, key_id: int) -> KeyInfo | None:
        """Take a key back; None when the tenant has no such key. It ends everywhere within `cache_seconds`."""
        async with tenant_transaction(self._pool, tenant_id, readonly=False, isolation="read_committed") as connection:
            row = await connection.fetchrow(
                "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) "
                f"WHERE tenant_id = $1 AND key_id = $2 RETURNING {_COLUMNS}",
                tenant_id,
                key_id,
            )
        if row is None:
            return None
        for hashed in [hashed for hashed, cached in self._cache.items() if cached.caller.key_id == key_id]:
            del self._cache[hashed]
        return _info(row)


def check_value(value: str) -> None:
    """Raises ValueError for a key that an HTTP header could not carry."""
    if not re.fullmatch(r"[!-~]{8,200}", value):
        raise ValueError(
            "a key has 8 to 200 visible ASCII characters without spaces; `zs_` and 43 random ones are best"
        )


def check_zone(zone: str) -> None:
    """Raises ValueError unless `zone` is an IANA zone (Asia/Shanghai) or a UTC offset (+08:00)."""
    if re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", zone):
        return
    try:
        zoneinfo.ZoneInfo(zone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise ValueError(f"zone: {zone!r} is no IANA zone (Asia/Shanghai) nor UTC offset (+08:00)") from error


def _check_name(field: str, value: str) -> None:
    if not value.strip() or len(value) > _NAME_CHARS_MAX or not value.isprintable():
        raise ValueError(f"{field}: give 1 to {_NAME_CHARS_MAX} printable characters")


def _frozen(values: "list[str] | None") -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _info(row: asyncpg.Record) -> KeyInfo:
    fields = dict(row.items())
    return KeyInfo(**(fields | {"roles": frozenset(fields["roles"]), "sites": _frozen(fields["sites"])}))
