"""Answers that a client may keep and ask about again: `ETag`, `If-None-Match`, 304."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request, Response

CACHE_CONTROL = "private, no-cache"


def json_answer(request: Request, body: Mapping[str, Any]) -> Response:
    """The document, or 304 where the client has it. When the lag was measured makes no other answer."""
    said = dict(body)
    lag = dict(said.pop("lag", None) or {})
    tag = tag_of(orjson.dumps([said, lag.get("events")], option=orjson.OPT_SORT_KEYS))
    return tagged(request, tag, body=orjson.dumps(body), headers={})


def tag_of(content: bytes) -> str:
    """A weak validator: the same content, though its lag may have been measured at another time."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def tagged(request: Request, tag: str, *, body: bytes, headers: Mapping[str, str]) -> Response:
    """The body with its tag, or 304 without it."""
    known = {t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")}
    more = {**headers, "ETag": tag, "Cache-Control": CACHE_CONTROL}
    if tag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers=more)
    return Response(body, media_type="application/json", headers=more)
