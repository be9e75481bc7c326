"""From what was posted to the log: parse, judge each event by itself, append, and tell what became of it."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import ValidationError

from domain.envelope import Envelope, partition_key
from domain.events import LifecycleEvent
from domain.ids import ItemId, lot_in_link
from domain.moments import to_us
from domain.ports import Clock, EventLog, Position, Record
from services.access import Caller, Role
from services.codec import EVENT, EVENT_ID_PREFIX, content_hash, encode
from services.ingest.personal import personal_field
from services.problems import field_errors
from services.settings import Settings

_PREFIX = re.compile(rb"urn:epc:(?:id|idpat|class):[a-z]+:(\d{6,12})\.")
_LINK = re.compile(rb'https?://[^"\s]+/10/[^"\s]+/21/[^"\s]+')


RECENT_EVENTS = 200_000
"""Events a process remembers to tell duplicates; an older one is appended again and adds nothing to the views."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one event may be: bytes, and how far ahead of us it may have happened (microseconds)."""

    max_event_bytes: int
    future_tolerance_us: int
    append_deadline_seconds: float


def limits_of(settings: Settings) -> Limits:
    """The limits that settings name."""
    tolerance_us = int(settings.future_tolerance_seconds * 1_000_000)
    return Limits(settings.max_event_bytes, tolerance_us, settings.append_deadline_seconds)


@dataclass(slots=True)
class Outcome:
    """What became of one event: its record to append, or its error; then its position."""

    index: int
    event_id: str | None = None
    record: Record | None = None
    error: dict[str, Any] | None = None
    position: Position | None = None
    content_hash: str = ""

    def document(self) -> dict[str, Any]:
        token = self.position.token if self.position is not None else None
        return {
            "index": self.index,
            "outcome": self.word,
            "event_id": self.event_id,
            **({"error": self.error} if self.error is not None else {"position": token}),
        }

    @property
    def word(self) -> str:
        """accepted, duplicate or rejected."""
        return "rejected" if self.error is not None else "accepted" if self.record is not None else "duplicate"


class Capture:
    """Captures events for callers. It remembers the newest events it appended: sent again, they are duplicates."""

    def __init__(self, log: EventLog, clock: Clock, limits: Limits) -> None:
        self._log, self._clock, self._limits = log, clock, limits
        self._recent: OrderedDict[tuple[bytes, str], Position] = OrderedDict()

    @property
    def deadline_seconds(self) -> float:
        """How long an append may take."""
        return self._limits.append_deadline_seconds

    def judge(
        self,
        documents: Sequence[Any],
        caller: Caller,
        *,
        originals: Sequence[Mapping[str, Any]] = (),
        first_index: int = 0,
    ) -> list[Outcome]:
        """Each event parsed and enveloped, or its error. One bad event costs no other anything.

        `originals` are kept beside the events as they were sent, in the same order.
        """
        now_us = to_us(self._clock.now())
        return [
            self._judge(
                first_index + i,
                document,
                caller=caller,
                now_us=now_us,
                original=originals[i] if originals else None,
            )
            for i, document in enumerate(documents)
        ]

    async def append(self, outcomes: Sequence[Outcome]) -> None:
        """Append what was not rejected, durably. Raises LogUnavailable with what is known."""
        good = [o for o in outcomes if o.record is not None]
        records = [o.record for o in good if o.record is not None]
        if records:
            positions = await self._log.append(records, deadline_seconds=self._limits.append_deadline_seconds)
            for outcome, position in zip(good, positions, strict=True):
                outcome.position = position
                if outcome.record is not None:  # only what the log acknowledged may be called a duplicate later
                    self._recent[(outcome.record.key, outcome.content_hash)] = position
            while len(self._recent) > RECENT_EVENTS:
                self._recent.popitem(last=False)

    def _judge(
        self, index: int, document: Any, *, caller: Caller, now_us: int, original: Mapping[str, Any] | None
    ) -> Outcome:
        if not isinstance(document, dict):
            return Outcome(index, error=_error("not-an-event", "", "an event is a JSON object with a kind"))
        context = {"own_party": caller.own_party, "zone": caller.zone}
        try:
            event = EVENT.validate_python(document, context=context)
        except ValidationError as error:
            first = field_errors(error)[0]
            return Outcome(index, error=_error("invalid-event", first["field"], first["detail"]))
        if event.kind == "capture_finished":
            return Outcome(index, error=_error("invalid-event", "kind", "capture_finished is not for senders"))
        if event.occurred_at.earliest_us > now_us + self._limits.future_tolerance_us:
            detail = f"{event.occurred_at.text} is in the future: check the clock of this source"
            return Outcome(index, error=_error("in-the-future", "occurred_at", detail))
        personal = personal_field(event)
        if personal is not None:
            return Outcome(index, error=_error("personal-data", *personal))
        raw = orjson.dumps(document)
        envelope = self._envelope(event, raw, index=index, caller=caller, now_us=now_us)
        if original is not None:
            envelope = replace(envelope, original=original)
        value = encode(envelope)
        if len(value) > self._limits.max_event_bytes:
            detail = f"the event has {len(value)} bytes, at most {self._limits.max_event_bytes} are taken"
            return Outcome(index, envelope.event_id, error=_error("event-too-large", "", detail))
        key = partition_key(caller.tenant_id, event, envelope.event_id)
        digest = f"{envelope.event_id} {envelope.content_hash}"
        before = self._recent.get((key, digest))
        if before is not None:
            return Outcome(index, envelope.event_id, position=before)
        return Outcome(index, envelope.event_id, Record(key, value), content_hash=digest)

    def _envelope(self, event: LifecycleEvent, raw: bytes, *, index: int, caller: Caller, now_us: int) -> Envelope:
        digest = content_hash(event)
        links = [m.decode() for m in _LINK.findall(raw)]
        printed = {(ItemId.parse(link), lot) for link in links if (lot := lot_in_link(link)) is not None}
        return Envelope(
            tenant_id=caller.tenant_id,
            event_id=event.event_id or EVENT_ID_PREFIX + digest,
            source=caller.source,
            may_correct=caller.may(Role.CORRECT),
            accepted_at_us=now_us,
            index=index,
            content_hash=digest,
            event=event,
            company_prefixes=tuple(sorted({m.decode() for m in _PREFIX.findall(raw)})),
            printed_lots=tuple(sorted(printed)),
        )


def _error(code: str, field: str, detail: str) -> dict[str, Any]:
    return {"type": f"/problems/{code}", "title": code.replace("-", " "), "field": field, "detail": detail}
