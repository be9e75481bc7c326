"""Rows of events that count, as known in one snapshot."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from domain.corrections import Standing
from services.query.snapshot import Asked
from services.query.standing import judged

R = TypeVar("R", bound=Mapping[str, Any])
_COUNTING = (Standing.COUNTS, Standing.PENDING)


async def counting(asked: Asked, rows: Iterable[R]) -> list[R]:
    """Those whose event is known, is no rival copy and is not void. Rows have event_no, key_no and their place."""
    known = [r for r in rows if asked.knows(r["log_partition"], r["log_offset"])]
    verdicts = await judged(asked.connection, [r["key_no"] for r in known], vector=asked.vector)
    return [r for r in known if r["event_no"] not in verdicts or verdicts[r["event_no"]].standing in _COUNTING]
