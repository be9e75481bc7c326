"""HTTP capture: POST /v1/events."""

from collections import Counter
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from domain.ports import Clock, EventLog, LogUnavailable
from domain.positions import vector_token
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.ingest.capture import Capture, Outcome, limits_of
from services.ingest.streaming import TwoWayResponse, stream_outcomes, whole_body
from services.problems import Problem
from services.settings import Settings


def create_router(*, log: EventLog, keys: Keys, clock: Clock, settings: Settings) -> APIRouter:
    """The capture routes over one log."""
    router = APIRouter()
    capture = Capture(log, clock, limits_of(settings))

    @router.post("/v1/events", status_code=202)
    async def capture_events(
        request: Request,
        caller: Annotated[Caller, Depends(caller_with(Role.CAPTURE, keys))],
        atomic: Annotated[bool, Query()] = False,
    ) -> Response:
        """One event, a JSON array, or NDJSON (streamed). 202 once the accepted ones are durably in the log.

        NDJSON answers an outcome a line, and last a record with the `status`; gzip bodies are taken.
        """
        if "ndjson" in request.headers.get("content-type", ""):
            return TwoWayResponse(
                stream_outcomes(request, capture, caller, settings=settings), media_type="application/x-ndjson"
            )
        documents = _documents(await whole_body(request, settings.max_body_bytes), settings.max_batch_events)
        outcomes = capture.judge(documents, caller)
        rejected = [o for o in outcomes if o.error is not None]
        if rejected and (atomic or len(rejected) == len(outcomes)):
            detail = f"{len(rejected)} of {len(outcomes)} events were rejected, nothing was appended"
            raise Problem(422, "rejected", detail, outcomes=[o.document() for o in rejected])
        try:
            await capture.append(outcomes)
        except LogUnavailable as error:
            durable = [p.token for p in error.positions if p is not None]
            raise Problem(
                503, "log-unavailable", f"{error}; send the same event ids again", durable=durable,
                headers={"Retry-After": "2"},
            ) from error  # fmt: skip
        return JSONResponse(_answer(outcomes), 202)

    return router


def _documents(body: bytes, limit: int) -> list[Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
    documents = parsed if isinstance(parsed, list) else [parsed]
    if not documents:
        raise Problem(422, "no-events", "the list is empty: send at least one event")
    if len(documents) > limit:
        raise Problem(413, "too-many-events", f"{len(documents)} events, at most {limit} in one request")
    return documents


def _answer(outcomes: list[Outcome]) -> dict[str, Any]:
    vector: dict[int, int] = {}
    for o in outcomes:
        if o.position is not None:
            vector[o.position.partition] = max(o.position.offset, vector.get(o.position.partition, -1))
    words = Counter(o.word for o in outcomes)
    return {
        **{word: words[word] for word in ("accepted", "duplicate", "rejected")},
        "position": vector_token(vector),
        "outcomes": [o.document() for o in outcomes],
    }
