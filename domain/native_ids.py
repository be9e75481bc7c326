"""Ids of the native form, `urn:zhuisu:unit|lot|class:<issuer>:<product>[:<serial or lot>]`, and how wide they may be.

An index holds an id beside the class it shows, and its rows end at some 2,700 bytes. Signs of Chinese have three each.
"""

import hashlib
import re
from urllib.parse import quote

from domain.epc_urn import InvalidId

NATIVE = "urn:zhuisu:"
MAX_WIDTH_BYTES = 2_560
"""Of an id and the class it shows together, as UTF-8."""
MAX_CLASS_BYTES = 1_240
"""Of the class alone: beside it an id fits that has a hash for its number."""
_NEVER_WIDE = MAX_CLASS_BYTES // 4
"""Signs that are never too wide: of four bytes each."""
_PLAIN_CHARS = 100
"""What is no longer stays as it is in an id that is too wide."""
_SAFE = "-._~!$&'()*+,;=@/"
_PLAIN_SEGMENT = re.compile(rf"[A-Za-z0-9{re.escape(_SAFE)}]*")


def segment(text: str) -> str:
    """A part of an id as it is written: words are kept, what would end the part is percent-encoded."""
    if _PLAIN_SEGMENT.fullmatch(text):
        return text
    if text.isascii():
        return quote(text, safe=_SAFE)
    return "".join(c if c > "\x9f" else quote(c, safe=_SAFE) for c in text)


def class_of(text: str) -> str | None:
    """The class that an id shows."""
    word, _, rest = text[len(NATIVE) :].partition(":")
    parts = rest.split(":")
    return f"{NATIVE}class:{parts[0]}:{parts[1]}" if word in ("unit", "lot", "class") and len(parts) > 1 else None


def is_wide(text: str) -> bool:
    """Whether an id is too long for an index, together with its class or for that alone."""
    if len(text) <= _NEVER_WIDE:
        return False
    ours, its = _widths(text)
    return its > MAX_CLASS_BYTES or ours + its > MAX_WIDTH_BYTES


def fitting(text: str) -> str:
    """The id, if it is not too wide. Raises InvalidId."""
    if not is_wide(text):
        return text
    ours, its = _widths(text)
    raise InvalidId(
        f"item id has {ours + its} bytes together with its product ({its} of it alone), at most {MAX_WIDTH_BYTES} "
        f"({MAX_CLASS_BYTES}) are taken: shorten the product or the number "
        f"(recorded before this bound, it is {narrowed(text)})"
    )


def narrowed(text: str) -> str:
    """An id that is too wide, with hashes for what is too long: alike for all of one class, and not wide any more."""
    word, issuer, product, *number = text[len(NATIVE) :].split(":")
    if _widths(text)[1] > MAX_CLASS_BYTES:
        issuer, product = (_hashed(part) if len(part) > _PLAIN_CHARS else part for part in (issuer, product))
    narrow = f"{NATIVE}{word}:{':'.join((issuer, product, *number))}"
    if number and is_wide(narrow):
        narrow = f"{NATIVE}{word}:{issuer}:{product}:{_hashed(':'.join(number))}"
    return narrow


def _widths(text: str) -> tuple[int, int]:
    """Bytes of an id, and of its class."""
    return len(text.encode()), len((class_of(text) or "").encode())


def _hashed(part: str) -> str:
    return f"sha256-{hashlib.sha256(part.encode()).hexdigest()}"
