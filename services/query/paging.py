"""Pages of an answer: a cursor pins what is known and when it was asked, so that none loses or doubles a node."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from fastapi import Request

from services.problems import Problem

MOST_A_PAGE = 100_000
_DIGITS_MAX = 20


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: after the node (`level`, `item`) of the question as it was first asked."""

    question: str
    vector: Mapping[int, int]
    now_us: int
    level: int
    item: str

    def token(self) -> str:
        fields = [self.question, {str(p): o for p, o in self.vector.items()}, self.now_us, self.level, self.item]
        return base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")

    @classmethod
    def of(cls, token: str, question: str) -> "Cursor":
        """Raises Problem 422 for what is no cursor, or one of another question."""
        try:
            fields = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
            asked, vector, now_us, level, item = fields
            found = cls(str(asked), {int(p): int(o) for p, o in vector.items()}, int(now_us), int(level), str(item))
        except (binascii.Error, ValueError, TypeError, AttributeError) as error:
            detail = "cursor: this is none: send `next` of the page before, unchanged"
            raise Problem(422, "invalid-cursor", detail) from error
        if found.question != question:
            detail = "cursor: it belongs to another question: send it with the items and parameters of the first page"
            raise Problem(422, "foreign-cursor", detail)
        return found


def digest(request: Request, asked: object) -> str:
    """What makes a question another one: its path, its parameters and what it asks about."""
    paging = ("cursor", "limit", "format", "wait_for")
    given = sorted((k, v) for k, v in request.query_params.multi_items() if k not in paging)
    return hashlib.sha256(orjson.dumps([request.url.path, given, asked])).hexdigest()[:16]


def limit_of(text: str | None) -> int | None:
    """How many nodes a page has; None: all in one answer."""
    if text is None:
        return None
    digits = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX  # a longer one Python refuses to read
    if not digits or not 1 <= int(text) <= MOST_A_PAGE:
        raise Problem(422, "invalid-parameter", f"limit: {text[:40]} is not a number from 1 to {MOST_A_PAGE}")
    return int(text)
