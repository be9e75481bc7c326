"""Doing something in a case: read its acts, decide, append one more, and see that it is the one that counts.

Two who act at once give their events the same id; the log's first copy counts (SEMANTICS §4), and the other is told.
So no lock is held, and the views alone are asked.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog

from domain.cases.acts import AnyAct, CaseType
from domain.cases.record import Recorded, counted, last_sequence
from domain.envelope import Envelope, partition_key
from domain.events.casework import CaseRecorded, act_id
from domain.moments import Moment, to_us
from domain.ports import Clock, EventLog, LogUnavailable, Position, Record, RecordTooLarge
from domain.positions import vector_token
from services.access import Caller
from services.away import refused_while_away
from services.codec import content_hash, encode, event_document
from services.database import tenant_transaction
from services.problems import Problem
from services.query.case_acts import acts_of
from services.query.freshness import wait_for
from services.settings import Settings

log_to = structlog.get_logger("cases")
_APPEND_TRIES = 3
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""In JSON, and not a backslash that is followed by these letters: PostgreSQL holds no such character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Somebody wants something done in a case. `actor` is a person's name, or the source of the key.

    `expected_sequence` is the number of the newest act that the client has seen: with it, the same command sent again
    is done once, and one that others overtook is refused.
    """

    case_id: str
    case_type: CaseType
    caller: Caller
    actor: str
    reason: str | None = None
    expected_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The act that is in the log and counts; `acts` are all of the case with it, in order."""

    recorded: Recorded
    position: Position | None
    acts: Sequence[Recorded]


Decide = Callable[[Sequence[Recorded]], AnyAct]
"""From the acts there are to the next one. Raises Problem where it may not follow."""


class CaseDesk:
    """Where commands are done. One a process."""

    def __init__(self, *, log: EventLog, pool: asyncpg.Pool, clock: Clock, settings: Settings) -> None:
        self.log, self.pool, self.clock, self.settings = log, pool, clock, settings
        self.acted = asyncio.Event()
        """set whenever something was done here, so that jobs need not wait for their next round"""

    async def do(self, command: Command, decide: Decide) -> Done:
        """Append the act that `decide` gives, and wait until it is seen to count.

        Raises Problem: what `decide` raises; 409 `case-changed` where another act came first; 503 where the log or the
        views did not answer in time: it says whether the command is in the log, and what to do.
        """
        acts = await self.acts(command.caller.tenant_id, command.case_id)
        sequence = last_sequence(acts)
        expected = command.expected_sequence
        if expected is not None and expected != sequence:
            if expected == sequence - 1 and (again := _again(command, acts, decide)) is not None:
                return Done(again, None, acts)
            raise _changed(command, sequence)
        event = CaseRecorded(
            occurred_at=Moment.parse(self.clock.now()),
            event_id=act_id(command.case_id, sequence + 1),
            case_id=command.case_id,
            case_type=command.case_type,
            sequence=sequence + 1,
            actor=command.actor,
            key_id=command.caller.key_id,
            reason=command.reason,
            act=decide(acts),
        )
        [position] = await self.append(command.caller.tenant_id, command.caller.source, [event])
        await self.seen([position])
        after = await self.acts(command.caller.tenant_id, command.case_id)
        mine = next((a for a in after if a.sequence == sequence + 1), None)
        if mine is None or (mine.act, mine.actor, mine.key_id) != (event.act, event.actor, event.key_id):
            raise _changed(command, last_sequence(after))
        self.acted.set()
        log_to.info("case_act", case=command.case_id, act=event.act.act, sequence=event.sequence, actor=event.actor)
        return Done(mine, position, after)

    async def acts(self, tenant_id: int, case_id: str) -> list[Recorded]:
        """The acts of a case that count, in order. Raises Problem 503."""
        with refused_while_away():
            async with tenant_transaction(self.pool, tenant_id) as connection:
                return counted((await acts_of(connection, tenant_id, [case_id])).get(case_id, []))

    async def seen(self, positions: Sequence[Position]) -> None:
        """Until the views have what lies at these positions. Raises Problem 503: it is in the log, and not seen yet."""
        latest: dict[int, int] = {}
        for position in positions:
            latest[position.partition] = max(position.offset, latest.get(position.partition, -1))
        try:
            await wait_for(self.pool, latest, deadline_seconds=self.settings.command_deadline_seconds)
        except Problem as error:
            token = vector_token(latest)
            detail = (
                f"what you sent is in the log at {token}, which is not applied yet (views that are rebuilt, a projector"
                f" that is away): it counts once it is, unless somebody acted before you. Read the case with"
                f" wait_for={token}, or send the same again with expected_sequence: it is done once"
            )
            raise Problem(503, error.code, detail, headers={"Retry-After": "5"}, position=token) from error

    async def append(self, tenant_id: int, source: str, events: Sequence[Any]) -> list[Position]:
        """Append events of the service's own durably. Sent again with the same ids they are duplicates.

        Raises Problem 503 where the log did not confirm, 413 for an act that it does not take, 422 for one that no view
        could be made of.
        """
        accepted_us = to_us(self.clock.now())

        def encoded() -> list[Record]:
            return [recorded(tenant_id, source, event, accepted_us=accepted_us)[0] for event in events]

        return await self.put(await asyncio.to_thread(encoded))

    async def put(self, records: Sequence[Record]) -> list[Position]:
        """Append records that are made already (`recorded`). Raises as `append` does."""
        if any(_NUL.search(r.value) for r in records if b"u0000" in r.value):
            detail = "a text contains the character NUL (\\u0000), which the views cannot hold: remove it"
            raise Problem(422, "invalid-command", detail)
        try:
            return await self.log.append(records, deadline_seconds=self.settings.append_deadline_seconds)
        except LogUnavailable as error:
            detail = f"{error}; it may be done or not: read the case, or send the command again with expected_sequence"
            raise Problem(503, "log-unavailable", detail, headers={"Retry-After": "2"}) from error
        except RecordTooLarge as error:
            detail = (
                f"this makes an act of {error.size_bytes} bytes, the log takes at most {error.limit_bytes}: name lots"
            )
            detail += " or products in place of their units, or tell it in several commands"
            raise Problem(413, "act-too-large", detail) from error


def recorded(
    tenant_id: int, source: str, event: Any, *, accepted_us: int, document: Mapping[str, Any] | None = None
) -> tuple[Record, str]:
    """An event of the service's own as the log takes it, and the hash of its content.

    `document` is the event as JSON data, where the caller has it already: then it is what is kept.
    """
    document = document if document is not None else event_document(event)
    envelope = Envelope(
        tenant_id=tenant_id,
        event_id=event.event_id,
        source=source,
        may_correct=False,
        accepted_at_us=accepted_us,
        index=0,
        content_hash=content_hash(event, document=document),
        event=event,
    )
    key = partition_key(tenant_id, event, event.event_id)
    return Record(key, encode(envelope, document=document)), envelope.content_hash


def _again(command: Command, acts: Sequence[Recorded], decide: Decide) -> Recorded | None:
    """The newest act, if it is what this command did when it was sent before."""
    newest = next(a for a in acts if a.sequence == last_sequence(acts))
    if (newest.actor, newest.key_id, newest.reason) != (command.actor, command.caller.key_id, command.reason):
        return None
    try:
        wanted = decide([a for a in acts if a is not newest])
    except Problem:
        return None
    return newest if wanted == newest.act else None


def _changed(command: Command, sequence: int) -> Problem:
    detail = f"somebody else acted in {command.case_id} meanwhile: read it again, then decide"
    return Problem(409, "case-changed", detail, case=command.case_id, sequence=sequence)
