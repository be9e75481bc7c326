"""The working set of a recall: what was frozen, what was added since, less what somebody decided to remove.

A newer freeze takes the place of the approved one, and of what was added to it, once it is approved itself; until then
both are in: a narrower rule lets go of nothing before a second person agrees.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from domain.cases import acts
from domain.cases.population import Flags
from domain.cases.recall import RecallCase
from domain.cases.record import Recorded
from domain.ids import ItemId
from services.query.snapshot import Asked
from services.query.statements import ITEM_NOS

_BATCH = 2_000
_MEMBERS = """
SELECT i.uri, m.kind, m.top, m.loose_spare, m.seed, e.appended_us, e.log_partition, e.log_offset
FROM views.case_members m JOIN views.items i USING (item_no) JOIN views.events e USING (event_no)
WHERE m.tenant_id = $1 AND m.case_id = $2
AND ((m.change = 'added' AND m.number >= $4) OR (m.change = 'frozen' AND m.number = ANY($3::int[])))
"""
_OF_THESE = " AND m.item_no = ANY($5::bigint[])"


async def working_set(asked: Asked, case: RecallCase, *, of: Sequence[str] | None = None) -> dict[ItemId, Flags]:
    """The members by id, as known in this snapshot; `of`: only as far as they are among these."""
    removed = removed_from(case.history)
    found: dict[ItemId, Flags] = {}
    kept: dict[tuple[Any, ...], Flags] = {}
    async for rows in _members(asked, case, of):
        for row in rows:
            item, place = row["uri"], (row["appended_us"], row["log_partition"], row["log_offset"])
            if not asked.knows(row["log_partition"], row["log_offset"]):
                continue
            if item in removed and place < removed[item]:
                continue
            key = (row["kind"], row["top"], row["loose_spare"], row["seed"])
            flags = kept.setdefault(key, Flags(*key))
            if item not in found or (flags.top and not found[item].top):
                found[item] = flags
    return await asyncio.to_thread(lambda: {ItemId(item): flags for item, flags in sorted(found.items())})


async def _members(asked: Asked, case: RecallCase, of: Sequence[str] | None) -> AsyncIterator[list[Any]]:
    freezes = [f.number for f in (case.approved, case.frozen) if f is not None]
    about = (asked.tenant_id, case.case_id, freezes, case.added_from)
    if of is not None:
        numbers = [r[0] for r in await asked.connection.fetch(ITEM_NOS, asked.tenant_id, list(of))]
        yield await asked.connection.fetch(_MEMBERS + _OF_THESE, *about, numbers)
        return
    cursor = await asked.connection.cursor(_MEMBERS, *about)
    while rows := await cursor.fetch(_BATCH):
        yield rows


def removed_from(history: Iterable[Recorded]) -> dict[str, tuple[int, int, int]]:
    """Items that the newest decision on them removed, and when that was recorded: what is added later is in again."""
    newest: dict[str, tuple[int, tuple[int, int, int], bool]] = {}
    for one in history:
        if isinstance(one.act, acts.RemovalDecided):
            for item in one.act.items:
                newest[item] = (one.sequence or 0, one.place, one.act.decision == "remove")
    return {item: place for item, (_, place, gone) in newest.items() if gone}


def sliced(items: Iterable[ItemId], size: int) -> list[list[ItemId]]:
    """The items, so many at a time."""
    every = list(items)
    return [every[start : start + size] for start in range(0, len(every), size)]
