"""Connections to PostgreSQL: pools that act as one role each, and transactions that see one tenant.

Requests act as `zhuisu_api`, which row-level security binds; the projector acts as `zhuisu_projector`, which it does
not. A role is taken on when the connection starts, so that neither RESET nor the return to the pool undoes it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Literal

import asyncpg
import orjson

API_ROLE = "zhuisu_api"
PROJECTOR_ROLE = "zhuisu_projector"

Isolation = Literal["read_committed", "repeatable_read", "serializable"]

# A server or network that gives no sign must not hold a caller for minutes.
CONNECT_SECONDS = 10.0
_TURN_SECONDS = 30.0
"""for one of a pool's connections to come free"""
QUICK_SECONDS = 10.0
"""What takes a server no time has not been heard after so long."""
_GIVING_UP_SECONDS = 5.0
_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 30, 5, 3
_UNHEARD_MS = 20_000
# What asyncpg and its operating system raise when the database cannot be asked, as opposed to: answers with an error.
UNREACHABLE: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    # What asyncpg 0.32 says of a connection that ends in the moment it is taken from the pool.
    asyncpg.InternalClientError,
)


NOT_LET_IN: tuple[type[Exception], ...] = (asyncpg.InvalidAuthorizationSpecificationError,)
"""A wrong user or password: no waiting makes it right."""


class DatabaseNotReady(RuntimeError):
    """The database is there, but not brought up to this version, or does not let us in. The message names the fix."""

    @classmethod
    def for_us(cls, error: BaseException) -> "DatabaseNotReady":
        """Of one of NOT_LET_IN."""
        return cls(f"the database does not let us in ({error}): mend user and password in ZHUISU_DATABASE_URL")


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is not typed
    """Ends where the server does not even hear that a statement is given up.

    It can tell that there is nothing to reset before another has it: that is a round trip.
    """

    __slots__ = ("_untouched",)
    _untouched: bool

    def left_untouched(self) -> None:
        """Whoever has it now asked one statement that leaves nothing behind in the session, and asks no more."""
        self._untouched = True

    def get_reset_query(self) -> str:
        """Nothing, once, after `left_untouched`."""
        untouched, self._untouched = getattr(self, "_untouched", False), False
        return "" if untouched else str(super().get_reset_query())

    async def _cancel(self, *waiters: Any) -> None:
        # asyncpg waits for that as long as a statement may take, the caller with it: silence would hold both for ever.
        async with asyncio.timeout(_GIVING_UP_SECONDS) as given_up:
            await super()._cancel(*waiters)
        if given_up.expired():
            self.terminate()


def watch_peer(connection: asyncpg.Connection) -> None:
    """Have the operating system end a TCP connection whose other end is gone without a word, within a minute."""
    sock = connection._transport.get_extra_info("socket")
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _IDLE_SECONDS),
        ("TCP_KEEPINTVL", _PROBE_SECONDS),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", _UNHEARD_MS),
    ):
        if hasattr(socket, name):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def api_pool(
    url: str,
    *,
    max_connections: int = 10,
    min_connections: int = 1,
    statement_timeout_seconds: float = 30.0,
    connect_seconds: float = CONNECT_SECONDS,
) -> asyncpg.Pool:
    """Connections for requests, as the role `zhuisu_api`. Raises DatabaseNotReady, and one of UNREACHABLE."""
    return await _pool(
        url,
        role=API_ROLE,
        min_connections=min_connections,
        max_connections=max_connections,
        statement_timeout_seconds=statement_timeout_seconds,
        connect_seconds=connect_seconds,
    )


async def projector_pool(
    url: str,
    *,
    max_connections: int = 8,
    min_connections: int = 1,
    statement_timeout_seconds: float = 600.0,
    connect_seconds: float = CONNECT_SECONDS,
) -> asyncpg.Pool:
    """Connections for the projector, as `zhuisu_projector`: past row-level security, it checks tenants in code.

    `statement_timeout_seconds`: far more than any batch takes, so that a silent server holds nothing for ever; 0: none.
    """
    return await _pool(
        url,
        role=PROJECTOR_ROLE,
        min_connections=min_connections,
        max_connections=max_connections,
        statement_timeout_seconds=statement_timeout_seconds,
        connect_seconds=connect_seconds,
    )


async def owner_pool(url: str, *, max_connections: int = 4) -> asyncpg.Pool:
    """Connections as the user of the URL, who owns the tables: for start-up and administration, never for requests."""
    return await _pool(url, role=None, min_connections=0, max_connections=max_connections, statement_timeout_seconds=0)


async def _pool(
    url: str,
    *,
    role: str | None,
    min_connections: int,
    max_connections: int,
    statement_timeout_seconds: float,
    connect_seconds: float = CONNECT_SECONDS,
) -> asyncpg.Pool:
    server_settings = {
        "application_name": role or "zhuisu_owner",
        "statement_timeout": str(int(statement_timeout_seconds * 1000)),
        "idle_in_transaction_session_timeout": "60000",
        "timezone": "UTC",
        "jit": "off",
    }
    if role is not None:
        server_settings["role"] = role
    if role == PROJECTOR_ROLE:
        # A plan made while the views were empty is kept, and would read whole tables later: the index is always right.
        server_settings["enable_seqscan"] = "off"
    pool = asyncpg.create_pool(
        url,
        min_size=min(min_connections, max_connections),
        max_size=max_connections,
        init=_prepare,
        connection_class=_Connection,
        server_settings=server_settings,
        timeout=connect_seconds,
        # A server that cannot do anything any more does not end a statement either.
        command_timeout=statement_timeout_seconds + QUICK_SECONDS if statement_timeout_seconds else None,
    )
    try:
        await pool
        # Also when no connection is kept: a missing role is told now, not at the first request.
        async with pool.acquire(timeout=connect_seconds):
            return pool
    except NOT_LET_IN as error:
        pool.terminate()
        raise DatabaseNotReady.for_us(error) from error
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
        pool.terminate()
        raise DatabaseNotReady(f"the database does not let us be {role} ({error}): run `zhuisu migrate`") from error
    except BaseException:
        pool.terminate()
        raise


async def _prepare(connection: asyncpg.Connection) -> None:
    watch_peer(connection)
    await set_codecs(connection)


async def set_codecs(connection: asyncpg.Connection) -> None:
    """json and jsonb as Python values, by orjson; a `bytes` given for them is taken as JSON already.

    In binary form, since COPY takes no other.
    """
    for name, version in (("json", b""), ("jsonb", b"\x01")):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=partial(_encode_json, version=version),
            decoder=partial(_decode_json, version=version),
            format="binary",
        )


def _encode_json(value: Any, *, version: bytes) -> bytes:
    return version + (value if isinstance(value, bytes) else orjson.dumps(value))


def _decode_json(value: bytes, *, version: bytes) -> Any:
    return orjson.loads(bytes(value)[len(version) :])


@asynccontextmanager
async def tenant_transaction(
    pool: asyncpg.Pool, tenant_id: int, *, readonly: bool = True, isolation: Isolation = "repeatable_read"
) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that sees the rows of `tenant_id` alone; rolled back if the body raises.

    Repeatable read by default: all statements of one answer see one state of the database. Raises one of UNREACHABLE,
    also where no connection comes free or the server gives no sign.
    """
    async with pool.acquire(timeout=_TURN_SECONDS) as connection, AsyncExitStack() as begun:
        try:
            async with asyncio.timeout(QUICK_SECONDS):
                await begun.enter_async_context(connection.transaction(isolation=isolation, readonly=readonly))
                await connection.execute("SELECT pg_catalog.set_config('zhuisu.tenant', $1, true)", str(tenant_id))
        except TimeoutError:
            connection.terminate()  # else its rollback would be waited for
            raise
        yield connection


async def fetch_alone(pool: asyncpg.Pool, statement: str, *parameters: object) -> list[asyncpg.Record]:
    """The rows of one statement that is a question by itself and leaves nothing behind in the session."""
    async with pool.acquire() as connection:
        rows: list[asyncpg.Record] = await connection.fetch(statement, *parameters)
        connection.left_untouched()
        return rows


async def ensure_database(server_url: str, name: str, *, template: str | None = None) -> None:
    """Create the database `name` on the server of `server_url` if it is not there. Needs CREATEDB."""
    connection = await asyncpg.connect(server_url, timeout=CONNECT_SECONDS)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", name):
            return
        quoted = _quote_identifier(name)
        source = f" TEMPLATE {_quote_identifier(template)}" if template else ""
        try:
            await connection.execute(f"CREATE DATABASE {quoted}{source}")
        except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            return  # another process was first
    finally:
        await connection.close()


def _quote_identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
