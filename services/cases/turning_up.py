"""The job that reopens a closed recall when an outstanding unit turns up in the record (docs/recall.md, CN7)."""

from collections.abc import Sequence

from domain.cases import acts
from domain.cases.buckets import DONE, Claim, place
from domain.cases.claims import claims_of, remedies_of
from domain.cases.recall import RecallCase, fold
from domain.cases.record import Recorded
from domain.events.casework import CaseRecorded, chunk_id
from domain.ids import ItemId
from domain.moments import Moment
from services.access.callers import OWN_SOURCE
from services.cases.affected import held_in
from services.cases.commands import CaseDesk
from services.cases.jobs import Work
from services.cases.looking import looking
from services.query.recall_custody import custodies, ours
from services.query.snapshot import Asked
from services.query.working_set import working_set

EVENTS_AT_ONCE = 500
ITEMS_TOLD = 100
_TOUCHES = """
-- events that touched the case, were recorded after it was closed, and lie behind those that were looked at
SELECT t.event_no, t.log_partition, t.log_offset, k.event_id
FROM views.case_touches t JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
WHERE t.tenant_id = $1 AND t.case_id = $2 AND e.appended_us > $3
AND t.log_offset > coalesce(
    (SELECT c.seen FROM unnest($4::int[], $5::bigint[]) AS c(part, seen) WHERE c.part = t.log_partition), -1)
ORDER BY t.log_partition, t.log_offset LIMIT $6
"""
_NAMED = """
-- what these events name, of members and of containers that held some
SELECT DISTINCT i.uri, n.event_no FROM views.event_items n JOIN views.items i ON i.item_no = n.item_no
WHERE n.event_no = ANY($3) AND (
    EXISTS (SELECT FROM views.case_members m
        WHERE m.item_no = n.item_no AND m.tenant_id = $1 AND m.case_id = $2 AND m.kind = 'unit')
    OR EXISTS (SELECT FROM views.watched_items w
        WHERE w.item_no = n.item_no AND w.tenant_id = $1 AND w.case_id = $2 AND w.holds_members)
)
"""


class TurningUp:
    """Reopens a recall that was closed with units outstanding once one of them is named by a new event and not done."""

    name = "turning_up"

    def __init__(self, desk: CaseDesk) -> None:
        self._desk = desk
        self._looked: dict[tuple[int, str, int], dict[int, int]] = {}
        """by tenant, case and number of its closing: what was looked at, an offset a partition"""

    async def work(self, work: Work) -> bool:
        """See services.cases.jobs.Job. Looks at some events a round; what was looked at is not looked at again."""
        case = fold(work.acts)
        if case is None or case.closing is None or not case.closing.outstanding or case.approved is None:
            return False
        closed = next(a for a in reversed(case.history) if a.act is case.closing)
        looked = self._looked.setdefault((work.tenant_id, case.case_id, closed.sequence or 0), {})
        async with looking(self._desk, work.tenant_id) as asked:
            # Clocks of partitions may be apart: what may have been told after the closing was not seen by it.
            skew_us = int(self._desk.settings.skew_bound_seconds * 1_000_000)
            about = (work.tenant_id, case.case_id, closed.place[0] - skew_us)
            seen = (list(looked), list(looked.values()))
            touches = await asked.connection.fetch(_TOUCHES, *about, *seen, EVENTS_AT_ONCE)
            numbers = [t["event_no"] for t in touches]
            named = await asked.connection.fetch(_NAMED, work.tenant_id, case.case_id, numbers) if numbers else []
            found = await _not_done(asked, case, sorted({ItemId(r["uri"]) for r in named})) if named else []
        if found:
            by = {r["event_no"] for r in named if r["uri"] in found} or set(numbers)
            events = sorted(t["event_id"] for t in touches if t["event_no"] in by)
            now = Moment.parse(self._desk.clock.now())
            reopened = _reopened(case, closed, found[:ITEMS_TOLD], events=events, now=now)
            await self._desk.seen(await self._desk.append(work.tenant_id, OWN_SOURCE, [reopened]))
            return True
        for touch in touches:
            looked[touch["log_partition"]] = touch["log_offset"]
        return False


async def _not_done(asked: Asked, case: RecallCase, items: Sequence[ItemId]) -> list[ItemId]:
    """Those of the units that are in the working set, inside no other unit, and in no final bucket."""
    held = await held_in(asked, case, [i for i in items if i.kind in ("container", None)])
    members = await working_set(asked, case, of=[*items, *(i for inside in held.values() for i in inside)])
    opened_us = Moment.parse(case.opened.occurred_at).latest_us
    told: dict[ItemId, list[Claim]] = {}
    for claim in claims_of(case.history):
        told.setdefault(claim.item, []).append(claim)
    whose = await ours(asked, "")
    found = []
    async for some in custodies(asked, members, whose=whose, case_id=case.case_id):
        for item, one in some.items():
            claims = [*told.get(item, ()), *remedies_of(one)]
            if not one.wholes and place(one.standing, claims, opened_us=opened_us).bucket not in DONE:
                found.append(item)
    return sorted(found)


def _reopened(
    case: RecallCase, closed: Recorded, items: Sequence[ItemId], *, events: Sequence[str], now: Moment
) -> CaseRecorded:
    """One a close, whoever makes it."""
    return CaseRecorded(
        occurred_at=now,
        event_id=chunk_id(case.case_id, "reopened", number=closed.sequence or 0, chunk=0),
        case_id=case.case_id,
        case_type="recall",
        actor=OWN_SOURCE,
        reason=f"a unit turned up after the recall was closed, by {', '.join(events[:5])}",
        act=acts.Reopened(items=tuple(items)),
    )
