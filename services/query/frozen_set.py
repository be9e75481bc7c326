"""A frozen set as the log has it: read, never computed again. Its lines are the same bytes each time."""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

Line = tuple[int, int, dict[str, Any]]
"""Chunk, line in it, and the member as its act has it."""

_CHUNKS = """
-- the chunks of a freeze that count, in order: of copies with other content the log's first
SELECT DISTINCT ON (chunk) (a.body ->> 'chunk')::int AS chunk, a.event_no
FROM views.case_acts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND a.case_id = $2 AND a.act = 'set_frozen' AND (a.body ->> 'freeze')::int = $3
ORDER BY chunk, e.appended_us, e.log_partition, e.log_offset
"""
_MEMBERS = "SELECT body #> '{act,members}' FROM views.event_bodies WHERE event_no = $1"


def line_of(member: Mapping[str, Any]) -> bytes:
    """A member as one line of canonical JSON: what the hash of a set is made over."""
    return orjson.dumps(member, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


async def frozen_members(
    connection: asyncpg.Connection,
    tenant_id: int,
    case_id: str,
    *,
    freeze: int,
    after: tuple[int, int] = (-1, -1),
) -> AsyncGenerator[Sequence[Line], None]:
    """The members behind (chunk, line) `after`, a chunk at a time, in their order."""
    for chunk, event_no in await connection.fetch(_CHUNKS, tenant_id, case_id, freeze):
        if chunk < after[0]:
            continue
        members = await connection.fetchval(_MEMBERS, event_no) or []
        first = after[1] + 1 if chunk == after[0] else 0
        if some := [(chunk, n, member) for n, member in enumerate(members[first:], first)]:
            yield some


class SetHash:
    """Counts and hashes the lines of a set as they go by."""

    def __init__(self) -> None:
        self.members = 0
        self._hash = hashlib.sha256()

    def take(self, line: bytes) -> None:
        self.members += 1
        self._hash.update(line)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
