"""FairTurns of answers that may take long: some database connections are always left to what is answered at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.problems import Problem

TURN_SECONDS = 30.0
"""So long an answer waits until another is over."""


class FairTurns:
    """`most` turns at once; of one tenant one fewer where there are several, so that others always come to theirs."""

    def __init__(self, most: int) -> None:
        self._every = asyncio.Semaphore(most)
        self._most_of_one = max(1, most - 1)
        self._own: dict[int, asyncio.Semaphore] = {}

    def free(self, tenant_id: int) -> bool:
        """Whether the tenant could have one without waiting."""
        return not (self._every.locked() or self._of(tenant_id).locked())

    @asynccontextmanager
    async def taken(self, tenant_id: int) -> AsyncIterator[None]:
        """One of the turns, in the order in which they were asked for. Problem 503 where none comes in time."""
        own, held = self._of(tenant_id), False
        try:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await own.acquire()
                    held = True
                    await self._every.acquire()
            except TimeoutError as error:
                detail = "other large answers are being made or read, as many as may be at once: try again"
                raise Problem(503, "too-many-at-once", detail, headers={"Retry-After": "10"}) from error
            try:
                yield
            finally:
                self._every.release()
        finally:
            if held:
                own.release()

    def _of(self, tenant_id: int) -> asyncio.Semaphore:
        return self._own.setdefault(tenant_id, asyncio.Semaphore(self._most_of_one))


class AnswerTurns:
    """`reading`: of answers that last until their reader has them, half of the connections. `making`: of all that are
    made meanwhile, the others but one.
    """

    def __init__(self, connections: int) -> None:
        reading = max(1, connections // 2)
        self.reading, self.making = FairTurns(reading), FairTurns(max(1, connections - reading - 1))
