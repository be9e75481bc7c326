"""The freeze job: what the rule comes to as known at the named position is evaluated once and written into the log.

It can be killed at any instant. Members are evaluated as known at a vector and for an instant that the request names,
so doing it again gives the same chunks under the same ids: those that are there already are duplicates. The set is
whole once the views have of it what was evaluated, to the byte.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice, zip_longest
from typing import Any

import structlog

from domain.answers import Gap
from domain.cases import acts
from domain.cases.acts import CHUNK_ITEMS_MAX
from domain.cases.recall import Freeze, RecallCase, fold
from domain.events.casework import CaseRecorded, chunk_id, whole_id
from domain.moments import to_us
from domain.ports import Position, Record
from domain.positions import parse_vector, vector_token
from services.cases.commands import CaseDesk, recorded
from services.cases.frozen_chunks import Sent, members_written, packed
from services.cases.jobs import Work
from services.codec import event_document
from services.database import tenant_transaction
from services.problems import Problem
from services.query.evaluating import GRAPH_WITHIN_SECONDS, Evaluator, snapshot_at
from services.query.freshness import applied_vector, wait_for
from services.query.frozen_set import stored_hashes
from services.query.graph.texts import Texts
from services.query.rules import rule_of
from services.query.set_lines import SetLines

ACTOR = "zhuisu"
SERIES = "frozen"
CHUNK_BYTES_MAX = 500_000
"""Members of one event, as JSON: well below what the log takes."""
FREEZES_AT_ONCE = 2
"""Sets that one process evaluates at the same time."""
CHUNKS_AT_ONCE = 8
"""Chunks sent together."""
GROUPS_UNSEEN_MAX = 3
"""So many of these may be on their way to the views when the next are sent: neither side stands still, or piles up.
Chunks lie in partitions by chance, so of a single group one partition may have half."""
APPLIED_WITHIN_SECONDS = 600.0
_GAP_ITEMS_SHOWN = 20

log_to = structlog.get_logger("cases")


class FreezeJob:
    """Freezes the scopes of recalls whose freeze was requested."""

    name = "freeze"

    def __init__(self, desk: CaseDesk, evaluator: Evaluator) -> None:
        self._desk, self._evaluator = desk, evaluator
        self._busy = asyncio.Semaphore(FREEZES_AT_ONCE)

    async def work(self, work: Work) -> bool:
        """Freeze, once every partition is applied up to the position that the request names."""
        case = fold(work.acts)
        freeze = case.freeze if case is not None else None
        if case is None or case.closed:
            return False
        if freeze is None and case.rule is not None:
            # A graph drawn only after the request knows more than the set may: it would be walked without one.
            self._evaluator.graphs.begin(work.tenant_id)
        if freeze is None or freeze.state != "freezing":
            return False
        vector = parse_vector(freeze.requested.vector) if freeze.requested.vector else {}
        async with self._desk.pool.acquire() as connection:
            applied = await applied_vector(connection)
        if any(applied.get(partition, -1) < offset for partition, offset in vector.items()):
            told = f"the views have {vector_token(applied)} so far, the set is as known at {freeze.requested.vector}"
            await work.tell("views-behind", told)
            return False
        if self._busy.locked():
            return False  # the next round looks again: waiting here would keep other cases from their turn
        try:
            async with self._busy:
                await self._freeze(work, case, freeze, vector=vector)
        except Problem as error:
            if error.status >= 500:
                raise
            failed = acts.FreezeFailed(freeze=freeze.number, code=error.code, detail=error.detail)
            await self._whole(work.tenant_id, case, freeze, act=failed)
        return True

    async def _freeze(self, work: Work, case: RecallCase, freeze: Freeze, *, vector: Mapping[int, int]) -> None:
        tenant_id, rule = work.tenant_id, rule_of(freeze.requested.rule)
        now_us = freeze.requested.as_of.latest_us
        await work.tell("graph-drawing", "the links of all items are read into memory, if they are not there yet")
        await self._evaluator.graphs.ready(self._desk.pool, tenant_id, within_seconds=GRAPH_WITHIN_SECONDS)
        await work.tell("evaluating", "the rule is walked, and where each member is looked up")
        asking = snapshot_at(self._desk.pool, self._desk.settings, tenant_id=tenant_id, vector=vector, now_us=now_us)
        with contextlib.ExitStack() as held:
            async with asking as asked:
                found = held.enter_context(await self._evaluator.lines(rule, asked))
                await found.look()
                parked = asked.fresh.parked
            counts = found.counts()
            sent = await self._send(work, case, freeze, found=found)
        await self._compare(tenant_id, case, freeze, sent=sent)
        whole = acts.Frozen(
            freeze=freeze.number,
            chunks=len(sent.hashes),
            members=sent.members,
            **asdict(counts),
            sha256=sent.sha256,
            incomplete_because=(*found.incomplete, *(["parked"] if parked else [])),
            gaps=tuple(_gaps(found.gaps)),
        )
        await self._whole(tenant_id, case, freeze, act=whole)

    async def _send(self, work: Work, case: RecallCase, freeze: Freeze, *, found: SetLines) -> Sent:
        """Append the chunks, not much faster than the views take them in; the next are made meanwhile."""
        sent = Sent()
        pieces = self._records(work.tenant_id, case, freeze, blocks=found.blocks(), sent=sent)
        group = await asyncio.to_thread(_some, pieces, CHUNKS_AT_ONCE)
        waiting: deque[list[Position]] = deque()
        while group:
            upcoming = asyncio.create_task(asyncio.to_thread(_some, pieces, CHUNKS_AT_ONCE))
            try:
                await work.tell("storing", f"{sent.members} of {len(found)}")
                waiting.append(await self._desk.put(group))
                if len(waiting) > GROUPS_UNSEEN_MAX:
                    await self._until_seen(waiting.popleft())
            finally:
                group = await upcoming  # it is a thread: nobody may leave it behind
        await self._until_seen([position for positions in waiting for position in positions])
        return sent

    def _records(
        self, tenant_id: int, case: RecallCase, freeze: Freeze, *, blocks: Iterator[Texts], sent: Sent
    ) -> Iterator[Record]:
        """The events of the set, each with its members as they were written: nothing is read out of them again."""
        accepted_us = to_us(self._desk.clock.now())
        for lines, count in packed(blocks, items=CHUNK_ITEMS_MAX, size_bytes=CHUNK_BYTES_MAX):
            chunk = len(sent.hashes)
            act = acts.SetFrozen(freeze=freeze.number, chunk=chunk, members=())
            event = _event(case, freeze, act, chunk_id(case.case_id, SERIES, number=freeze.number, chunk=chunk))
            document = event_document(event)
            document["act"]["members"] = members_written(lines)
            record, content = recorded(tenant_id, ACTOR, event, accepted_us=accepted_us, document=document)
            sent.take(lines, count, content)
            yield record

    async def _until_seen(self, positions: list[Position]) -> None:
        latest: dict[int, int] = {}
        for position in positions:
            latest[position.partition] = max(position.offset, latest.get(position.partition, -1))
        if latest:
            await wait_for(self._desk.pool, latest, deadline_seconds=APPLIED_WITHIN_SECONDS)

    async def _compare(self, tenant_id: int, case: RecallCase, freeze: Freeze, *, sent: Sent) -> None:
        """Whether the chunks that count are those that were evaluated: the hash of each is over every byte of it."""
        async with tenant_transaction(self._desk.pool, tenant_id) as connection:
            stored = await stored_hashes(connection, tenant_id, case.case_id, freeze=freeze.number)
        if stored != sent.hashes:
            # An earlier run came to something else: never seen, and never to be taken for the set.
            differing = sum(one != other for one, other in zip_longest(stored, sent.hashes))
            detail = f"{differing} of {len(sent.hashes)} parts of the set are stored otherwise: freeze again"
            raise Problem(409, "set-differs", detail)

    async def _whole(self, tenant_id: int, case: RecallCase, freeze: Freeze, *, act: acts.AnyAct) -> None:
        event = _event(case, freeze, act, whole_id(case.case_id, SERIES, number=freeze.number))
        await self._until_seen(await self._desk.append(tenant_id, ACTOR, [event]))
        log_to.info("freeze_ended", case=case.case_id, freeze=freeze.number, act=act.act)


def _event(case: RecallCase, freeze: Freeze, act: acts.AnyAct, event_id: str) -> CaseRecorded:  # noqa: PLR0917
    """Its time is that of the request, so that sent again it is the same event."""
    return CaseRecorded(
        occurred_at=freeze.requested.as_of,
        event_id=event_id,
        case_id=case.case_id,
        case_type="recall",
        actor=ACTOR,
        act=act,
    )


def _some(pieces: Iterator[Record], count: int) -> list[Record]:
    return list(islice(pieces, count))


def _gaps(gaps: list[Gap]) -> Iterator[dict[str, Any]]:
    """One a kind: how many items it is about, and the first of them."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        by_kind.setdefault((gap.code, gap.detail), []).extend(map(str, gap.items))
    for (code, detail), items in sorted(by_kind.items()):
        every = sorted(set(items))
        yield {"code": code, "detail": detail, "count": len(every), "items": every[:_GAP_ITEMS_SHOWN]}
