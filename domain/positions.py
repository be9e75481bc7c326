"""Position tokens: how users name a place in the log, and a vector of them."""

import re
from collections.abc import Mapping

from domain.ports import Position

_ONE = re.compile(r"^(\d{1,9})-(\d{1,18})$")


class InvalidPosition(ValueError):
    """A token that names no position; the message shows the form."""


def vector_token(vector: Mapping[int, int]) -> str:
    """`<partition>-<offset>` of every partition, comma separated, by partition."""
    return ",".join(Position(p, vector[p]).token for p in sorted(vector) if vector[p] >= 0)


def parse_vector(text: str) -> dict[int, int]:
    """The vector a token names; of one partition named twice the larger offset. Raises InvalidPosition."""
    vector: dict[int, int] = {}
    for part in text.split(","):
        match = _ONE.match(part.strip())
        if match is None:
            raise InvalidPosition(f'"{part[:40]}" is not a position: it looks like 0-12, several like 0-12,1-7')
        partition, offset = int(match[1]), int(match[2])
        vector[partition] = max(offset, vector.get(partition, -1))
    return vector
