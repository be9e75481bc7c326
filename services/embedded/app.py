"""Everything in one process: what `zhuisu up` runs."""

import asyncio
import contextlib
import os
import random
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
from prometheus_client import CollectorRegistry

from domain.clock import SystemClock
from domain.ports import EventLog, LogUnavailable
from migrations.run import upgrade
from services.access import Keys, default_own_party, ensure_bootstrap
from services.access.admin import create_router as keys_router
from services.cases.app import create_jobs
from services.cases.app import create_router as cases_router
from services.cases.commands import CaseDesk
from services.contacts.app import create_router as contacts_router
from services.database import UNREACHABLE, api_pool, owner_pool, projector_pool
from services.embedded import postgres
from services.embedded.admin_key import remembered_key
from services.embedded.data_folder import DataDirInUse
from services.eventlog.kafka import KafkaEventLog
from services.eventlog.postgres import PostgresEventLog
from services.ingest.app import create_router as ingest_router
from services.metrics import IngestMetrics, ProjectorLag, ProjectorMetrics, QueryMetrics, QuestionsTimed
from services.metrics import create_router as metrics_router
from services.problems import install
from services.projector.runner import Pace, Projector
from services.projector.telling import teller
from services.query.app import create_router as query_router
from services.query.freshness import Freshness, freshness
from services.query.graph.keeper import Graphs
from services.query.snapshot import Questions
from services.regimes.profiles import load_profiles
from services.settings import Settings
from services.turns import Turns
from services.webhooks.app import create_router as webhooks_router
from services.webhooks.dispatcher import Dispatcher, Patience
from services.webhooks.guard import networks
from services.webhooks.seals import Seals
from services.webhooks.sending import Sender

ALL_ROLES = frozenset({"ingest", "projector", "query", "cases"})
_BACKLOG = 2048
_START_SECONDS, _START_PAUSE_SECONDS = 60.0, 0.5
_READY_SECONDS = 5.0

_AWAY: tuple[type[Exception], ...] = (*UNREACHABLE, LogUnavailable)

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


def pace_of(settings: Settings) -> Pace:
    """How projectors work, as settings say."""
    return Pace(
        batch_records=settings.projector_batch_events,
        lease_seconds=settings.projector_lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
    )


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
    )


def event_log(settings: Settings, database_url: str) -> EventLog:
    """The log that settings name."""
    if settings.log == "kafka":
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
        pools: list[asyncpg.Pool] = []
        for open_pool in (
            partial(request_pool, settings, url),
            partial(projector_pool, url, max_connections=settings.projector_pool_max_connections),
        ):
            pools.append(await _patiently(open_pool, stop=stop))
            stack.push_async_callback(pools[-1].close)
        if not stop.is_set():
            await _serve(settings, log, listener=listener, pools=pools, key=key, told=told, stop=stop, roles=roles)


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
    settings: Settings,
    log: EventLog,
    *,
    listener: socket.socket,
    pools: list[asyncpg.Pool],
    key: str,
    told: Callable[[Running], None],
    stop: asyncio.Event,
    roles: frozenset[str],
) -> None:
    api, views = pools
    keys = Keys(api, cache_seconds=settings.key_cache_seconds, outage_seconds=settings.key_cache_outage_seconds)
    graphs = Graphs(api, settings)
    registry = CollectorRegistry()
    name = f"{socket.gethostname()}-{os.getpid()}"
    projecting_here = "projector" in roles
    told_of_batches = teller(ProjectorMetrics(registry)) if projecting_here else None
    projector = Projector(log=log, pool=views, name=name, pace=pace_of(settings), told=told_of_batches)
    if projecting_here:
        registry.register(ProjectorLag(projector.lag_records))
    app = FastAPI(title="Zhuisu 追溯")
    install(app)
    if "ingest" in roles:  # first: routes are tried one after the other, and no other is asked as often
        counts = IngestMetrics(registry)
        app.include_router(ingest_router(log=log, keys=keys, clock=SystemClock(), settings=settings, metrics=counts))
    app.include_router(metrics_router(registry))
    if "query" in roles:
        asked = query_router(pool=api, keys=keys, settings=settings, graphs=graphs)
        app.include_router(asked)
        app.add_middleware(QuestionsTimed, metrics=QueryMetrics(registry), questions=asked.routes)
        app.include_router(keys_router(keys=keys))
        app.include_router(contacts_router(pool=api, keys=keys, settings=settings))
        app.include_router(webhooks_router(pool=api, keys=keys, settings=settings, clock=SystemClock()))
    profiles = load_profiles(settings.regimes_dir)
    desk = CaseDesk(log=log, pool=api, clock=SystemClock(), settings=settings)
    questions = Questions(pool=api, keys=keys, settings=settings, graphs=graphs)
    if "cases" in roles:
        app.include_router(cases_router(desk=desk, keys=keys, questions=questions, profiles=profiles))
    jobs = create_jobs(desk=desk, views=views, questions=questions, profiles=profiles)
    _health(app, log=log, pool=api, projector=projector, settings=settings)
    config = uvicorn.Config(
        Turns().serving(app),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    listening = asyncio.create_task(server.serve(sockets=[listener]))
    runs = [projector.run(stop)] if projecting_here else []
    if "cases" in roles:
        runs.append(jobs.run(stop))
        runs += [_tell(settings, pools, stop)] if settings.webhook_calls else []
    working = [asyncio.create_task(run) for run in runs]
    await _started(server, listening)
    if server.started:
        told(Running(f"http://{settings.host}:{listener.getsockname()[1]}", key))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, listening, *working}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    server.should_exit = True
    await asyncio.gather(listening, *working)
    await graphs.stop()


async def _tell(settings: Settings, pools: list[asyncpg.Pool], stop: asyncio.Event) -> None:
    """Call webhooks until told to stop."""
    sender = Sender(own=networks(settings.webhook_networks), seconds=settings.webhook_call_seconds)
    patience = Patience(
        first_seconds=settings.webhook_retry_seconds,
        attempts_max=settings.webhook_attempts_max,
        disable_after_seconds=settings.webhook_disable_after_seconds,
    )
    dispatcher = Dispatcher(
        api=pools[0],
        views=pools[1],
        sender=sender,
        clock=SystemClock(),
        chance=random.Random(),
        patience=patience,
        call_seconds=settings.webhook_call_seconds,
        seals=Seals(settings.webhook_keys),
    )
    try:
        await dispatcher.run(stop)
    finally:
        await sender.close()


async def _started(server: uvicorn.Server, listening: asyncio.Task[None]) -> None:
    """Until the server listens or has failed; uvicorn tells it by a flag only."""
    while not server.started and not listening.done():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def _health(app: FastAPI, *, log: EventLog, pool: asyncpg.Pool, projector: Projector, settings: Settings) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether this process answers at all."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether captures and questions would be served now, and how fresh answers are."""
        of_log, fresh = await asyncio.gather(log.healthy(), _fresh(pool, settings))
        parts = {"log": of_log or "ok", "database": "ok", "projector": projector.trouble or "ok"}
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
    except UNREACHABLE as error:
        return error
