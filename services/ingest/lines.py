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
    async for lines in _lines(pieces, line_bytes):
        for line in lines:
            if isinstance(line, Flaw):
                batch.append(line)
            elif line and not line.isspace():
                batch.append(parsed(line))
                size += len(line)
            else:
                blank += 1
                if blank > _BLANK_LINES_MAX:
                    detail = f"the body has over {_BLANK_LINES_MAX} blank lines: leave them out"
                    raise Problem(413, "too-many-lines", detail)
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


async def _lines(pieces: AsyncIterator[bytes], line_bytes: int) -> AsyncGenerator[list["bytes | Flaw"], None]:
    """The lines that each piece brings to their end."""
    too_long = Flaw(f"the line has over {line_bytes} bytes", "split the event, or keep large data elsewhere")
    rest = bytearray()
    skipping = False
    async for piece in pieces:
        first, *others = piece.split(b"\n")
        ended: list[bytes | Flaw] = []
        if others:
            whole = [bytes(rest) + first, *others[:-1]]
            ended = [line if len(line) <= line_bytes else too_long for line in whole[skipping:]]
            rest, skipping = bytearray(others[-1]), False
        elif not skipping:
            rest += first
        if len(rest) > line_bytes:
            rest.clear()
            skipping = True
            ended.append(too_long)
        yield ended
    if rest:
        yield [bytes(rest)]
