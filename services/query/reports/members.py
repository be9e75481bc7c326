"""The members of a set with everything that is stored of them, chunk by chunk in their order."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.cases.recall import RecallCase
from services.query.counting import counting
from services.query.snapshot import Asked

_CHUNKS = """
SELECT a.event_no, a.act, a.body, e.key_no, e.log_partition, e.log_offset, e.appended_us
FROM views.case_acts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND a.case_id = $2 AND a.act IN ('set_frozen', 'units_changed')
"""
_BODY = "SELECT body -> 'act' AS act FROM views.event_bodies WHERE event_no = $1"

Member = Mapping[str, Any]
"""domain.cases.acts.Member as JSON data."""


Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of a case are listed: freezes, the newest first, and what evaluations added."""

    freezes: tuple[int, ...]
    has: Callable[[int], bool]

    @classmethod
    def of_working_set(cls, case: RecallCase) -> "Parts":
        """As services.query.working_set has it: until a newer freeze is approved, the older one is in it, too."""
        numbers = {f.number for f in (case.frozen, case.approved) if f is not None}
        return cls(tuple(sorted(numbers, reverse=True)), lambda evaluation: evaluation >= case.added_from)

    @classmethod
    def of_newest(cls, case: RecallCase) -> "Parts":
        """The newest set that is whole, whoever approved it, and what was added to it."""
        number = case.frozen.number if case.frozen is not None else 0
        evaluations = {e.evaluation for e in case.evaluations_of(number)}
        return cls((number,), evaluations.__contains__)


async def members_of(
    asked: Asked, case: RecallCase, parts: Parts, *, until: Place | None = None
) -> AsyncIterator[tuple[str, Place, list[Member]]]:
    """(`freeze n` or `evaluation n`, its place in the log, members): of frozen sets, then what was added. One that is
    in several is told by each.

    `until`: only what was recorded up to that place.
    """
    chunks = []
    for row in await counting(asked, await asked.connection.fetch(_CHUNKS, asked.tenant_id, case.case_id)):
        body, place = row["body"], (row["appended_us"], row["log_partition"], row["log_offset"])
        if until is not None and place > until:
            continue
        if row["act"] == "set_frozen" and body["freeze"] in parts.freezes:
            chunks.append((0, -body["freeze"], body["chunk"], place, row["event_no"]))
        elif row["act"] == "units_changed" and parts.has(body["evaluation"]):
            chunks.append((1, body["evaluation"], body["chunk"], place, row["event_no"]))
    for added, number, _, place, event_no in sorted(chunks):
        act = await asked.connection.fetchval(_BODY, event_no)
        told = act.get("added", []) if added else act.get("members", [])
        yield f"evaluation {number}" if added else f"freeze {-number}", place, told


async def changed_members(
    asked: Asked, case: RecallCase, *, until: Place | None = None
) -> dict[str, tuple[str, Place, Member]]:
    """Members whose certainty, level or reasons an evaluation changed: by item, the newest as `members_of` has them."""
    if not any(e.changed for e in case.evaluations):
        return {}
    found: dict[str, tuple[str, Place, Member]] = {}
    for row in await counting(asked, await asked.connection.fetch(_CHUNKS, asked.tenant_id, case.case_id)):
        place = (row["appended_us"], row["log_partition"], row["log_offset"])
        if row["act"] != "units_changed" or (until is not None and place > until):
            continue
        act = await asked.connection.fetchval(_BODY, row["event_no"])
        for member in act.get("changed", []):
            if member["item"] not in found or found[member["item"]][1] < place:
                found[member["item"]] = (f"evaluation {row['body']['evaluation']}", place, member)
    return found
