"""The job that holds what an approved recall affects, and lets go of what it does not: events of kinds that exist.

So state, traces and every reader of the record know of a recall by the laws that are there (SEMANTICS §4).
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from domain import events as ev
from domain.cases import acts
from domain.cases.holds import Series, What, due
from domain.cases.recall import RecallCase, fold
from domain.events.casework import CaseRecorded, chunk_id
from domain.events.common import Event
from domain.ids import ItemId
from domain.moments import Moment
from domain.ports import Position
from domain.positions import vector_token
from services.access.callers import OWN_SOURCE
from services.cases.commands import CaseDesk
from services.cases.jobs import Work
from services.database import tenant_transaction
from services.query.working_set import removed_from

ITEMS_AN_EVENT = 1_000
EVENTS_AT_ONCE = 20

_MEMBERS = """
SELECT DISTINCT i.uri FROM views.case_members m JOIN views.items i USING (item_no)
WHERE m.tenant_id = $1 AND m.case_id = $2 AND m.kind <> 'class' AND ({which}) ORDER BY i.uri
"""
_WHICH = {
    What.FROZEN: "m.change = 'frozen' AND m.number = $3",
    What.ADDED: "m.change = 'added' AND m.number = $3",
    What.WORKING_SET: """((m.change = 'added' AND m.number BETWEEN $4 AND $5)
        OR (m.change = 'frozen' AND m.number = $3))
        -- what a person removed, and nothing added since, stays out
        AND NOT EXISTS (
            SELECT FROM unnest($6::text[], $7::bigint[], $8::int[], $9::bigint[]) AS gone(uri, us, part, pos)
            JOIN views.events e ON e.event_no = m.event_no
                AND (e.appended_us, e.log_partition, e.log_offset) < (gone.us, gone.part, gone.pos)
            WHERE gone.uri = i.uri)""",
    What.NARROWED: """((m.change = 'frozen' AND m.number < $3) OR (m.change = 'added' AND m.number < $4))
        AND NOT EXISTS (
        SELECT FROM views.case_members n WHERE n.item_no = m.item_no AND n.tenant_id = $1 AND n.case_id = $2
        AND ((n.change = 'frozen' AND n.number = $3) OR (n.change = 'added' AND n.number BETWEEN $4 AND $5)))""",
}
_EVALUATED = (What.WORKING_SET, What.NARROWED)

_DECLARED = """
-- what was declared of these items in the recall and stood before this series ($4), with all that it names
SELECT k.event_id, ARRAY(
    SELECT i.uri FROM views.event_items m JOIN views.items i USING (item_no)
    WHERE m.event_no = e.event_no AND m.role = 0 ORDER BY i.uri
) AS items
FROM views.notices n JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
WHERE n.tenant_id = $1 AND n.topic = 'recall' AND n.subject = $2 AND e.kind = 'recall_declared'
AND NOT EXISTS (
    SELECT FROM views.voids v JOIN views.events w ON w.event_no = v.event_no
    JOIN views.event_keys vk ON vk.key_no = w.key_no
    WHERE v.target_key_no = e.key_no AND NOT starts_with(vk.event_id, $4)
)
AND NOT starts_with(k.event_id, $4) AND EXISTS (
    SELECT FROM views.event_items m JOIN views.items i USING (item_no)
    WHERE m.event_no = e.event_no AND i.tenant_id = $1 AND i.uri = ANY($3)
)
ORDER BY k.event_id
"""


def hold_id(case_id: str) -> str:
    """The hold that a recall places."""
    return f"recall:{case_id}"


class Holds:
    """Places and releases what is due. What it appends hangs on the acts alone: again is a duplicate."""

    name = "holds"

    def __init__(self, desk: CaseDesk) -> None:
        self._desk = desk

    async def work(self, work: Work) -> bool:
        """See services.cases.jobs.Job."""
        case = fold(work.acts)
        series = next(due(case), None) if case is not None else None
        if case is None or series is None:
            return False
        items, positions, batch = 0, list[Position](), list[Event]()
        chunk, gone = 0, list[str]()
        async for some in self._items(work.tenant_id, case, series):
            items += len(some)
            batch += _events(case, series, some, chunk=chunk)
            gone += some if not series.what.places else ()
            chunk += 1
            if len(batch) >= EVENTS_AT_ONCE:
                positions += await self._desk.append(work.tenant_id, OWN_SOURCE, batch)
                batch = []
        batch += await self._declared_anew(work.tenant_id, case, series=series, without=gone) if gone else []
        batch += _closing(case, series) if series.what is What.ALL else []
        positions += await self._desk.append(work.tenant_id, OWN_SOURCE, batch) if batch else []
        done = _done(case, series, items=items, positions=positions)
        await self._desk.seen(await self._desk.append(work.tenant_id, OWN_SOURCE, [done]))
        return True

    async def _declared_anew(
        self, tenant_id: int, case: RecallCase, *, series: Series, without: Sequence[str]
    ) -> list[Event]:
        """What was declared of these items, declared again without them: the record knows no other way back."""
        async with tenant_transaction(self._desk.pool, tenant_id) as connection:
            ours = f"{chunk_id(case.case_id, f'declared.{series.name}', number=0, chunk=0)[:-4]}."
            rows = await connection.fetch(_DECLARED, tenant_id, case.case_id, list(without), ours)
        gone, found = set(without), list[Event]()
        for row in rows:
            kept = [i for i in row["items"] if i not in gone]
            told = hashlib.sha256(row["event_id"].encode()).hexdigest()[:16]
            name = chunk_id(case.case_id, f"declared.{series.name}.{told}", number=series.number, chunk=len(kept))
            found += [replace(one, event_id=name) for one in _events(case, series, kept, declared=True)]
            found.append(
                ev.Voided(
                    occurred_at=Moment.parse(series.occurred_at),
                    event_id=f"{name}:void",
                    target=row["event_id"],
                    replaced_by=(name,) if kept else (),
                    reason=series.because.reason,
                )
            )
        return found

    async def _items(self, tenant_id: int, case: RecallCase, series: Series) -> AsyncIterator[Sequence[str]]:
        """The items of a series, always in the same chunks."""
        if series.what is What.ALL:
            return
        if series.what is What.REMOVED:
            for start in range(0, len(series.items), ITEMS_AN_EVENT):
                yield series.items[start : start + ITEMS_AN_EVENT]
            return
        freeze = case.approved.number if case.approved is not None else 0
        number = freeze if series.what is What.WORKING_SET else series.number
        about: tuple[object, ...] = (series.added_from, series.added_to) if series.what in _EVALUATED else ()
        about += _gone(case, series) if series.what is What.WORKING_SET else ()
        statement = _MEMBERS.format(which=_WHICH[series.what])
        async with tenant_transaction(self._desk.pool, tenant_id) as connection:
            await connection.execute("SET LOCAL statement_timeout = 0")
            cursor = await connection.cursor(statement, tenant_id, case.case_id, number, *about)
            while rows := await cursor.fetch(ITEMS_AN_EVENT):
                yield [r[0] for r in rows]


def _gone(case: RecallCase, series: Series) -> tuple[list[object], ...]:
    """What persons had removed, and when that was recorded (columns); but what the reopening names turned up."""
    before = case.history[: case.history.index(series.because)]
    named = series.because.act.items if isinstance(series.because.act, acts.Reopened) else ()
    gone = {item: at for item, at in removed_from(before).items() if item not in named}
    rows = [(item, *at) for item, at in sorted(gone.items())]
    return tuple([row[n] for row in rows] for n in range(4))


def _events(
    case: RecallCase, series: Series, items: Sequence[str], *, chunk: int = 0, declared: bool = False
) -> list[Event]:
    """The events of one chunk of a series; `declared`: the declaration alone, if it has items."""
    when = Moment.parse(series.occurred_at)
    listed = tuple(ev.ItemQuantity(item=ItemId(i)) for i in items)
    reason = case.about.hazard or case.about.defect or case.about.title

    def named(series_of: str) -> str:
        return chunk_id(case.case_id, f"{series_of}.{series.name}", number=series.number, chunk=chunk)

    if not series.what.places and not declared:
        released = ev.HoldReleased(
            occurred_at=when,
            event_id=named("released"),
            hold_id=hold_id(case.case_id),
            items=listed,
            reason=series.because.reason,
        )
        return [released]
    recalled = ev.RecallDeclared(
        occurred_at=when,
        event_id=named("declared"),
        recall_id=case.case_id,
        items=listed,
        reason=case.about.defect,
        hazard=case.about.hazard,
    )
    if declared:
        return [recalled] if listed else []
    held = ev.Held(occurred_at=when, event_id=named("held"), hold_id=hold_id(case.case_id), items=listed, reason=reason)
    return [recalled, held]


def _closing(case: RecallCase, series: Series) -> list[Event]:
    when, reason = Moment.parse(series.occurred_at), series.because.reason
    name = f"closed.{series.name}"
    return [
        ev.RecallClosed(
            occurred_at=when,
            event_id=chunk_id(case.case_id, name, number=series.number, chunk=0),
            recall_id=case.case_id,
            reason=reason,
        ),
        ev.HoldReleased(
            occurred_at=when,
            event_id=chunk_id(case.case_id, name, number=series.number, chunk=1),
            hold_id=hold_id(case.case_id),
            reason=reason,
        ),
    ]


def _done(case: RecallCase, series: Series, *, items: int, positions: Sequence[Position]) -> CaseRecorded:
    latest: dict[int, int] = {}
    for position in positions:
        latest[position.partition] = max(position.offset, latest.get(position.partition, -1))
    counts = {"items": items, "events": len(positions), "vector": vector_token(latest), "series": series.name}
    freeze = case.approved.number if case.approved is not None else 0
    act: acts.AnyAct = (
        acts.HoldsPlaced(freeze=series.number if series.what is What.FROZEN else freeze, **counts)  # type: ignore[arg-type]
        if series.what.places
        else acts.HoldsReleased(**counts)  # type: ignore[arg-type]
    )
    return CaseRecorded(
        occurred_at=Moment.parse(series.occurred_at),
        event_id=chunk_id(case.case_id, f"{act.act}.{series.name}", number=series.number, chunk=0),
        case_id=case.case_id,
        case_type="recall",
        actor=OWN_SOURCE,
        act=act,
    )
