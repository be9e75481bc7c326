"""The roles that a process may play: each one's routes and what it does by itself.

A role's parts are imported by who plays it: a process of one role would take twice as long to start with all of them.
"""

import asyncio
import os
import random
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from domain.clock import SystemClock
from domain.ports import EventLog
from services.access import Keys
from services.metrics import IngestMetrics, ProjectorLag, ProjectorMetrics, QueryMetrics, QuestionsTimed
from services.metrics import create_router as metrics_router
from services.settings import Settings

if TYPE_CHECKING:
    from services.projector.runner import Pace
    from services.query.graph.keeper import Graphs

ALL_ROLES = frozenset({"ingest", "projector", "query", "cases"})
VIEWING = frozenset({"projector", "cases"})
"""Those that read and write the views of all tenants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a process of these roles works on. `views` acts as the projector; None for who has no use of it."""

    settings: Settings
    log: EventLog
    api: asyncpg.Pool
    views: asyncpg.Pool | None
    roles: frozenset[str]


@dataclass(slots=True)
class Playing:
    """What runs until its event is set, what is closed thereafter, and what keeps a projector here from its work."""

    runs: list[Callable[[asyncio.Event], Coroutine[Any, Any, None]]] = field(default_factory=list)
    ends: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    trouble: Callable[[], str | None] = lambda: None


def played(parts: Parts, app: FastAPI, *, keys: Keys) -> Playing:
    """Add the routes of the roles to `app`."""
    registry, playing, roles = CollectorRegistry(), Playing(), parts.roles
    if "ingest" in roles:  # first: routes are tried one after the other, and no other is asked as often
        _ingest(parts, app, keys=keys, registry=registry)
    app.include_router(metrics_router(registry))
    if "projector" in roles:
        _projector(parts, playing, registry=registry)
    if roles & {"query", "cases"}:
        _questions(parts, app, keys=keys, registry=registry, playing=playing)
    return playing


def _ingest(parts: Parts, app: FastAPI, *, keys: Keys, registry: CollectorRegistry) -> None:
    from services.ingest.app import create_router

    counts = IngestMetrics(registry)
    app.include_router(
        create_router(log=parts.log, keys=keys, clock=SystemClock(), settings=parts.settings, metrics=counts)
    )


def pace_of(settings: Settings) -> "Pace":
    """How projectors work, as settings say."""
    from services.projector.runner import Pace

    return Pace(
        batch_records=settings.projector_batch_events,
        lease_seconds=settings.projector_lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        skew_seconds=settings.skew_bound_seconds,
    )


def _projector(parts: Parts, playing: Playing, *, registry: CollectorRegistry) -> None:
    from services.projector.runner import Projector
    from services.projector.telling import teller

    assert parts.views is not None
    projector = Projector(
        log=parts.log,
        pool=parts.views,
        name=f"{socket.gethostname()}-{os.getpid()}",
        pace=pace_of(parts.settings),
        told=teller(ProjectorMetrics(registry)),
    )
    registry.register(ProjectorLag(projector.lag_records))
    playing.runs.append(projector.run)
    playing.trouble = lambda: projector.trouble


def _questions(parts: Parts, app: FastAPI, *, keys: Keys, registry: CollectorRegistry, playing: Playing) -> None:
    """Of the roles query and cases, which look at the same graphs."""
    from services.query.graph.keeper import Graphs

    graphs = Graphs(parts.api, parts.settings)
    playing.ends.append(graphs.stop)
    if "query" in parts.roles:
        _query(parts, app, keys=keys, registry=registry, graphs=graphs)
    if "cases" in parts.roles:
        _cases(parts, app, keys=keys, graphs=graphs, playing=playing)


def _query(parts: Parts, app: FastAPI, *, keys: Keys, registry: CollectorRegistry, graphs: "Graphs") -> None:
    from services.access.admin import create_router as keys_router
    from services.contacts.app import create_router as contacts_router
    from services.query.app import create_router
    from services.webhooks.app import create_router as webhooks_router

    api, settings = parts.api, parts.settings
    asked = create_router(pool=api, keys=keys, settings=settings, graphs=graphs)
    app.include_router(asked)
    app.add_middleware(QuestionsTimed, metrics=QueryMetrics(registry), questions=asked.routes)
    app.include_router(keys_router(keys=keys))
    app.include_router(contacts_router(pool=api, keys=keys, settings=settings))
    app.include_router(webhooks_router(pool=api, keys=keys, settings=settings, clock=SystemClock()))


def _cases(parts: Parts, app: FastAPI, *, keys: Keys, graphs: "Graphs", playing: Playing) -> None:
    from services.cases.app import create_jobs, create_router
    from services.cases.commands import CaseDesk
    from services.query.snapshot import Questions
    from services.regimes.profiles import load_profiles

    assert parts.views is not None
    settings = parts.settings
    profiles = load_profiles(settings.regimes_dir)
    desk = CaseDesk(log=parts.log, pool=parts.api, clock=SystemClock(), settings=settings)
    questions = Questions(pool=parts.api, keys=keys, settings=settings, graphs=graphs)
    app.include_router(create_router(desk=desk, keys=keys, questions=questions, profiles=profiles))
    playing.runs.append(create_jobs(desk=desk, views=parts.views, questions=questions, profiles=profiles).run)
    if settings.webhook_calls:
        playing.runs.append(lambda stop: _tell(parts, stop))


async def _tell(parts: Parts, stop: asyncio.Event) -> None:
    """Call webhooks until told to stop."""
    from services.webhooks.dispatcher import Dispatcher, Patience
    from services.webhooks.guard import networks
    from services.webhooks.seals import Seals
    from services.webhooks.sending import Sender

    assert parts.views is not None
    settings = parts.settings
    sender = Sender(own=networks(settings.webhook_networks), seconds=settings.webhook_call_seconds)
    patience = Patience(
        first_seconds=settings.webhook_retry_seconds,
        attempts_max=settings.webhook_attempts_max,
        disable_after_seconds=settings.webhook_disable_after_seconds,
    )
    dispatcher = Dispatcher(
        api=parts.api,
        views=parts.views,
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
