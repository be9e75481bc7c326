"""HTTP capture: POST /v1/events, and the EPCIS route beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from domain.ports import Clock, EventLog, LogUnavailable
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.ingest import streaming
from services.ingest.bodies import whole_body
from services.ingest.capture import RETRY_AFTER_SECONDS, Capture
from services.ingest.epcis.app import create_router as epcis_router
from services.ingest.judging import Posted
from services.ingest.limits import limits_of
from services.ingest.lines import parsed
from services.ingest.openapi import capture_events as events_described
from services.ingest.outcomes import Outcome, Tally
from services.ingest.reading import NotJson, read
from services.metrics import IngestMetrics
from services.problems import Problem
from services.settings import Settings

_LARGE_BYTES = 1 << 20


def create_router(*, log: EventLog, keys: Keys, clock: Clock, settings: Settings, metrics: IngestMetrics) -> APIRouter:
    """All capture routes over one log, native and EPCIS."""
    capture = Capture(log, clock, limits=limits_of(settings), metrics=metrics)
    find = caller_with(Role.CAPTURE, keys)
    router = APIRouter(route_class=_at_once(find))
    _add_native(router, capture, find)
    router.include_router(epcis_router(capture=capture, log=log, keys=keys, clock=clock))
    return router


def _at_once(find: Callable[[Request], Awaitable[Caller]]) -> type[APIRoute]:
    """Routes of endpoints that take a request and its caller: called at once where the request has no query.

    What the framework does to solve parameters costs as much as validating an event, and there are none to be solved.
    """

    class AtOnce(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            solving, endpoint = super().get_route_handler(), self.endpoint

            async def handle(request: Request) -> Response:
                if request.scope["query_string"]:
                    return await solving(request)
                answer: Response = await endpoint(request, await find(request))
                return answer

            return handle

    return AtOnce


def _add_native(router: APIRouter, capture: Capture, find: Callable[[Request], Awaitable[Caller]]) -> None:
    @router.post("/v1/events", status_code=202, tags=["capture"], **events_described())
    async def capture_events(
        request: Request,
        caller: Annotated[Caller, Depends(find)],
        atomic: Annotated[bool, Query(description="Validate all events before any is appended.")] = False,
    ) -> Response:
        """Capture lifecycle events: one, a JSON array, or NDJSON (`application/x-ndjson`); gzip bodies are taken.

        202 once the accepted events are durably in the log, with an outcome an event: `accepted` with its `event_id`
        and `position`; `duplicate`; or `rejected` with the `field`, what is wrong and the `fix`. `notices` say what an
        accepted event leaves open, such as a receipt without an inspection. An event id is an idempotency key, made
        from the content where the sender gives none: after a 503 or a lost connection send the same request again.

        NDJSON is streamed both ways: it answers 200 at once, an outcome a line, and last a record whose `status` is
        what the whole came to. With `atomic` it is read whole, and answered as JSON.
        """
        posted = capture.posted(caller)
        lines = "ndjson" in request.headers.get("content-type", "").lower()
        if lines and not atomic:
            return streaming.respond(request, capture, posted)
        body = await whole_body(request, limit_bytes=capture.limits.body_bytes)
        documents = await _parsed(body, lines=lines)
        if not documents:
            raise Problem(422, "no-events", "the list is empty: send at least one event")
        if len(documents) > capture.limits.batch_events:
            limit = capture.limits.batch_events
            raise Problem(413, "too-many-events", f"{len(documents)} events, at most {limit} in one request")
        return await _capture(capture, documents, posted, atomic=atomic)


async def _capture(capture: Capture, documents: list[Any], posted: Posted, *, atomic: bool) -> Response:
    outcomes = await capture.judge(documents, posted)
    rejected = sum(o.error is not None for o in outcomes)
    if rejected and (atomic or rejected == len(outcomes)):
        capture.tell(outcomes, posted)
        told = [o.document() for o in outcomes if o.error is not None]
        raise Problem(422, "rejected", f"{_why(outcomes, rejected)}; nothing was appended", outcomes=told)
    try:
        await capture.append(outcomes)
    except LogUnavailable as error:
        detail = f"{error}; send the same request again: events that are in the log are recognised"
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        durable = _told(outcomes, Tally(outcomes))
        raise Problem(503, "log-unavailable", detail, headers=headers, **durable) from error
    finally:
        tally = Tally(outcomes)
        capture.tell(outcomes, posted, tally=tally)
    return Response(orjson.dumps(_told(outcomes, tally)), 202, media_type="application/json")


def _told(outcomes: list[Outcome], tally: Tally) -> dict[str, Any]:
    return tally.document() | {"outcomes": [o.document() for o in outcomes]}


def _why(outcomes: list[Outcome], rejected: int) -> str:
    first = next(o for o in outcomes if o.error is not None)
    told = first.error.told if first.error is not None else ""
    if len(outcomes) == 1:
        return told
    return f"{rejected} of {len(outcomes)} events were rejected, the first (index {first.index}): {told}"


async def _parsed(body: bytes, *, lines: bool) -> list[Any]:
    """The documents of a body. Raises Problem 400 where it is not JSON; other requests go on meanwhile."""

    def parse() -> list[Any]:
        if lines:
            return [parsed(line) for line in body.split(b"\n") if line.strip()]
        document = read(body)
        return document if isinstance(document, list) else [document]

    try:
        return await asyncio.to_thread(parse) if len(body) > _LARGE_BYTES else parse()
    except NotJson as error:
        raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
