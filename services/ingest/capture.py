"""From what was posted to the log: judge each event by itself, append, and tell what became of it."""

import asyncio
import hashlib
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from domain.moments import to_us
from domain.ports import Clock, EventLog, LogUnavailable, Position
from services.access import Caller
from services.ingest.explaining import EventError
from services.ingest.judging import Judged, Original, Posted, judge_all
from services.ingest.limits import Limits, Rates
from services.ingest.outcomes import Outcome, Tally
from services.ingest.reading import tellable
from services.metrics import IngestMetrics

log_to = structlog.get_logger("ingest")

RECENT_EVENTS = 100_000
"""Events a process remembers to tell duplicates; an older one is appended again and adds nothing to the views."""

CHUNK_EVENTS = 1_000
"""Events handed to the log at once."""

RETRY_AFTER_SECONDS = 2
"""When a sender that got a 503 may try again."""

_CHUNKS_IN_FLIGHT = 4

_BREATH_EVENTS = 50
"""Events judged before other requests get their turn."""

_KEY_BYTES_MAX = 2_048
"""A record's key: the tenant and an event id of at most 256 characters."""

_TOLD_MAX = 20
"""Event ids and errors in one log line."""


class Capture:
    """Captures events for callers, on one log. It remembers the newest events that the log confirmed."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        *,
        limits: Limits,
        metrics: IngestMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._clock, self._metrics = log, clock, metrics
        self.limits = replace(limits, event_bytes=min(limits.event_bytes, log.max_record_bytes - _KEY_BYTES_MAX))
        self._monotonic = monotonic
        self._recent: OrderedDict[bytes, Position] = OrderedDict()
        self.rates = Rates(limits.events_per_second, monotonic)

    def posted(self, caller: Caller) -> Posted:
        """A request that begins now. Raises Problem 429 for a key that sent too much lately."""
        self.rates.admit(caller.key_id)
        return Posted(caller, to_us(self._clock.now()))

    async def judge(
        self,
        documents: Sequence[Any],
        posted: Posted,
        *,
        first_index: int = 0,
        originals: Sequence[Original] = (),
    ) -> list[Outcome]:
        """Each event judged by itself: one bad event costs no other anything.

        `originals` are those of the events, in the same order.
        """
        self.rates.charge(posted.caller.key_id, len(documents))
        outcomes: list[Outcome] = []
        for start in range(0, len(documents), _BREATH_EVENTS):
            if start:
                await asyncio.sleep(0)
            some, index = documents[start : start + _BREATH_EVENTS], first_index + start
            beside = originals[start : start + _BREATH_EVENTS]
            judged = judge_all(some, posted, first_index=index, limits=self.limits, originals=beside)
            outcomes += [
                self._outcome(one, some[n], index=index + n, tenant_id=posted.caller.tenant_id)
                for n, one in enumerate(judged)
            ]
        return outcomes

    def _outcome(self, judged: Judged | EventError, document: Any, *, index: int, tenant_id: int) -> Outcome:
        """The outcome so far: rejected, a duplicate, or a record to append."""
        if isinstance(judged, EventError):
            self._metrics.rejected.labels(reason=judged.code).inc()
            event_id = document.get("event_id") if isinstance(document, dict) else None
            return Outcome(index, tellable(event_id) if isinstance(event_id, str) else None, error=judged)
        told = f"{tenant_id} {judged.event_id} {judged.content_hash}"
        fingerprint = hashlib.blake2b(told.encode(), digest_size=16).digest()
        before = self._recent.get(fingerprint)
        if before is not None:
            self._metrics.duplicate.inc()
            return Outcome(index, judged.event_id, position=before, notices=judged.notices)
        return Outcome(index, judged.event_id, record=judged.record, fingerprint=fingerprint, notices=judged.notices)

    async def append(self, outcomes: Sequence[Outcome]) -> None:
        """Append what is to be appended, durably, in chunks that the log commits together with other requests'.

        What is there twice is appended once. Raises LogUnavailable when some were not confirmed in time: their outcome
        is unknown, the others have positions.
        """
        waiting = [one for one in outcomes if one.record is not None]
        firsts = {one.fingerprint: one for one in waiting}
        if len(firsts) == len(waiting):  # as nearly always
            await self._append_all(waiting)
            return
        firsts.update({one.fingerprint: one for one in reversed(waiting)})
        try:
            await self._append_all(list(firsts.values()))
        finally:
            self._repeated([one for one in waiting if firsts[one.fingerprint] is not one], firsts)

    def _repeated(self, repeats: Sequence[Outcome], firsts: Mapping[bytes, Outcome]) -> None:
        """A repeat is a duplicate if its first was confirmed, and as unknown as that otherwise."""
        for one in repeats:
            one.position = firsts[one.fingerprint].position
            if one.position is None:
                self._metrics.unknown.inc()
            else:
                one.record = None
                self._metrics.duplicate.inc()

    async def _append_all(self, waiting: Sequence[Outcome]) -> None:
        if len(waiting) <= CHUNK_EVENTS:
            if waiting:
                await self._append(waiting)
            return
        chunks = iter([waiting[n : n + CHUNK_EVENTS] for n in range(0, len(waiting), CHUNK_EVENTS)])
        failures: list[LogUnavailable] = []

        async def lane() -> None:
            for chunk in chunks:
                if failures:  # do not wait for another deadline: what was not sent is not in the log
                    self._metrics.unknown.inc(len(chunk))
                    continue
                try:
                    await self._append(chunk)
                except LogUnavailable as error:
                    failures.append(error)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_CHUNKS_IN_FLIGHT, -(-len(waiting) // CHUNK_EVENTS))):
                group.create_task(lane())
        if failures:
            raise failures[0]

    async def _append(self, chunk: Sequence[Outcome]) -> None:
        records = [o.record for o in chunk if o.record is not None]
        started = self._monotonic()
        try:
            positions: Sequence[Position | None] = await self._log.append(
                records, deadline_seconds=self.limits.append_deadline_seconds
            )
        except LogUnavailable as error:
            self._settle(chunk, error.positions)
            raise
        self._settle(chunk, positions)
        self._metrics.append_seconds.observe(self._monotonic() - started)
        self._metrics.batch_events.observe(len(records))

    def _settle(self, chunk: Sequence[Outcome], positions: Sequence[Position | None]) -> None:
        """Only what the log confirmed has a position, and only that may be called a duplicate later."""
        confirmed = 0
        flagged: Counter[str] = Counter()
        for outcome, position in zip(chunk, positions, strict=False):
            if position is not None:
                outcome.position = position
                self._recent[outcome.fingerprint] = position
                confirmed += 1
                if outcome.notices:
                    flagged.update([notice.code for notice in outcome.notices])
        self._metrics.accepted.inc(confirmed)
        self._metrics.unknown.inc(len(chunk) - confirmed)
        for code, events in flagged.items():
            self._metrics.flagged.labels(notice=code).inc(events)
        while len(self._recent) > RECENT_EVENTS:
            self._recent.popitem(last=False)

    def tell(self, outcomes: Sequence[Outcome], posted: Posted, *, tally: Tally | None = None) -> None:
        """One log line for a request, or a part of it; `tally` is that of the outcomes, where the caller has it."""
        log = log_to.bind()
        if not log.is_enabled_for(logging.INFO):
            return
        log.info(
            "events_captured",
            tenant=posted.caller.tenant_name,
            source=posted.caller.source,
            **(tally or Tally(outcomes)).document(),
            event_ids=[o.event_id for o in outcomes if o.error is None][:_TOLD_MAX],
            # By code and field: a detail may show what was sent, which could be a person's name.
            errors=[(o.index, o.error.code, o.error.field) for o in outcomes if o.error is not None][:_TOLD_MAX],
        )
