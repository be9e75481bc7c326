"""What Prometheus may ask: counts on a registry that the composition root makes, and `GET /metrics`."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_WAYS = frozenset({"forward", "backward"})


class IngestMetrics:
    """What capture counts. Every posted event is counted once: accepted, duplicate, rejected or unknown."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.accepted = Counter(
            "zhuisu_events_accepted", "Events durably in the log, acknowledged to their sender.", registry=registry
        )
        self.duplicate = Counter(
            "zhuisu_events_duplicate", "Events recognised as already in the log.", registry=registry
        )
        self.rejected = Counter(
            "zhuisu_events_rejected", "Events refused, by the code of the reason.", ["reason"], registry=registry
        )
        self.unknown = Counter(
            "zhuisu_events_unknown", "Events whose append was not confirmed: senders retry.", registry=registry
        )
        self.flagged = Counter(
            "zhuisu_events_flagged",
            "Accepted events that leave something open, by what: no_inspection, no_certificate, ...",
            ["notice"],
            registry=registry,
        )
        self.append_seconds = Histogram(
            "zhuisu_append_seconds", "Time until the log confirmed a batch.", buckets=_SECONDS, registry=registry
        )
        self.batch_events = Histogram(
            "zhuisu_append_batch_events", "Events handed to the log at once.", buckets=_SIZES, registry=registry
        )


class ProjectorMetrics:
    """What a projector counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.applied = Counter(
            "zhuisu_projected_events", "Events new to the views, by partition.", ["partition"], registry=registry
        )
        self.batch_records = Histogram(
            "zhuisu_projector_batch_records", "Records in one transaction.", buckets=_SIZES, registry=registry
        )
        self.dead_letters = Counter(
            "zhuisu_dead_letters", "Records put aside, by partition.", ["partition"], registry=registry
        )


class QueryMetrics:
    """How long questions took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "zhuisu_question_seconds",
            "Time to answer, by question, such as trace/forward or items/state.",
            ["question"],
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, question: str, seconds: float) -> None:
        """One answer, or refusal, to `question` took so long."""
        self._seconds.labels(question=question).observe(seconds)


class QuestionsTimed:
    """ASGI middleware: observes each request of the routes of `questions`, under the name of its route.

    Not a dependency of these routes: the framework takes longer to enter and leave one than a statement takes.
    """

    def __init__(self, app: ASGIApp, *, metrics: QueryMetrics, questions: Iterable[BaseRoute]) -> None:
        self._app, self._metrics = app, metrics
        self._routes = {(m, r.path) for r in questions if isinstance(r, Route) for m in r.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            path = getattr(scope.get("route"), "path", None)
            if path is not None and (scope["method"], path) in self._routes:
                self._metrics.observe(_question(path, scope["path_params"]), time.perf_counter() - started)


class ProjectorLag(Collector):
    """Records behind, by partition. `lag` is asked at each scrape: a partition that was given away is not shown."""

    def __init__(self, lag: Callable[[], Mapping[int, int]]) -> None:
        self._lag = lag

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauge."""
        gauge = GaugeMetricFamily(
            "zhuisu_projector_lag_records", "Records in the log that the views lack.", labels=["partition"]
        )
        for partition, records in sorted(self._lag().items()):
            gauge.add_metric([str(partition)], records)
        yield gauge


def create_router(registry: CollectorRegistry) -> APIRouter:
    """`GET /metrics`, in Prometheus' text format."""
    router = APIRouter()

    @router.get("/metrics", tags=["operation"], response_class=Response)
    async def metrics() -> Response:
        """Everything this process counts, in Prometheus' text format. Needs no key: it shows no data of tenants."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _question(path: str, parameters: Mapping[str, Any]) -> str:
    """The route's path, with the way of a trace filled in: never what the sender wrote, so the names are few."""
    way = parameters.get("way")
    return path.removeprefix("/v1/").replace("{way}", str(way) if way in _WAYS else "other")
