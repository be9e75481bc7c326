"""Waiting for a condition with a deadline: the tests' only way to wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], Awaitable[T]], *, within_seconds: float = 10.0, every_seconds: float = 0.02
) -> T:
    """The first truthy answer of `probe`; AssertionError with the last answer when the deadline passes."""
    deadline = time.monotonic() + within_seconds
    while True:
        answer = await probe()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within_seconds} s; last answer: {answer!r}")
        await asyncio.sleep(every_seconds)
