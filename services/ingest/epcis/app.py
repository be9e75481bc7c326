"""POST /epcis/v2/capture: the document's events are in the log before the answer (EPCIS 2.0 §12.6)."""

import asyncio
import uuid
from typing import Annotated, Literal

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
from services.ingest.bodies import whole_body
from services.ingest.capture import RETRY_AFTER_SECONDS, Capture
from services.ingest.epcis.document import Mapped, open_document
from services.ingest.epcis.members import beyond
from services.ingest.epcis.paths import in_epcis_words
from services.ingest.explaining import EventError
from services.ingest.judging import Original
from services.ingest.openapi import capture_document as document_described
from services.ingest.outcomes import Outcome, Tally
from services.problems import Problem

Behaviour = Literal["rollback", "proceed"]


def create_router(*, capture: Capture, log: EventLog, keys: Keys, clock: Clock) -> APIRouter:
    """The EPCIS capture route over one log."""
    router = APIRouter()

    @router.post("/epcis/v2/capture", status_code=202, tags=["capture"], **document_described())
    async def capture_document(
        request: Request,
        caller: Annotated[Caller, Depends(caller_with(Role.CAPTURE, keys))],
        behaviour: Annotated[Behaviour, Header(alias="GS1-Capture-Error-Behaviour")] = "rollback",
    ) -> JSONResponse:
        """Capture an EPCIS 2.0 JSON document, or one bare event with its `@context`; gzip bodies are taken.

        All five event types, URN and Digital Link ids, error declarations and ilmd become the same events that are
        posted natively; the EPCIS event is kept beside them as sent. 202 once they are durably in the log, with a
        `Location` that tells how the capture went. One bad event refuses the whole document, unless the header says
        `proceed`: then the good ones are captured and the job lists the others.
        """
        posted = capture.posted(caller)
        created = clock.now().isoformat()
        limits = capture.limits
        body = await whole_body(request, limit_bytes=limits.body_bytes)
        # In a thread: a large document must not keep other requests waiting.
        mapped = await asyncio.to_thread(open_document, body, bounds=limits.bounds, most_events=limits.batch_events)
        good = [m for m in mapped if m.error is None]
        originals = [Original(m.original, beyond(m.original)) for m in good]
        judged = await capture.judge([m.document for m in good], posted, originals=originals)
        errors = _errors(mapped, dict(zip((m.index for m in good), judged, strict=True)))
        if errors and behaviour != "proceed":
            first = f"event {errors[0][0]}: {errors[0][1].told}; nothing was captured"
            raise Problem(400, "invalid-events", first, errors=[{"index": n} | e.document() for n, e in errors])
        try:
            await capture.append(judged)
            job = _job(judged, errors, created=created, finished=clock.now().isoformat(), behaviour=behaviour)
            record = _record(job, caller, clock)
            position = (await log.append([record], deadline_seconds=limits.append_deadline_seconds))[0]
        except LogUnavailable as error:
            detail = f"{error}; send the document again: events that are in the log are recognised"
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise Problem(503, "log-unavailable", detail, headers=headers, **Tally(judged).document()) from error
        finally:
            capture.tell(judged, posted)
        capture_id = f"{job.capture_id}~{position.token}"
        location = {"Location": f"/epcis/v2/capture/{capture_id}"}
        return JSONResponse({"captureID": capture_id, "position": job.position}, 202, headers=location)

    return router


def _errors(mapped: list[Mapped], judged: dict[int, Outcome]) -> list[tuple[int, EventError]]:
    """The index and error of each refused event, in the document's own words."""
    found = []
    for one in mapped:
        if one.error is not None:
            found.append((one.index, one.error))
        elif (error := judged[one.index].error) is not None:
            found.append((one.index, in_epcis_words(error, one.original)))
    return found


def _job(
    judged: list[Outcome],
    errors: list[tuple[int, EventError]],
    *,
    created: str,
    finished: str,
    behaviour: Behaviour,
) -> CaptureFinished:
    told = [CaptureError(n, "/problems/invalid-event", "Invalid event", f"event {n}: {e.told}") for n, e in errors]
    return CaptureFinished(
        occurred_at=Moment.parse(finished),
        capture_id=str(uuid.uuid4()),
        created_at=created,
        finished_at=finished,
        success=not errors,
        position=vector_token(Tally(judged).vector),
        error_behaviour=behaviour,
        errors=tuple(told),
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
