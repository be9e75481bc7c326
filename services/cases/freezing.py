"""The freeze job: what the rule comes to as known at the named position is evaluated once and written into the log.

It can be killed at any instant. Members are evaluated as known at a vector and for an instant that the request names,
so doing it again gives the same chunks under the same ids: those that are there already are duplicates. The set is
whole once the views have of it what was evaluated, to the byte.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import orjson
import structlog

from domain.answers import Gap
from domain.cases import acts
from domain.cases.acts import CHUNK_ITEMS_MAX
from domain.cases.recall import Freeze, RecallCase, fold
from domain.events.casework import CaseRecorded, chunk_id, whole_id
from domain.ports import Position
from domain.positions import parse_vector
from services.cases.commands import CaseDesk
from services.cases.jobs import Work
from services.codec import event_document, member_document
from services.database import tenant_transaction
from services.problems import Problem
from services.query.evaluating import Evaluator, snapshot_at
from services.query.evaluation import Evaluation
from services.query.freshness import applied_vector, wait_for
from services.query.frozen_set import SetHash, frozen_members, line_of
from services.query.rules import rule_of

ACTOR = "zhuisu"
SERIES = "frozen"
CHUNK_BYTES_MAX = 500_000
"""Members of one event, as JSON: well below what the log takes."""
FREEZES_AT_ONCE = 2
"""Sets that one process evaluates at the same time."""
CHUNKS_AT_ONCE = 8
"""Chunks sent together; the next are sent when the views have those before: neither side piles up."""
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
            return False
        if self._busy.locked():
            return False  # the next round looks again: waiting here would keep other cases from their turn
        try:
            async with self._busy:
                await self._freeze(work.tenant_id, case, freeze, vector=vector)
        except Problem as error:
            if error.status >= 500:
                raise
            failed = acts.FreezeFailed(freeze=freeze.number, code=error.code, detail=error.detail)
            await self._whole(work.tenant_id, case, freeze, act=failed)
        return True

    async def _freeze(self, tenant_id: int, case: RecallCase, freeze: Freeze, *, vector: Mapping[int, int]) -> None:
        rule = rule_of(freeze.requested.rule)
        now_us = freeze.requested.as_of.latest_us
        with tempfile.TemporaryFile() as spool:
            asking = snapshot_at(
                self._desk.pool, self._desk.settings, tenant_id=tenant_id, vector=vector, now_us=now_us
            )
            async with asking as asked:
                await self._evaluator.graphs.ready(asked.connection, tenant_id)
                found = await self._evaluator.begin(rule, asked)
                async for some in found.members():
                    spool.write(b"".join(_spooled(one.member) for one in some))
                parked = asked.fresh.parked
            hashed, chunks = await self._send(tenant_id, case, freeze, spool=spool, found=found)
        stored = await self._stored(tenant_id, case, freeze)
        if (stored.members, stored.sha256) != (hashed.members, hashed.sha256):
            # An earlier run came to something else: never seen, and never to be taken for the set.
            detail = f"{stored.members} members are stored, {hashed.members} were evaluated: freeze again"
            raise Problem(409, "set-differs", detail)
        incomplete = (*found.incomplete, *(["parked"] if parked else []))
        whole = _frozen(freeze, found, hashed, chunks=chunks, incomplete=incomplete)
        await self._whole(tenant_id, case, freeze, act=whole)

    async def _send(
        self, tenant_id: int, case: RecallCase, freeze: Freeze, *, spool: IO[bytes], found: Evaluation
    ) -> tuple[SetHash, int]:
        """Append the chunks, no faster than the views take them in; what was sent, hashed, and how many chunks."""
        hashed, chunks = SetHash(), 0
        waiting: list[Position] = []
        pieces = _chunked(spool, found, hashed)
        while group := await asyncio.to_thread(_some, pieces, CHUNKS_AT_ONCE):
            events, documents = [], []
            for members in group:
                act = acts.SetFrozen(freeze=freeze.number, chunk=chunks, members=())
                event = _event(case, freeze, act, chunk_id(case.case_id, SERIES, number=freeze.number, chunk=chunks))
                document = event_document(event)
                document["act"]["members"] = members
                events.append(event)
                documents.append(document)
                chunks += 1
            sent = await self._desk.append(tenant_id, ACTOR, events, documents=documents)
            await self._until_seen(waiting)
            waiting = sent
        await self._until_seen(waiting)
        return hashed, chunks

    async def _until_seen(self, positions: list[Position]) -> None:
        latest: dict[int, int] = {}
        for position in positions:
            latest[position.partition] = max(position.offset, latest.get(position.partition, -1))
        if latest:
            await wait_for(self._desk.pool, latest, deadline_seconds=APPLIED_WITHIN_SECONDS)

    async def _stored(self, tenant_id: int, case: RecallCase, freeze: Freeze) -> SetHash:
        """The set as the views have it."""
        stored = SetHash()
        async with tenant_transaction(self._desk.pool, tenant_id) as connection:
            async for some in frozen_members(connection, tenant_id, case.case_id, freeze=freeze.number):
                for _, _, member in some:
                    stored.take(line_of(member))
        return stored

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


def _spooled(member: acts.Member) -> bytes:
    return orjson.dumps(member_document(member), option=orjson.OPT_APPEND_NEWLINE)


def _chunked(spool: IO[bytes], found: Evaluation, hashed: SetHash) -> Iterator[list[dict[str, Any]]]:
    """The spooled members, loose spares marked, in chunks; each is hashed as it goes by."""
    spool.seek(0)
    chunk: list[dict[str, Any]] = []
    size_bytes = 0
    for line in spool:
        member = orjson.loads(line)
        if member["top"] and found.is_spare(member["item"]):
            member |= {"top": False, "loose_spare": True}
        if len(chunk) == CHUNK_ITEMS_MAX or size_bytes + len(line) > CHUNK_BYTES_MAX:
            yield chunk
            chunk, size_bytes = [], 0
        hashed.take(line_of(member))
        chunk.append(member)
        size_bytes += len(line)
    if chunk:
        yield chunk


def _some(pieces: Iterator[list[dict[str, Any]]], count: int) -> list[list[dict[str, Any]]]:
    return [piece for _, piece in zip(range(count), pieces, strict=False)]


def _frozen(
    freeze: Freeze, found: Evaluation, hashed: SetHash, *, chunks: int, incomplete: tuple[str, ...]
) -> acts.Frozen:
    totals = found.totals()
    return acts.Frozen(
        freeze=freeze.number,
        chunks=chunks,
        members=hashed.members,
        **{name: totals[name] for name in ("units", "lots", "certain", "possible", "top_units", "loose_spares")},
        sha256=hashed.sha256,
        incomplete_because=incomplete,
        gaps=tuple(_gaps(found.gaps)),
    )


def _gaps(gaps: list[Gap]) -> Iterator[dict[str, Any]]:
    """One a kind: how many items it is about, and the first of them."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        by_kind.setdefault((gap.code, gap.detail), []).extend(map(str, gap.items))
    for (code, detail), items in sorted(by_kind.items()):
        every = sorted(set(items))
        yield {"code": code, "detail": detail, "count": len(every), "items": every[:_GAP_ITEMS_SHOWN]}
