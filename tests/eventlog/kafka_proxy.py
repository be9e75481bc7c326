"""A TCP proxy before a Kafka broker that can lose or falsify the answers to produce requests."""

import asyncio
import contextlib
import struct
from collections.abc import Callable

_PRODUCE = 0
DUPLICATE_SEQUENCE_NUMBER = 46

# What becomes of a produce response: the frame to pass on, or None to cut the connection instead.
Tamper = Callable[[bytes], bytes | None]


def passed_on(frame: bytes) -> bytes | None:
    return frame


def as_forgotten_duplicate(frame: bytes) -> bytes | None:
    """As a broker answers a batch it has, but whose place it no longer remembers: error 46, base offset -1."""
    # size, correlation id, topics: [name, partitions: [partition, error, base offset, ...]] (versions below 9)
    at = 4 + 4 + 4
    (name_bytes,) = struct.unpack_from(">h", frame, at)
    at += 2 + name_bytes + 4 + 4
    changed = bytearray(frame)
    struct.pack_into(">hq", changed, at, DUPLICATE_SEQUENCE_NUMBER, -1)
    return bytes(changed)


class KafkaProxy:
    """Listens on `port`; set `tamper` to act on produce responses. `produced` counts them.

    A topic that is `hidden` no answer names, as to a client that may not describe it.
    """

    def __init__(self, *, port: int) -> None:
        self.port = port
        self.broker_port = 0
        self.tamper: Tamper = passed_on
        self.produced = 0
        self.hidden = b""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, *, broker_port: int) -> None:
        self.broker_port = broker_port
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.broker_port)
        produces: set[bytes] = set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, broker_writer, produces))
                group.create_task(self._responses(broker_reader, writer, produces))
        except* (asyncio.IncompleteReadError, OSError):
            with contextlib.suppress(OSError):
                writer.close()
                broker_writer.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produces: set[bytes]) -> None:
        while True:
            frame = await _frame(reader)
            if int.from_bytes(frame[4:6], "big") == _PRODUCE:
                produces.add(frame[8:12])
            writer.write(frame)
            await writer.drain()

    async def _responses(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, produces: set[bytes]
    ) -> None:
        while True:
            answer: bytes | None = await _frame(reader)
            assert answer is not None
            if answer[4:8] in produces:
                produces.discard(answer[4:8])
                self.produced += 1
                answer = self.tamper(answer)
            elif self.hidden:
                answer = answer.replace(self.hidden, b"x" * len(self.hidden))
            if answer is None:
                raise ConnectionResetError
            writer.write(answer)
            await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size, "big"))
