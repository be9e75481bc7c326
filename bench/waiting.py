"""Waiting for what another process does."""

import asyncio
from collections.abc import Callable


async def until(so: Callable[[], bool], *, every_seconds: float = 0.05) -> None:
    """Until it is so. Put a timeout around it."""
    while not so():  # noqa: ASYNC110 - another process sets no event of ours
        await asyncio.sleep(every_seconds)
