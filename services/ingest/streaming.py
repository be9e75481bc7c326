"""Bodies as they come in: bounded, unpacked when gzipped, and NDJSON answered line by line."""

import zlib
from collections import Counter
from collections.abc import AsyncIterator

import orjson
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from domain.ports import LogUnavailable
from domain.positions import vector_token
from services.access import Caller
from services.ingest.capture import Capture
from services.problems import Problem
from services.settings import Settings

LINES_AT_ONCE = 1_000
_UNPACK_BYTES = 1 << 20


class TwoWayResponse(StreamingResponse):
    """Streams the answer while the body is still read: Starlette's own would read the body to notice a disconnect."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of bounded size, unpacked if it is gzipped. Raises Problem 400 for a broken archive."""
    if request.headers.get("content-encoding", "identity").lower() != "gzip":
        async for chunk in request.stream():
            yield chunk
        return
    unpacker = zlib.decompressobj(31)
    async for chunk in request.stream():
        rest = chunk
        while rest:
            try:
                yield unpacker.decompress(rest, _UNPACK_BYTES)
            except zlib.error as error:
                raise Problem(400, "not-gzip", f"Content-Encoding says gzip, the body is not: {error}") from error
            rest = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise Problem(400, "not-gzip", "the gzip body ends too early: send it whole")


async def whole_body(request: Request, limit_bytes: int) -> bytes:
    """The unpacked body. Raises Problem 413 as soon as it grows over the limit."""
    body = bytearray()
    async for chunk in chunks(request):
        body += chunk
        if len(body) > limit_bytes:
            raise Problem(413, "body-too-large", f"at most {limit_bytes} bytes: send NDJSON, or several requests")
    return bytes(body)


async def stream_outcomes(
    request: Request, capture: Capture, caller: Caller, *, settings: Settings
) -> AsyncIterator[bytes]:
    """One outcome a line of the body, and last the status: 202, or why it stopped and what is durable."""
    words: Counter[str] = Counter()
    vector: dict[int, int] = {}
    status, detail, index = 202, None, 0
    try:
        async for documents in _batches(request, settings.max_event_bytes):
            if index + len(documents) > settings.max_batch_events:
                raise Problem(413, "too-many-events", f"at most {settings.max_batch_events} events in one request")
            outcomes = capture.judge(documents, caller, first_index=index)
            await capture.append(outcomes)
            index += len(documents)
            for o in outcomes:
                words[o.word] += 1
                if o.position is not None:
                    vector[o.position.partition] = max(o.position.offset, vector.get(o.position.partition, -1))
            yield b"".join(orjson.dumps(o.document()) + b"\n" for o in outcomes)
    except LogUnavailable as error:
        status, detail = 503, f"{error}; send the events from index {index} on again, with the same ids"
    except Problem as problem:
        status, detail = problem.status, problem.detail
    counts = {word: words[word] for word in ("accepted", "duplicate", "rejected")}
    last = {"status": status, **counts, "position": vector_token(vector), **({"detail": detail} if detail else {})}
    yield orjson.dumps(last) + b"\n"


async def _batches(request: Request, line_bytes: int) -> AsyncIterator[list[object]]:
    rest = b""
    lines: list[object] = []
    async for chunk in chunks(request):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > line_bytes:
            raise Problem(413, "event-too-large", f"a line has over {line_bytes} bytes")
        for line in whole:
            if line.strip():
                lines.append(_parsed(line))
            if len(lines) == LINES_AT_ONCE:
                yield lines
                lines = []
    if rest.strip():
        lines.append(_parsed(rest))
    if lines:
        yield lines


def _parsed(line: bytes) -> object:
    """The line as JSON; what is none is rejected as an event, and costs no other line anything."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
