"""Answers that are made piece by piece: whole if small, else streamed from the first piece on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import Request, Response

from services.query.caching import CACHE_CONTROL, tag_of, tagged
from services.query.formats import CSV, JSON, Format
from services.query.watching import Streamed

FEW_ROWS = 200
"""So many are written sooner than another thread begins to."""
WHOLE_BYTES = 256 * 1024
"""An answer up to this is made before it is sent, so that it has an ETag and a length."""


@dataclass(slots=True)
class Head:
    """What is known before the first row: headers, and the lag as it stands in the first piece."""

    headers: dict[str, str]
    lag: bytes = field(default=b"")


def head_of(frame: Mapping[str, Any], *, name: str, form: Format) -> Head:
    """The headers that say in every form what the frame of an answer says (`Asked.frame`)."""
    behind = frame["lag"]["events"]
    headers = {
        "Cache-Control": CACHE_CONTROL,
        "Vary": "Accept",
        "Zhuisu-As-Of": frame["as_of"]["position"],
        "Zhuisu-Recorded-At": frame["as_of"]["recorded_at"] or "",
        "Zhuisu-Lag-Events": "" if behind is None else str(behind),
        "Zhuisu-Complete": "true" if frame["complete"] else "false",
        "Zhuisu-Incomplete-Because": ",".join(frame["incomplete_because"]),
    }
    if form.media_type == CSV:
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return Head(headers, orjson.dumps(frame["lag"]))


async def sent(request: Request, pieces: AsyncGenerator[Head | bytes, None], form: Format) -> Response:
    """The response of pieces, the first of which is their head. Errors before the first row keep their status."""
    try:
        head = await anext(pieces)
        assert isinstance(head, Head)
        rest = _only_bytes(pieces)
        held: list[bytes] = []
        async for piece in rest:
            held.append(piece)
            if sum(map(len, held)) > WHOLE_BYTES:
                return Streamed(held, rest, media_type=form.media_type, headers=head.headers)
    except BaseException:
        await pieces.aclose()
        raise
    return whole(request, head, body=b"".join(held), form=form)


def whole(request: Request, head: Head, *, body: bytes, form: Format) -> Response:
    """The response that is there already."""
    if form.media_type == JSON:
        return tagged(request, tag_of(body.replace(head.lag, b"", 1)), body=body, headers=head.headers)
    return Response(body, media_type=form.media_type, headers=head.headers)


async def _only_bytes(pieces: AsyncGenerator[Head | bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in pieces:
            assert isinstance(piece, bytes)
            yield piece
    finally:
        await pieces.aclose()


async def written(write: Callable[[], bytes], rows: int) -> bytes:
    """What `write` gives: in a thread where it is of more than a few rows, since nobody is answered meanwhile."""
    return write() if rows <= FEW_ROWS else await asyncio.to_thread(write)


async def one_ahead(works: AsyncIterator[Callable[[], bytes]]) -> AsyncGenerator[bytes, None]:
    """What each work makes, in order: one at a time, in a thread, each while what was made before it is taken."""
    making: asyncio.Future[bytes] | None = None
    try:
        async for work in works:
            made = None if making is None else await making
            making = asyncio.ensure_future(asyncio.to_thread(work))
            if made is not None:
                yield made
        if making is not None:
            yield await making
    finally:
        if making is not None:
            making.cancel()
