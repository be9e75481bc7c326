"""Waking readers of the Postgres log within milliseconds, in every process, by LISTEN and NOTIFY.

NOTIFY is sent after the append has committed, from a connection of its own: inside the append it would make all commits
of the server wait for one lock, and fail them when a listener hangs. A lost notification costs one polling interval.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

import asyncpg

# How asyncpg says that the server, or the connection to it, is not well. InternalClientError: its protocol state after
# a connection broke at a bad moment.
FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_CHANNEL = "zhuisu_log"
_RECONNECT_SECONDS = 0.5
_NOTIFY_SECONDS = 5.0
_PAUSE_SECONDS = 0.005  # between notifications: hundreds of commits a second need not be told one by one


class Waker:
    """Counts each partition's news; whoever saw an old count may wait for the next."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._news: Counter[int] = Counter()
        self._all = 0
        self._changed = asyncio.Event()
        self._to_tell: set[int] = set()
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen and to tell others."""
        self._task = asyncio.create_task(self._run(), name="log-waker")

    async def stop(self) -> None:
        """End; waiting readers fall back to polling."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def seen(self, partition: int) -> int:
        """The count to hand to `wait`; take it before looking for records."""
        return self._news[partition] + self._all

    async def wait(self, partition: int, *, seen: int, seconds: float) -> None:
        """Return when there was news of the partition since `seen` was taken, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.seen(partition) == seen:
                    await self._changed.wait()

    def appended(self, partitions: Iterable[int]) -> None:
        """Records were committed here: wake readers in this process now and in others soon."""
        fresh = set(partitions)
        self._wake(fresh)
        self._to_tell |= fresh
        self._work.set()

    def _wake(self, partitions: Iterable[int] | None) -> None:
        if partitions is None:
            self._all += 1
        else:
            self._news.update(partitions)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connect()
            except FAILURES:
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            try:
                await self._serve(connection)
            except FAILURES:
                await asyncio.sleep(_RECONNECT_SECONDS)
            finally:
                connection.terminate()

    async def _serve(self, connection: asyncpg.Connection) -> None:
        connection.add_termination_listener(lambda _: self._work.set())
        await connection.add_listener(_CHANNEL, self._heard)
        self._wake(None)  # what was said while nobody listened
        self._work.set()  # and what was still to be told when the connection before this one broke
        while True:
            await self._work.wait()
            self._work.clear()
            if connection.is_closed():
                return
            tell, self._to_tell = self._to_tell, set()
            if tell:
                payload = ",".join(str(partition) for partition in sorted(tell))
                # The payload's limit is 8,000 bytes; an empty one wakes everybody.
                await connection.execute(
                    "SELECT pg_notify($1, $2)",
                    _CHANNEL,
                    payload if len(payload) < 7_000 else "",
                    timeout=_NOTIFY_SECONDS,
                )
                await asyncio.sleep(_PAUSE_SECONDS)

    def _heard(self, connection: object, pid: int, *message: str) -> None:  # asyncpg: connection, pid, channel, payload
        payload = message[1]
        self._wake([int(number) for number in payload.split(",")] if payload else None)
