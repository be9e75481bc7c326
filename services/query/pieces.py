"""Answers that are made piece by piece: whole if small, else streamed from the first piece on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import Request, Response

from services.query.answer_turns import AnswerTurns
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


Pieces = AsyncGenerator[Head | bytes, None]


async def sent(
    request: Request,
    make: Callable[[], Pieces],
    form: Format,
    *,
    turns: AnswerTurns,
    tenant_id: int,
    large: bool = False,
    short: bool = False,
) -> Response:
    """The response of what `make` makes, a head first. Errors before the first row keep their status.

    What is not whole by then holds its connection until its reader has it, and needs a turn for that. `large`: it
    surely will, and waits before it is made. What turns out to be large while there is none is let go of, waits, and is
    made again. `short`: its rows are few, and it is made whole, whatever it tells beside them: it needs no such turn.
    Problem 503 where no turn comes in time.
    """
    turn = AsyncExitStack()
    if large:
        await turn.enter_async_context(turns.reading.taken(tenant_id))
        begun = await _begun(_in_turn(make, turn))
    else:
        async with turns.making.taken(tenant_id):
            begun = await _begun(_in_turn(make, turn), whole=short)
    if begun.rest is None:
        return whole(request, begun.head, body=b"".join(begun.made), form=form)
    if not large:
        if not turns.reading.free(tenant_id):
            await begun.rest.aclose()
            begun.made.clear()
            return await sent(request, make, form, turns=turns, tenant_id=tenant_id, large=True)
        await turn.enter_async_context(turns.reading.taken(tenant_id))
    return Streamed(begun.made, begun.rest, media_type=form.media_type, headers=begun.head.headers)


@dataclass(slots=True)
class _Begun:
    """`rest`: what is not made yet; None where all is."""

    head: Head
    made: list[bytes]
    rest: AsyncGenerator[bytes, None] | None


async def _begun(pieces: Pieces, *, whole: bool = False) -> _Begun:
    try:
        head = await anext(pieces)
        assert isinstance(head, Head)
        rest = _only_bytes(pieces)
        made: list[bytes] = []
        async for piece in rest:
            made.append(piece)
            if not whole and sum(map(len, made)) > WHOLE_BYTES:
                return _Begun(head, made, rest)
    except BaseException:
        await pieces.aclose()
        raise
    return _Begun(head, made, None)


async def _in_turn(make: Callable[[], Pieces], turn: AsyncExitStack) -> Pieces:
    """The pieces; when they are over, or closed, so is the turn."""
    async with turn, aclosing(make()) as pieces:
        async for piece in pieces:
            yield piece


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
