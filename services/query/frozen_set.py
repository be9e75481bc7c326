"""A frozen set as the log has it: read, never computed again. Its lines are the same bytes each time."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

Line = tuple[int, int, dict[str, Any]]
"""Chunk, line in it, and the member as its act has it."""

_CHUNKS = """
-- the chunks of a freeze that count, in order: of copies with other content the log's first
SELECT DISTINCT ON (chunk) (a.body ->> 'chunk')::int AS chunk, a.event_no, e.content_hash
FROM views.case_acts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND a.case_id = $2 AND a.act = 'set_frozen' AND (a.body ->> 'freeze')::int = $3
ORDER BY chunk, e.appended_us, e.log_partition, e.log_offset
"""
_MEMBERS = "SELECT body #> '{act,members}' FROM views.event_bodies WHERE event_no = $1"


def line_of(member: Mapping[str, Any]) -> bytes:
    """A member as one line of canonical JSON: what the hash of a set is made over."""
    return orjson.dumps(member, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


async def stored_hashes(connection: asyncpg.Connection, tenant_id: int, case_id: str, *, freeze: int) -> list[str]:
    """The hash of the content of each chunk that counts, in order."""
    return [r["content_hash"] for r in await connection.fetch(_CHUNKS, tenant_id, case_id, freeze)]


async def frozen_members(
    connection: asyncpg.Connection,
    tenant_id: int,
    case_id: str,
    *,
    freeze: int,
    after: tuple[int, int] = (-1, -1),
) -> AsyncGenerator[Sequence[Line], None]:
    """The members behind (chunk, line) `after`, a chunk at a time, in their order."""
    for chunk, event_no, _ in await connection.fetch(_CHUNKS, tenant_id, case_id, freeze):
        if chunk < after[0]:
            continue
        members = await connection.fetchval(_MEMBERS, event_no) or []
        first = after[1] + 1 if chunk == after[0] else 0
        if some := [(chunk, n, member) for n, member in enumerate(members[first:], first)]:
            yield some
