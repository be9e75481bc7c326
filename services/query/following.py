"""Following what happens: cursors that say how far a follower is, and answers that wait for news for a while."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import TypeVar

import orjson
from fastapi import Request

from services.problems import Problem

T = TypeVar("T")

WAIT_SECONDS_MAX = 30.0
_LOOK_SECONDS = 0.25


def wait_of(request: Request) -> float:
    """Seconds that `wait` lets an answer without news wait; 0 where it is left out. Raises Problem 422."""
    text = request.query_params.get("wait")
    if text is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= WAIT_SECONDS_MAX:
        raise Problem(422, "invalid-parameter", f"wait: {text[:40]} is not a number of seconds up to 30")
    return seconds


async def with_patience(ask: Callable[[], Awaitable[T]], *, has_news: Callable[[T], bool], seconds: float) -> T:
    """What `ask` answers, asked again until there is news or the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        found = await ask()
        if has_news(found) or loop.time() >= until:
            return found
        await asyncio.sleep(min(_LOOK_SECONDS, max(0.0, until - loop.time())))


def token_of(*fields: int) -> str:
    """A cursor that nobody reads."""
    return base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")


def fields_of(token: str, count: int) -> list[int] | None:
    """What `token_of` was given; None for what is no such cursor."""
    try:
        found = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    whole = isinstance(found, list) and len(found) == count and all(isinstance(f, int) for f in found)
    return found if whole else None
