"""HTTP/1.1 over one connection, as thin as can be: what is measured is the server, not its client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

_BUFFER_BYTES = 4 << 20


class Refused(RuntimeError):
    """The service answered with an error, or ended in the midst of an answer."""


@dataclass(slots=True)
class Answer:
    """`body` is empty where it was handed on piece by piece; `size` counts it either way."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    size: int = 0


class Connection:
    """One connection that is kept open, and opened anew where the server closed it; one request at a time."""

    def __init__(self, url: str, key: str) -> None:
        self._where = urlsplit(url)
        self._always = f"Host: {self._where.netloc}\r\nX-API-Key: {key}\r\n"
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, *, taken: Callable[[bytes], object] | None = None, **query: str) -> Answer:
        """The answer, which must be a success; with `taken` its pieces are handed on as they come."""
        where = f"{path}?{urlencode(query)}" if query else path
        return await self._ask(f"GET {where} HTTP/1.1\r\n{self._always}\r\n".encode(), taken)

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        taken: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """As `get`."""
        head = f"POST {path} HTTP/1.1\r\n{self._always}Content-Type: {content_type}\r\nAccept: {accept}\r\n"
        return await self._ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, taken)

    async def _ask(self, request: bytes, taken: Callable[[bytes], object] | None) -> Answer:
        kept = self._open is not None
        try:
            reader, head = await self._sent(request)
        except (asyncio.IncompleteReadError, ConnectionError):
            if not kept:
                raise
            await self.close()  # the server had closed it in that moment
            reader, head = await self._sent(request)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        answer = Answer(int(head[0].split()[1]), headers)
        pieces: list[bytes] = []
        take = pieces.append if taken is None or answer.status >= 400 else taken
        async for piece in _pieces(reader, headers):
            answer.size += len(piece)
            take(piece)
        answer.body = b"".join(pieces)
        if answer.status >= 400:
            raise Refused(f"{answer.status}: {answer.body[:500].decode(errors='replace')}")
        return answer

    async def _sent(self, request: bytes) -> tuple[asyncio.StreamReader, list[str]]:
        """The lines of the answer's head, and where its body is read from."""
        reader, writer = await self._opened()
        writer.write(request)
        await writer.drain()
        return reader, (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._open is None or self._open[0].at_eof():
            await self.close()
            self._open = await asyncio.open_connection(self._where.hostname, self._where.port, limit=_BUFFER_BYTES)
        return self._open

    async def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


async def _pieces(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", "0"))
        if length:
            yield await reader.readexactly(length)
        return
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


@asynccontextmanager
async def connected(url: str, key: str) -> AsyncIterator[Connection]:
    """A connection to the service at `url`."""
    connection = Connection(url, key)
    try:
        yield connection
    finally:
        await connection.close()
