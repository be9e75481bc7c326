"""Acts that people tell in any number and any order: notices, responses, verdicts. They commute, so none has a number.

An act's id is made from its content: told again it is a duplicate, whoever tells it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import orjson

from domain.cases import acts
from domain.cases.recall import RecallCase, decide, fold
from domain.events.casework import CASE_PREFIX, CaseRecorded
from domain.moments import Moment
from domain.ports import Position
from domain.positions import vector_token
from services.access import Caller
from services.cases.commands import CaseDesk, Command
from services.codec import ACT
from services.problems import Problem

ITEMS_AT_ONCE = 1_000
BYTES_AT_ONCE = 300_000


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells it, and why."""

    caller: Caller
    actor: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What became of it: how many acts, up to which position, and whether that reopened the case."""

    acts: int
    position: str
    reopened: bool = False


async def tell(desk: CaseDesk, case: RecallCase, told: Sequence[acts.AnyAct], *, by: Teller) -> Told:
    """Append the acts and wait until they are seen. In a closed case a unit that turns up reopens it first (CN7).

    Raises Problem 409 where they may not follow, 503 as CaseDesk does: told again, they are told once.
    """
    reopened = False
    if case.closed and any(isinstance(act, Listing) for act in told):
        case, reopened = await _reopened(desk, case, told, by=by), True
    for act in {type(act): act for act in told}.values():
        refusal = decide(case, act, actor=by.actor, key_id=by.caller.key_id)
        if refusal is not None:
            raise Problem(409, refusal.code, refusal.detail)
        if isinstance(act, acts.Notified):
            case = replace(case, notified=True)  # who answers at once was reached by this
    now = Moment.parse(desk.clock.now())
    events = [_event(case, act, by=by, now=now) for act in pieces(told)]
    positions: list[Position] = []
    for start in range(0, len(events), 50):
        positions += await desk.append(by.caller.tenant_id, by.caller.source, events[start : start + 50])
    vector: dict[int, int] = {}
    for position in positions:
        vector[position.partition] = max(position.offset, vector.get(position.partition, -1))
    await desk.seen(positions)
    desk.acted.set()
    return Told(len(events), vector_token(vector), reopened)


async def _reopened(desk: CaseDesk, case: RecallCase, told: Sequence[acts.AnyAct], *, by: Teller) -> RecallCase:
    listed = (i.item for act in told if isinstance(act, Listing) for i in act.items)
    items = tuple(dict.fromkeys(listed))[:100]
    reason = by.reason or "something was told of units of a closed recall"
    command = Command(case_id=case.case_id, case_type="recall", caller=by.caller, actor=by.actor, reason=reason)
    done = await desk.do(command, lambda recorded: acts.Reopened(items=items))
    after = fold(done.acts)
    assert after is not None
    return after


def _event(case: RecallCase, act: acts.AnyAct, *, by: Teller, now: Moment) -> CaseRecorded:
    content = orjson.dumps(ACT.dump_python(act, mode="json", exclude_none=True), option=orjson.OPT_SORT_KEYS)
    return CaseRecorded(
        occurred_at=getattr(act, "at", None) or now,
        event_id=f"{CASE_PREFIX}{case.case_id}:{act.act}:{hashlib.sha256(content).hexdigest()[:32]}",
        case_id=case.case_id,
        case_type="recall",
        actor=by.actor,
        key_id=by.caller.key_id,
        reason=by.reason,
        act=act,
    )


Listing = acts.Responded | acts.Recovered | acts.Unreachable | acts.VerdictGiven | acts.Remedied
"""Acts that say something of items."""


def merged(told: Iterable[acts.AnyAct]) -> list[acts.AnyAct]:
    """Acts that differ in their items alone, as one, in the order in which they come."""
    found: dict[str, tuple[acts.AnyAct, dict[acts.ItemAmount, None]]] = {}
    for act in told:
        items = act.items if isinstance(act, Listing) else ()
        bare = replace(act, items=()) if isinstance(act, Listing) else act
        found.setdefault(f"{bool(items)} {bare!r}", (bare, {}))[1].update(dict.fromkeys(items))
    return [replace(act, items=tuple(items)) if isinstance(act, Listing) else act for act, items in found.values()]


def pieces(told: Iterable[acts.AnyAct]) -> list[acts.AnyAct]:
    """The acts, those that list many items in several that the log takes."""
    found: list[acts.AnyAct] = []
    for act in told:
        if not isinstance(act, Listing) or not act.items:
            found.append(act)
            continue
        items = act.items
        while items:
            some = _some(items)
            found.append(replace(act, items=some))
            items = items[len(some) :]
    return found


def _some(items: tuple[acts.ItemAmount, ...]) -> tuple[acts.ItemAmount, ...]:
    size = 0
    for n, one in enumerate(items[:ITEMS_AT_ONCE]):
        size += len(one.item.encode()) + 80
        if size > BYTES_AT_ONCE and n:
            return items[:n]
    return items[:ITEMS_AT_ONCE]
