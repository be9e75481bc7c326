"""A TCP proxy that can fall silent: connections stay open, new ones are taken, and not a byte goes either way.

What a network does when a cable is pulled or a firewall forgets: nobody is told. Speaking again, it goes on with every
byte that was held back, as TCP does when the path comes back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class SilentProxy:
    """Listens on `port` of loopback; `connect` opens the other side."""

    def __init__(self, *, port: int, connect: Connect) -> None:
        self.port = port
        self._connect = connect
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", self.port)

    def fall_silent(self) -> None:
        """Nothing more goes through."""
        self._speaking.clear()

    def speak(self) -> None:
        """All goes through again, first what was held back."""
        self._speaking.set()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            await self._speaking.wait()
            there_reader, there_writer = await self._connect()
            ends.append(there_writer)
            ways = [self._pass_on(reader, there_writer), self._pass_on(there_reader, writer)]
            pumps = [asyncio.create_task(way) for way in ways]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            for end in ends:
                with contextlib.suppress(OSError):
                    end.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either end closes; that it closed is held back too."""
        with contextlib.suppress(OSError):
            while some := await reader.read(65536):
                await self._speaking.wait()
                writer.write(some)
                await writer.drain()
        await self._speaking.wait()
