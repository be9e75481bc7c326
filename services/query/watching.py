"""Work that ends when nobody waits for it any more, and answers that are sent while they are made."""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, ParamSpec

import structlog
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

P = ParamSpec("P")
log_to = structlog.get_logger("zhuisu.query")

CLIENT_LEFT = 499
"""Status of an answer that nobody reads: it is for logs and counters only."""
SENT_AT_ONCE_BYTES = 256 * 1024
"""Then others have their turn: to hand a large piece to the operating system takes as long as a small answer."""


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

    Where making a piece fails the connection is cut: a transfer that ends tidily is whole.
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
            await super().__call__(scope, receive, send)
        except Exception as error:
            log_to.warning("answer_cut", path=scope["path"], reason=f"{type(error).__name__}: {error}")
            raise
        finally:
            await self._rest.aclose()


async def _in_turns(piece: bytes) -> AsyncIterator[memoryview]:
    """A piece in parts, between which others are answered."""
    whole = memoryview(piece)
    for start in range(0, len(piece), SENT_AT_ONCE_BYTES):
        yield whole[start : start + SENT_AT_ONCE_BYTES]
        await asyncio.sleep(0)
