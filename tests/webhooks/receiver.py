"""A real HTTP receiver on loopback: it keeps what it was sent and answers as it was told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Received:
    """One call: its request line, its headers in lower case, and its body."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """`answer` gives the whole response to a call; None: it never answers."""

    port: int = 0
    calls: list[Received] = field(default_factory=list)
    answer: Callable[[Received], bytes | None] = lambda call: b"HTTP/1.1 204 No Content\r\n\r\n"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def of(self, kind: str) -> list[Received]:
        return [c for c in self.calls if c.document["type"] == kind]


def status(code: int, *headers: str) -> Callable[[Received], bytes]:
    """Answers with this status, always."""
    head = "".join(f"{h}\r\n" for h in headers)
    return lambda call: f"HTTP/1.1 {code} Told\r\n{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver, open_ones = Receiver(), set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, v in (h.split(": ", 1) for h in head[1:] if h)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            receiver.calls.append(Received(head[0], headers, body))
            response = receiver.answer(receiver.calls[-1])
            if response is None:
                await reader.read()  # until the caller gives up
            else:
                writer.write(response)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer in list(open_ones):
            writer.close()
