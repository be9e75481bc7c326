"""Everything in one process: what `zhuisu up` runs."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import asyncpg
import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from domain.ports import EventLog, LogUnavailable
from services.access import Keys, default_own_party, ensure_bootstrap
from services.database import UNREACHABLE, api_pool, owner_pool, projector_pool
from services.embedded import postgres
from services.embedded.admin_key import remembered_key
from services.embedded.data_folder import DataDirInUse
from services.embedded.roles import ALL_ROLES, VIEWING, Parts, played
from services.eventlog.postgres import PostgresEventLog
from services.problems import install
from services.query.freshness import Freshness, freshness
from services.settings import Settings
from services.turns import Turns

_BACKLOG = 2048
_START_SECONDS, _START_PAUSE_SECONDS = 60.0, 0.5
_READY_SECONDS = 5.0
_LEAVE_SECONDS = 20
"""Who is being answered when told to stop has so long; less than what waits for the process gives it (deploy)."""

_AWAY: tuple[type[Exception], ...] = (*UNREACHABLE, LogUnavailable)
_UNANSWERED: tuple[type[Exception], ...] = (*UNREACHABLE, asyncpg.PostgresError)

T = TypeVar("T")
log_to = structlog.get_logger("zhuisu")


class CannotListen(RuntimeError):
    """The address and port are not to be had. The message names the settings."""


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that is up: where it listens, and the admin key."""

    url: str
    key: str


@contextlib.asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database: the one named in settings, or an embedded server that lives as long as this."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = await asyncio.to_thread(postgres.start, settings.data_dir)
    try:
        yield server.dsn
    finally:
        await asyncio.to_thread(server.stop)


@contextlib.asynccontextmanager
async def database_beside(settings: Settings) -> AsyncIterator[str]:
    """As `database`, but for administration: where another process runs the embedded server, that one."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(database(settings))
        except DataDirInUse:
            url = postgres.url_of_running(settings.data_dir)
        yield url


async def request_pool(settings: Settings, url: str) -> asyncpg.Pool:
    """Connections for requests, bounded as settings say."""
    return await api_pool(
        url,
        max_connections=settings.api_pool_max_connections,
        min_connections=settings.api_pool_min_connections,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        connect_seconds=settings.database_connect_seconds,
    )


async def views_pool(settings: Settings, url: str) -> asyncpg.Pool:
    """Connections for a projector and for jobs, bounded as settings say."""
    return await projector_pool(
        url,
        max_connections=settings.projector_pool_max_connections,
        statement_timeout_seconds=settings.projector_statement_timeout_seconds,
        connect_seconds=settings.database_connect_seconds,
    )


def event_log(settings: Settings, database_url: str) -> EventLog:
    """The log that settings name."""
    if settings.log == "kafka":
        from services.eventlog.kafka import KafkaEventLog

        return KafkaEventLog(
            bootstrap_servers=settings.kafka_bootstrap_servers or "",
            topic=settings.kafka_topic,
            partitions=settings.kafka_partitions,
            replication_factor=settings.kafka_replication_factor,
            min_insync_replicas=settings.kafka_min_insync_replicas,
        )
    return PostgresEventLog(dsn=database_url, partitions=settings.log_partitions)


async def run(
    settings: Settings,
    *,
    told: Callable[[Running], None],
    stop: asyncio.Event | None = None,
    roles: frozenset[str] = ALL_ROLES,
) -> None:
    """Bring everything up, serve until SIGINT, SIGTERM or `stop`, and take it down again.

    With some of the roles only: one process of several, on the database and log that settings name.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    listener = _listen(settings)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listener.close)
        url = await stack.enter_async_context(database(settings))
        key = await _patiently(partial(prepare, settings, url), stop=stop) if roles == ALL_ROLES else ""
        log = event_log(settings, url)
        stack.push_async_callback(log.stop)
        await _patiently(partial(_unless_stopped, log.start, stop=stop), stop=stop)
        api = await _patiently(partial(request_pool, settings, url), stop=stop)
        stack.push_async_callback(api.close)
        views = None
        if roles & VIEWING:
            views = await _patiently(partial(views_pool, settings, url), stop=stop)
            stack.push_async_callback(views.close)
        parts = Parts(settings=settings, log=log, api=api, views=views, roles=roles)
        if not stop.is_set():
            await _serve(parts, listener=listener, key=key, told=told, stop=stop)


async def _patiently(start: Callable[[], Awaitable[T]], *, stop: asyncio.Event) -> T:
    """What `start` gives, tried again while a database or log is away: they restart too. Raises what it raised last."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _START_SECONDS
    while True:
        try:
            return await start()
        except _AWAY as error:
            if loop.time() > until or stop.is_set():
                raise
            log_to.warning("start_waits", reason=f"{type(error).__name__}: {error}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _START_PAUSE_SECONDS)


async def _unless_stopped(start: Callable[[], Awaitable[None]], *, stop: asyncio.Event) -> None:
    """A start of the log, which waits for half a minute by itself, left when told to stop. Raises LogUnavailable."""
    starting, stopping = asyncio.ensure_future(start()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            raise LogUnavailable("told to stop before the log could be reached")
        await starting
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)


def _listen(settings: Settings) -> socket.socket:
    """A socket that holds the port, taken before anything is started. Raises CannotListen."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # Now, not when all is up: of two that are started at once the second is told at once.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        where = f"{settings.host}:{settings.port}"
        raise CannotListen(
            f"cannot listen on {where} ({error.strerror}): stop what does, or choose another --port (ZHUISU_PORT)"
        ) from error
    return listener


async def prepare(settings: Settings, url: str) -> str:
    """Bring the schema up and see that the tenant and its admin key are there; returns the key."""
    from migrations.run import upgrade  # it takes long to load, and most processes find the schema as it should be

    await upgrade(url)
    key = settings.bootstrap_key.get_secret_value() if settings.bootstrap_key else remembered_key(settings.data_dir)
    owner = await owner_pool(url)
    try:
        party = settings.own_party or default_own_party(settings.tenant_name)
        await ensure_bootstrap(owner, tenant_name=settings.tenant_name, own_party=party, key=key)
    finally:
        await owner.close()
    return key


async def _serve(
    parts: Parts,
    *,
    listener: socket.socket,
    key: str,
    told: Callable[[Running], None],
    stop: asyncio.Event,
) -> None:
    settings = parts.settings
    app = FastAPI(title="Zhuisu 追溯")
    install(app)
    keys = Keys(parts.api, cache_seconds=settings.key_cache_seconds, outage_seconds=settings.key_cache_outage_seconds)
    playing = played(parts, app, keys=keys)
    _health(app, log=parts.log, pool=parts.api, trouble=playing.trouble, settings=settings)
    config = uvicorn.Config(
        Turns().serving(app),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    listening = asyncio.create_task(server.serve(sockets=[listener]))
    working = [asyncio.create_task(run(stop)) for run in playing.runs]
    await _started(server, listening)
    if server.started:
        told(Running(f"http://{settings.host}:{listener.getsockname()[1]}", key))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, listening, *working}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    server.should_exit = True
    await asyncio.gather(listening, *working)
    for end in playing.ends:
        await end()


async def _started(server: uvicorn.Server, listening: asyncio.Task[None]) -> None:
    """Until the server listens or has failed; uvicorn tells it by a flag only."""
    while not server.started and not listening.done():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def _health(
    app: FastAPI, *, log: EventLog, pool: asyncpg.Pool, trouble: Callable[[], str | None], settings: Settings
) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether this process answers at all."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether captures and questions would be served now, and how fresh answers are."""
        of_log, fresh = await asyncio.gather(log.healthy(), _fresh(pool, settings))
        parts = {"log": of_log or "ok", "database": "ok", "projector": trouble() or "ok"}
        if isinstance(fresh, Exception):
            parts["database"] = f"cannot be asked: {type(fresh).__name__}"
        elif fresh.behind is None and parts["projector"] == "ok":
            parts["projector"] = "gives no sign"
        lag = None if isinstance(fresh, Exception) else fresh.lag()
        ready = all(word == "ok" for word in parts.values())
        return JSONResponse({"ready": ready, "lag": lag, "parts": parts}, 200 if ready else 503)


async def _fresh(pool: asyncpg.Pool, settings: Settings) -> Freshness | Exception:
    """How fresh the views are, or why the database cannot be asked."""
    try:
        async with asyncio.timeout(_READY_SECONDS), pool.acquire() as connection:
            return await freshness(connection, stale_after_seconds=3 * settings.heartbeat_seconds + 2)
    except _UNANSWERED as error:
        return error
