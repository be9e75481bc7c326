"""Lines of a stream, as parsed documents in bounded batches."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from services.ingest.reading import Flaw, NotJson, read
from services.problems import Problem

_BLANK_LINES_MAX = 1_000_000


async def batches_of(
    pieces: AsyncIterator[bytes], *, line_bytes: int, batch_lines: int, batch_bytes: int
) -> AsyncGenerator[list[Any], None]:
    """The documents of the lines, at most `batch_lines` or about `batch_bytes` at once; blank lines are left out.

    A line that is no JSON, or over `line_bytes` long, becomes a Flaw: it costs no other line anything. Raises Problem
    for a body that is mostly nothing.
    """
    batch: list[Any] = []
    size, blank = 0, 0
    async for line in _lines(pieces, line_bytes):
        if isinstance(line, bytes) and not line.strip():
            blank += 1
            if blank > _BLANK_LINES_MAX:
                detail = f"the body has over {_BLANK_LINES_MAX} blank lines: leave them out"
                raise Problem(413, "too-many-lines", detail)
            continue
        batch.append(parsed(line) if isinstance(line, bytes) else line)
        size += len(line) if isinstance(line, bytes) else 0
        if len(batch) >= batch_lines or size >= batch_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def parsed(line: bytes) -> Any:
    """The line as a document; what is no JSON as a Flaw."""
    try:
        return read(line)
    except NotJson as error:
        return Flaw(f"not JSON: {str(error).removeprefix('line 1, ')}", "send one JSON object a line")


async def _lines(pieces: AsyncIterator[bytes], line_bytes: int) -> AsyncGenerator["bytes | Flaw", None]:
    too_long = Flaw(f"the line has over {line_bytes} bytes", "split the event, or keep large data elsewhere")
    rest = bytearray()
    skipping = False
    async for piece in pieces:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            line, start = bytes(rest) + piece[start:end], end + 1
            rest.clear()
            if not skipping:
                yield line if len(line) <= line_bytes else too_long
            skipping = False
        if not skipping:
            rest += piece[start:]
            if len(rest) > line_bytes:
                rest.clear()
                skipping = True
                yield too_long
    if rest:
        yield bytes(rest)
