"""POST /epcis/v2/capture: the document's events are in the log before the answer (EPCIS 2.0 §12.6)."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse

from domain.envelope import Envelope, partition_key
from domain.events import CaptureError, CaptureFinished
from domain.moments import Moment, to_us
from domain.ports import Clock, EventLog, LogUnavailable, Record
from domain.positions import vector_token
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.codec import content_hash, encode
from services.ingest.capture import Capture, Outcome, limits_of
from services.ingest.epcis.document import Mapped, open_document
from services.problems import Problem
from services.settings import Settings


def create_router(*, log: EventLog, keys: Keys, clock: Clock, settings: Settings) -> APIRouter:
    """The EPCIS capture route over one log."""
    router = APIRouter()
    capture = Capture(log, clock, limits_of(settings))

    @router.post("/epcis/v2/capture", status_code=202)
    async def capture_document(
        request: Request,
        caller: Annotated[Caller, Depends(caller_with(Role.CAPTURE, keys))],
        behaviour: Annotated[str, Header(alias="GS1-Capture-Error-Behaviour")] = "rollback",
    ) -> JSONResponse:
        """An EPCIS 2.0 JSON document. One bad event refuses all of it, unless the sender says `proceed`."""
        created = clock.now().isoformat()
        mapped = open_document(await request.body())
        outcomes = capture.judge([m.document or {} for m in mapped], caller, originals=[m.original for m in mapped])
        errors = _errors(mapped, outcomes)
        if errors and behaviour != "proceed":
            listed = [{"index": e.index, "detail": e.detail} for e in errors]
            raise Problem(400, "invalid-events", f"{errors[0].detail}; nothing was captured", errors=listed)
        try:
            await capture.append(outcomes)
            job = _job(outcomes, errors, created=created, finished=clock.now().isoformat(), behaviour=behaviour)
            position = (await log.append([_record(job, caller, clock)], deadline_seconds=capture.deadline_seconds))[0]
        except LogUnavailable as error:
            detail = f"{error}; send the document again: events that arrived are recognised"
            raise Problem(503, "log-unavailable", detail, headers={"Retry-After": "2"}) from error
        capture_id = f"{job.capture_id}~{position.token}"
        location = {"Location": f"/epcis/v2/capture/{capture_id}"}
        return JSONResponse({"captureID": capture_id, "position": job.position}, 202, headers=location)

    return router


def _errors(mapped: list[Mapped], outcomes: list[Outcome]) -> list[CaptureError]:
    found = []
    for one, outcome in zip(mapped, outcomes, strict=True):
        field, detail = one.error or ("", "")
        if one.error is None and outcome.error is not None:
            field, detail = outcome.error["field"], outcome.error["detail"]
        if one.error is not None or outcome.error is not None:
            text = f"event {one.index}: {field + ': ' if field else ''}{detail}"
            found.append(CaptureError(one.index, "/problems/invalid-event", "Invalid event", text))
    return found


def _job(
    outcomes: list[Outcome], errors: list[CaptureError], *, created: str, finished: str, behaviour: str
) -> CaptureFinished:
    vector: dict[int, int] = {}
    for o in outcomes:
        if o.position is not None:
            vector[o.position.partition] = max(o.position.offset, vector.get(o.position.partition, -1))
    return CaptureFinished(
        occurred_at=Moment.parse(finished),
        capture_id=str(uuid.uuid4()),
        created_at=created,
        finished_at=finished,
        success=not errors,
        position=vector_token(vector),
        error_behaviour="proceed" if behaviour == "proceed" else "rollback",
        errors=tuple(errors),
    )


def _record(job: CaptureFinished, caller: Caller, clock: Clock) -> Record:
    event_id = f"urn:uuid:{job.capture_id}"
    envelope = Envelope(
        tenant_id=caller.tenant_id,
        event_id=event_id,
        source=caller.source,
        may_correct=False,
        accepted_at_us=to_us(clock.now()),
        index=0,
        content_hash=content_hash(job),
        event=job,
    )
    return Record(partition_key(caller.tenant_id, job, event_id), encode(envelope))
