"""How long a name may be: what events are found by stands in indexes, whose rows end at some 2,700 bytes.

Ids bound themselves (`domain/ids.py`). Names in an event are its other texts: of equipment, a parameter, a hold. A text
that nobody looks events up by may be longer (`FREE_TEXTS`). Capture refuses a longer name; of what was taken before the
bound the projector reads `shortened` ones, and so do questions that name one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

NAME_BYTES_MAX = 1_024
"""Of a name, as UTF-8: two of them fit an index."""
_BYTES_A_CHAR = 4
_KEPT_CHARS = 64

FREE_TEXTS = frozenset(
    {
        *("note", "extensions", "reason", "description", "hazard", "symptom", "address", "text", "work"),
        *("certificate", "documents", "act", "errors"),
        *("range", "first_serial", "last_serial", "from_serial"),  # no view finds by them, or they bound themselves
    }
)
"""Fields whose texts are no names, nor what is within them."""

Path = tuple[str | int, ...]


def is_long(name: str) -> bool:
    """Whether it has more bytes than a name may have."""
    return len(name) * _BYTES_A_CHAR > NAME_BYTES_MAX and len(name.encode()) > NAME_BYTES_MAX


def shortened(name: str) -> str:
    """The name, if it is no longer than is taken now; else its beginning, and a hash that tells it from others."""
    if not is_long(name):
        return name
    return f"{name[:_KEPT_CHARS]} sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def may_have_long(document: bytes) -> bool:
    """Whether a text of the JSON may be longer than a name. A glance: from quote to quote, in strides of a name."""
    if len(document) <= NAME_BYTES_MAX:
        return False
    at, end = 0, len(document) - NAME_BYTES_MAX
    while at < end:
        at = document.rfind(b'"', at, at + NAME_BYTES_MAX + 1) + 1
        if not at:
            return True
    return document.find(b"\\") >= 0 and b'\\"' in document  # a quote that ends no text


def long_names(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where in an event a name is too long."""
    if type(value) is str:
        if is_long(value):
            yield path
    elif isinstance(value, tuple):
        for n, one in enumerate(value):
            yield from long_names(one, (*path, n))
    elif is_dataclass(value):
        for one in fields(value):
            if one.name not in FREE_TEXTS:
                yield from long_names(getattr(value, one.name), (*path, one.name))


def with_shortened(document: Any, paths: list[Path]) -> Any:
    """An event as JSON data with the names at these places shortened."""
    if () in paths:
        return shortened(document)
    heads = {path[0] for path in paths}
    pairs = document.items() if isinstance(document, Mapping) else enumerate(document)
    told = [
        (key, with_shortened(one, [p[1:] for p in paths if p[0] == key]) if key in heads else one) for key, one in pairs
    ]
    return dict(told) if isinstance(document, Mapping) else [one for _, one in told]
