"""Why an event was refused: the field, what is wrong with it, and the fix."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ValidationError

from domain.events import KINDS, OWN_KINDS, Circumstances
from services.problems import title, type_uri

SENDABLE = frozenset(KINDS) - OWN_KINDS
"""Kinds that senders may post; the others are the service's own bookkeeping."""

ALSO_MAX = 10
_FIELD = re.compile(r"^([a-z_]+(?:\.[a-z_0-9]+)*): (.+)$", re.DOTALL)
_FIX = re.compile(
    r"(?:^|[:;,] )((?:or )?(?:send|name|give|put|use|list|check|move|add|remove|shorten)\b.*)$", re.DOTALL
)
_WORDS = {
    "missing": "is missing",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "string_type": "must be text",
    "decimal_type": "must be a number",
    "decimal_parsing": "is no number",
    "finite_number": "is no number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dataclass_type": "must be an object",
}
_FIXES = {
    "missing": "add it",
    "tuple_type": "put it in [ ]",
    "string_type": "put it in quotes",
    "decimal_type": 'send a number, or one as text: "12.50"',
    "decimal_parsing": 'send a number, or one as text: "12.50"',
    "finite_number": "leave it out where it is unknown",
    "dataclass_type": "send an object { }",
}


@dataclass(frozen=True, slots=True)
class EventError:
    """Why one event was refused. `code` is stable, `field` is a path ("" for the event as a whole)."""

    code: str
    field: str
    detail: str
    fix: str
    also: tuple[dict[str, str], ...] = ()

    @property
    def told(self) -> str:
        """The error in one line."""
        return f"{self.field}: {self.detail}" if self.field else self.detail

    def document(self) -> dict[str, Any]:
        """The error as an outcome shows it."""
        told = {"type": type_uri(self.code), "title": title(self.code), "field": self.field, "detail": self.detail}
        return told | {"fix": self.fix} | ({"also": list(self.also)} if self.also else {})


def explain(error: ValidationError, document: dict[str, Any]) -> EventError:
    """The first wrong field of an event, and the others beside it."""
    kind = document.get("kind")
    found: dict[str, tuple[str, str]] = {}
    for one in error.errors(include_url=False, include_input=False):
        field, detail, fix = _one(dict(one), kind)
        found.setdefault(field, (detail, fix))
    told = [{"field": f, "detail": d, "fix": x} for f, (d, x) in found.items()]
    first = told[0]
    also = tuple(told[1 : 1 + ALSO_MAX])
    return EventError("invalid-event", first["field"], first["detail"], first["fix"], also)


def _one(error: dict[str, Any], kind: Any) -> tuple[str, str, str]:
    rule = error["type"]
    if rule.startswith("union_tag"):
        return _kind(kind)
    # Branches of a union show as "function-plain[...]" and the like: they are no part of the sender's document.
    path = [str(p) for p in error["loc"][1:] if isinstance(p, int) or re.fullmatch(r"[A-Za-z_]\w*", str(p))]
    if path and path[-1] == "str" and len(error["loc"]) > 2:
        path.pop()
    field = ".".join(path)
    message = str(error["msg"]).removeprefix("Value error, ")
    if rule == "value_error":
        inner = _FIELD.match(message)
        if inner is not None and not (path and path[-1] == inner[1]):
            field, message = ".".join([*path, inner[1]]), inner[2]
        fix = _FIX.search(message)
        return field, message, fix[1] if fix is not None else _see_example(kind)
    if rule == "unexpected_keyword_argument":
        return field, *_unknown_field(path, kind)
    if rule in ("literal_error", "enum"):
        expected = error.get("ctx", {}).get("expected", "")
        return field, f"is none of {expected}", f"send one of {expected}"
    return field, _WORDS.get(rule, message), _FIXES.get(rule, _see_example(kind))


def _kind(kind: Any) -> tuple[str, str, str]:
    if kind is None:
        return "kind", "is missing: an event says of which kind it is", f'add "kind", one of {_listed(SENDABLE)}'
    near = difflib.get_close_matches(str(kind), SENDABLE, 2)
    fix = f"use {' or '.join(near)}" if near else f"use one of {_listed(SENDABLE)}"
    return "kind", f'"{str(kind)[:60]}" is no kind of event', fix


def _unknown_field(path: list[str], kind: Any) -> tuple[str, str]:
    if kind not in KINDS or len(path) != 1:
        return "there is no such field", 'remove it, or put what is your own into "extensions"'
    if inside := difflib.get_close_matches(path[0], [f.name for f in fields(Circumstances)], 1, 0.8):
        return "there is no such field", f'move it into "circumstances", where it is "{inside[0]}"'
    near = difflib.get_close_matches(path[0], [f.name for f in fields(KINDS[kind])], 1)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return "there is no such field", f'{hint}remove it, or put what is your own into "extensions"'


def _see_example(kind: Any) -> str:
    return f'see the example of "{kind}" at /docs' if kind in KINDS else "see the examples at /docs"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
