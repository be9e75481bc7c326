"""Work that ends when nobody waits for it any more, and answers that are sent while they are made."""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, ParamSpec

import structlog
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

P = ParamSpec("P")
log_to = structlog.get_logger("zhuisu.query")

CLIENT_LEFT = 499
"""Status of an answer that nobody reads: it is for logs and counters only."""
SENT_AT_ONCE_BYTES = 256 * 1024
"""Then others have their turn: to hand a large piece to the operating system takes as long as a small answer."""
STALLED_SECONDS = 60.0
"""Who does not take one such part in so long is cut off: what the answer holds is others' too."""
READ_WITHIN_SECONDS = 1_800.0
"""So long an answer may be read: all the while its snapshot keeps the database from clearing away what is old."""


async def until_gone(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """The response of `work`, which is cancelled, with its statement, when the client leaves. Read the body before."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        log_to.info("client_left", path=request.url.path)
        return Response(status_code=CLIENT_LEFT)
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.gather(leaving, working, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def watched(endpoint: Callable[P, Coroutine[Any, Any, Response]]) -> Callable[P, Coroutine[Any, Any, Response]]:
    """An endpoint without a body whose work ends when the client leaves. It has a parameter `request`."""

    @functools.wraps(endpoint)
    async def watch(*args: P.args, **kwargs: P.kwargs) -> Response:
        request = kwargs["request"]
        assert isinstance(request, Request)
        return await until_gone(request, endpoint(*args, **kwargs))

    return watch


class Streamed(StreamingResponse):
    """Pieces that are sent as they are made, as fast as the client reads. The source is closed whatever happens.

    Where making a piece fails, or it is read too slowly, the connection is cut: a transfer that ends tidily is whole.
    """

    def __init__(
        self,
        begun: list[bytes],
        rest: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        self._rest = rest
        super().__init__(self._pieces(begun), headers=dict(headers), media_type=media_type)

    async def _pieces(self, begun: list[bytes]) -> AsyncIterator[memoryview]:
        while begun:
            async for some in _in_turns(begun.pop(0)):
                yield some
        async for piece in self._rest:
            async for some in _in_turns(piece):
                yield some

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with _within(READ_WITHIN_SECONDS, "not all was read"):
                await super().__call__(scope, receive, _to_who_reads(send))
        except Exception as error:
            log_to.warning("answer_cut", path=scope["path"], reason=f"{type(error).__name__}: {error}")
            raise
        finally:
            await self._rest.aclose()


class ReadTooSlowly(Exception):
    """No part of an answer was taken in STALLED_SECONDS, or not all of it in READ_WITHIN_SECONDS."""


def _to_who_reads(send: Send) -> Send:
    async def sending(message: Message) -> None:
        async with _within(STALLED_SECONDS, "not even a part was read"):
            await send(message)

    return sending


@asynccontextmanager
async def _within(seconds: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds) as reading:
            yield
    except TimeoutError as error:
        if not reading.expired():
            raise
        raise ReadTooSlowly(f"{what} within {seconds:g} s") from error


async def _in_turns(piece: bytes) -> AsyncIterator[memoryview]:
    """A piece in parts, between which others are answered."""
    whole = memoryview(piece)
    for start in range(0, len(piece), SENT_AT_ONCE_BYTES):
        yield whole[start : start + SENT_AT_ONCE_BYTES]
        await asyncio.sleep(0)
