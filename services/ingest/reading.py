"""JSON from outside, read strictly: whatever could mean two things, or break what comes later, is named and refused.

A document that is no JSON at all raises `NotJson`. What is JSON but must not be taken (RFC 7493 I-JSON: keys that are
there twice, numbers no double holds, lone surrogates) becomes a `Flaw` in its place, so that one bad event of a batch
costs the others nothing; `first_flaw` finds it with its path.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson

NUMBER_CHARS_MAX = 32
_SIGNIFICANT_DIGITS_MAX = 17
_INTEGER_MAX = (1 << 63) - 1
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_NEAR_CHARS = 20


class NotJson(ValueError):
    """The text is not JSON; the message says where and what to change."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What stands in a parsed document where something unacceptable stood."""

    detail: str
    fix: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How deep a document may be nested, and how long its strings may be."""

    depth: int
    string_chars: int


def read(body: bytes) -> Any:
    """The document, with Flaws where something must not be taken. Raises NotJson."""
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise NotJson("the text starts with a byte order mark: save it as UTF-8 without BOM")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotJson(f"byte {error.start} is not UTF-8: send the text as UTF-8 (it may be GBK or Latin-1)") from error
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(_explained(error)) from error
    except RecursionError as error:
        raise NotJson("it is nested too deep to be read: flatten it") from error


def as_bytes(document: Any) -> bytes | None:
    """The document as JSON; None: a Flaw stands in it, or half a surrogate pair."""
    try:
        return orjson.dumps(document, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        return None


def is_plain(raw: bytes, bounds: Bounds) -> bool:
    """Whether a glance at a document shows that it has no flaw, as nearly all; else `first_flaw` must look."""
    shallow = raw.count(b"{") + raw.count(b"[") <= bounds.depth
    return shallow and len(raw) <= bounds.string_chars and b"\\u0000" not in raw


def first_flaw(document: Any, bounds: Bounds) -> tuple[str, Flaw] | None:
    """The path and flaw of the first thing in `document` that must not be taken; None if there is none."""
    found = _search(document, bounds, 0)
    return (".".join(str(part) for part in reversed(found[0])), found[1]) if found is not None else None


def _search(value: Any, bounds: Bounds, depth: int) -> tuple[list[str | int], Flaw] | None:
    kind = type(value)
    if kind is str:
        flaw = _text_flaw(value, bounds)
        return ([], flaw) if flaw is not None else None
    if kind is Flaw:
        return [], value
    if kind is not dict and kind is not list:
        return None
    if depth >= bounds.depth:
        return [], Flaw(f"nested deeper than {bounds.depth} levels", "flatten it")
    children: Any = value.items() if kind is dict else enumerate(value)
    for key, child in children:
        if kind is dict:
            flaw = _text_flaw(key, bounds)
            if flaw is not None:
                return [], Flaw(f"a key: {flaw.detail}", flaw.fix)
        found = _search(child, bounds, depth + 1)
        if found is not None:
            found[0].append(key)
            return found
    return None


def tellable(text: str) -> str:
    """A text that was sent, as an answer, the log and the views can hold it."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def _text_flaw(text: str, bounds: Bounds) -> Flaw | None:
    if len(text) > bounds.string_chars:
        return Flaw(f"{len(text)} characters, at most {bounds.string_chars} are taken", "shorten the text")
    unfit = _UNFIT.search(text)
    if unfit is None:
        return None
    if unfit[0] == "\x00":
        return Flaw("contains the character NUL (\\u0000)", "remove it")
    return Flaw(f"contains half a surrogate pair (\\u{ord(unfit[0]):04x})", "send whole characters, as UTF-8")


def _object(pairs: list[tuple[str, Any]]) -> "dict[str, Any] | Flaw":
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return Flaw(f'the key "{tellable(twice[:60])}" is there twice', "send each key once")


def _integer(text: str) -> "int | Flaw":
    if len(text) <= NUMBER_CHARS_MAX and -_INTEGER_MAX <= (number := int(text)) <= _INTEGER_MAX:
        return number
    return Flaw(f"the number {text[:24]}… is too large", "send it as text, in quotes")


def _fraction(text: str) -> "float | Flaw":
    digits = text.lower().partition("e")[0].replace(".", "").lstrip("-0")
    if len(text) > NUMBER_CHARS_MAX or len(digits) > _SIGNIFICANT_DIGITS_MAX:
        return Flaw(f"the number {text[:24]}… has more digits than a JSON number keeps", "send it as text, in quotes")
    number = float(text)
    if number in (float("inf"), float("-inf")) or (number == 0 and digits):
        return Flaw(f"the number {text} is out of range", "check the exponent")
    return number


def _constant(text: str) -> Flaw:
    return Flaw(f"{text} is no JSON number", "leave the field out, or send null")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_fraction, parse_int=_integer, parse_constant=_constant
)


def _explained(error: json.JSONDecodeError) -> str:
    where = f"line {error.lineno}, column {error.colno}"
    rest = error.doc[error.pos :].lstrip()
    if rest.startswith(("//", "/*", "#")):
        return f"{where}: there is a comment, and JSON has none: remove it"
    if rest.startswith("'"):
        return f"{where}: text stands in single quotes: use double ones"
    if not rest:
        return f"{where}: the text ends too early: send it whole"
    if error.msg == "Extra data":
        return f"{where}: more follows after the end: send a list [...], or NDJSON as application/x-ndjson"
    return f'{where}: {error.msg}, near "{error.doc[max(0, error.pos - _NEAR_CHARS) : error.pos + _NEAR_CHARS]}"'
