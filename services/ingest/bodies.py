"""Request bodies as they come in: bounded, and unpacked when gzipped."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from services.problems import Problem

_GZIP = 31
_UNPACK_BYTES = 1 << 20
_UNPACKED_ANYWAY_BYTES = 16 << 20
_TIMES_PACKED_MAX = 200
"""A gzipped body may unpack to this many times its size: similar events come to about 50, zeros to 1,000."""


async def pieces(raw: AsyncIterator[bytes], headers: Headers) -> AsyncGenerator[bytes, None]:
    """The body in pieces, unpacked ones of at most 1 MiB.

    Raises Problem 400 or 415 for what cannot be unpacked, 413 for a small body that would unpack to a huge one.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        async for piece in raw:
            yield piece
        return
    if encoding not in ("gzip", "x-gzip"):
        detail = f"Content-Encoding {encoding[:40]} is not taken: send gzip, or no encoding"
        raise Problem(415, "encoding-not-taken", detail, headers={"Accept-Encoding": "gzip"})
    unpacker = zlib.decompressobj(_GZIP)
    packed, unpacked = 0, 0
    async for piece in raw:
        rest = piece
        packed += len(piece)
        while rest:
            if unpacker.eof:  # gzip files may be joined end to end (RFC 1952 §2.2)
                unpacker = zlib.decompressobj(_GZIP)
            try:
                found = unpacker.decompress(rest, _UNPACK_BYTES)
            except zlib.error as error:
                detail = f"Content-Encoding says gzip, the body is not ({error}): send it without that header"
                raise Problem(400, "not-gzip", detail) from error
            unpacked += len(found)
            if unpacked > max(_UNPACKED_ANYWAY_BYTES, _TIMES_PACKED_MAX * packed):
                detail = (
                    f"the gzip body unpacks to over {_TIMES_PACKED_MAX} times its size: send it in several requests"
                )
                raise Problem(413, "gzip-bomb", detail)
            yield found
            rest = unpacker.unconsumed_tail or unpacker.unused_data
    if not unpacker.eof:
        raise Problem(400, "not-gzip", "the gzip body ends too early: send it whole")


async def whole_body(request: Request, *, limit_bytes: int) -> bytes:
    """The unpacked body. Raises Problem 413 when it grows over the limit, 400 or 415 as `pieces`."""
    headers, first = request.headers, await request.receive()
    if first["type"] == "http.request" and not first.get("more_body") and "content-encoding" not in headers:
        at_once: bytes = first.get("body", b"")
        if len(at_once) <= limit_bytes:  # as nearly always
            return at_once
    raw = _received(first, request.receive)
    body = bytearray()
    async for piece in pieces(raw, headers):
        body += piece
        if len(body) > limit_bytes:
            await read_on(raw, limit_bytes)
            detail = f"the body has over {limit_bytes} bytes: send NDJSON (application/x-ndjson), or several requests"
            raise Problem(413, "body-too-large", detail)
    return bytes(body)


async def _received(message: Message, receive: Receive) -> AsyncGenerator[bytes, None]:
    """The body's pieces, of which `message` is the first. Raises ClientDisconnect when the sender is gone."""
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect()
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return
        message = await receive()


async def read_on(raw: AsyncIterator[bytes], limit_bytes: int) -> None:
    """Take in a little more, unseen: a sender that is cut off while it sends never reads why."""
    seen = 0
    async for piece in raw:
        seen += len(piece)
        if seen > limit_bytes:
            return
