"""NDJSON, streamed in and out: a line of the body is an event, one of the answer its outcome, the last the status."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import structlog
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from domain.ports import LogUnavailable
from services.ingest.bodies import pieces, read_on
from services.ingest.capture import RETRY_AFTER_SECONDS, Capture
from services.ingest.judging import Posted
from services.ingest.lines import batches_of
from services.ingest.outcomes import Outcome, Tally, lines_of
from services.problems import Problem

log_to = structlog.get_logger("ingest")

MEDIA_TYPE = "application/x-ndjson"

BATCH_EVENTS = 250
"""Events handed on at once: few enough that the log writes the first while the next are validated."""

_BATCHES_IN_FLIGHT = 12
_BATCH_BYTES = 1 << 20


class TwoWayResponse(StreamingResponse):
    """Streams the answer while the body is still read: Starlette's own would read the body to notice a disconnect."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


def respond(request: Request, capture: Capture, posted: Posted) -> TwoWayResponse:
    """The streamed answer to an NDJSON request."""
    return TwoWayResponse(_answer(request, capture, posted), media_type=MEDIA_TYPE)


async def _answer(request: Request, capture: Capture, posted: Posted) -> AsyncIterator[bytes]:
    """Outcomes as they become known.

    The body is read on while nobody reads the answer: most clients send all before they read anything, and both ends
    would wait for each other. What waits to be read is bounded by the number of events in one request.
    """
    work = _Work(request, capture, posted)
    working = asyncio.create_task(work.run())
    try:
        while (piece := await work.told.get()) is not None:
            yield piece
        await working
    finally:
        working.cancel()


class _Work:
    """One NDJSON request: batch after batch is judged while the ones before are being appended."""

    def __init__(self, request: Request, capture: Capture, posted: Posted) -> None:
        self.request, self.capture, self.posted = request, capture, posted
        self.told: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.tally = Tally()
        self.problem: Problem | None = None
        self.read_events = 0
        self.appending: asyncio.Queue[tuple[list[Outcome], asyncio.Task[LogUnavailable | None]] | None]
        self.appending = asyncio.Queue(_BATCHES_IN_FLIGHT)

    async def run(self) -> None:
        """Read, judge, append; outcomes go to `told` in order, then the status, then None."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell_in_order())
                await self._read_all(group)
                await self.appending.put(None)
            self.told.put_nowait(orjson.dumps(self._status()) + b"\n")
        finally:
            self.told.put_nowait(None)

    async def _read_all(self, group: asyncio.TaskGroup) -> None:
        limits = self.capture.limits
        raw = self.request.stream()
        batches = batches_of(
            pieces(raw, self.request.headers),
            line_bytes=limits.event_bytes,
            batch_lines=BATCH_EVENTS,
            batch_bytes=_BATCH_BYTES,
        )
        try:
            async for documents in batches:
                if self.problem is None and self.read_events + len(documents) > limits.batch_events:
                    detail = f"at most {limits.batch_events} events in one request: send the rest in another"
                    self.problem = Problem(413, "too-many-events", detail)
                if self.problem is not None:
                    await read_on(raw, limits.body_bytes)
                    return
                outcomes = await self.capture.judge(documents, self.posted, first_index=self.read_events)
                self.read_events += len(documents)
                await self.appending.put((outcomes, group.create_task(self._append(outcomes))))
        except Problem as problem:
            self.problem = self.problem or problem
        except ClientDisconnect:
            log_to.warning("sender_gone", source=self.posted.caller.source, events_read=self.read_events)
            self.problem = Problem(400, "cut-off", "the body ended too early: send all its events again")

    async def _append(self, outcomes: list[Outcome]) -> LogUnavailable | None:
        try:
            await self.capture.append(outcomes)
        except LogUnavailable as error:
            return error
        return None

    async def _tell_in_order(self) -> None:
        while (one := await self.appending.get()) is not None:
            outcomes, appending = one
            error = await appending
            if error is not None and self.problem is None:
                detail = f"{error}; send the events whose outcome is unknown, and those after them, again as they are"
                self.problem = Problem(503, "log-unavailable", detail, retry_after_seconds=RETRY_AFTER_SECONDS)
            tally = Tally(outcomes)
            self.tally.merge(tally)
            self.capture.tell(outcomes, self.posted, tally=tally)
            self.told.put_nowait(lines_of(outcomes))

    def _status(self) -> dict[str, Any]:
        """The last record: 202, or the problem; counts and position either way."""
        if self.problem is None and not self.tally.events:
            self.problem = Problem(422, "no-events", "there is no event in the body: send one a line")
        if self.problem is None and self.tally.words["rejected"] == self.tally.events:
            self.problem = Problem(422, "rejected", "all events were rejected, nothing was appended")
        head = {"status": 202} if self.problem is None else self.problem.document()
        return head | self.tally.document()
