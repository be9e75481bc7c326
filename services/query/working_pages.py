"""The approved working set a stretch at a time, in the order in which it came together: what was frozen, then what was
added. However large it is, a stretch costs what it looks at.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.cases.recall import RecallCase
from services.query.snapshot import Asked
from services.query.working_set import removed_from

_LAST = 2**31 - 1
_ROWS = """
SELECT m.number, m.chunk, m.line, m.event_no, m.item_no, i.uri, m.kind, e.appended_us, e.log_partition, e.log_offset
FROM views.case_members m JOIN views.items i USING (item_no) JOIN views.events e ON e.event_no = m.event_no
WHERE m.tenant_id = $1 AND m.case_id = $2 AND m.change = $3 AND m.number BETWEEN $4 AND $5
"""
_STRETCH = f"""{_ROWS} AND (m.number, m.chunk, m.line, m.event_no) > ($6, $7, $8, $9)
ORDER BY m.number, m.chunk, m.line, m.event_no LIMIT $10
"""
_OF_ITEMS = f"{_ROWS} AND m.item_no = ANY($6::bigint[])"


class Place(NamedTuple):
    """Where a member stands in the working set of a freeze: `part` 0 is what was frozen, 1 what was added."""

    freeze: int
    part: int = 0
    number: int = -1
    chunk: int = -1
    line: int = -1
    event_no: int = -1

    def packed(self) -> bytes:
        """All of one length."""
        return struct.pack(">iBiiiq", *self)

    @classmethod
    def of(cls, packed: bytes) -> "Place":
        """Raises ValueError."""
        try:
            return cls(*struct.unpack(">iBiiiq", packed))
        except struct.error as error:
            raise ValueError("it is no place") from error


@dataclass(frozen=True, slots=True)
class Stretch:
    """Members, each at the first of its places. `reached`: what was looked at last; None where nothing follows."""

    members: Sequence[tuple[Place, str, str]]
    """(place, item, kind)"""
    reached: Place | None


async def stretch(asked: Asked, case: RecallCase, *, after: Place, most: int) -> Stretch:
    """The next members behind a place; so many rows are looked at, at most."""
    parts = _parts(case, after.freeze)
    found: list[tuple[Place, Any]] = []
    reached: Place | None = after
    for part in range(after.part, len(parts)):
        begin = after[2:] if part == after.part else Place(after.freeze)[2:]
        about = (asked.tenant_id, case.case_id, *parts[part])
        rows = await asked.connection.fetch(_STRETCH, *about, *begin, most - len(found))
        found += [(_place(after.freeze, part, row), row) for row in rows]
        if len(found) >= most:
            reached = found[-1][0]
            break
    else:
        reached = None
    first = await _first(asked, case, after.freeze, items=[row["item_no"] for _, row in found])
    members = [(at, row["uri"], row["kind"]) for at, row in found if first.get(row["item_no"]) == at]
    return Stretch(members, reached)


def _parts(case: RecallCase, freeze: int) -> list[tuple[str, int, int]]:
    return [("frozen", freeze, freeze), ("added", case.added_from, _LAST)]


def _place(freeze: int, part: int, row: Any) -> Place:
    return Place(freeze, part, row["number"], row["chunk"], row["line"], row["event_no"])


async def _first(asked: Asked, case: RecallCase, freeze: int, *, items: Sequence[int]) -> dict[int, Place]:
    """Where each item is in the set first; nowhere, if it was removed and is not in again."""
    removed, found = removed_from(case.history), dict[int, Place]()
    for part, about in enumerate(_parts(case, freeze)):
        for row in await asked.connection.fetch(_OF_ITEMS, asked.tenant_id, case.case_id, *about, list(items)):
            recorded = (row["appended_us"], row["log_partition"], row["log_offset"])
            if not asked.knows(row["log_partition"], row["log_offset"]) or (
                row["uri"] in removed and recorded < removed[row["uri"]]
            ):
                continue
            at = _place(freeze, part, row)
            found[row["item_no"]] = min(at, found.get(row["item_no"], at))
    return found
