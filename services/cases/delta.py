"""The delta job: what later and corrected events add to a frozen set, and what they would take from it.

The projector notes which events touch a case (services/readmodel/watching.py). This job sees to it that all there is
to be watched is watched, and evaluates the rule anew, as known at a newer position, once something touched it: what
differs goes into the log. Killed at any instant it goes on with the same position, so the same events come of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import structlog

from domain.cases import acts
from domain.cases.acts import ChangedMember, Member
from domain.cases.recall import RecallCase, fold
from domain.cases.scope import AnyOf, Rule, leaves_of
from domain.cases.sets import CERTAIN, POSSIBLE
from domain.events.casework import CaseRecorded, chunk_id
from domain.moments import Moment, from_us, to_us
from domain.positions import parse_vector, vector_token
from services.access.callers import OWN_SOURCE
from services.cases.commands import CaseDesk
from services.cases.delta_set import Changes, DeltaSet, KeptSets, approved_before, evaluations_since, last_evaluation
from services.cases.delta_state import DeltaState, Overtaken, read_state, write_state
from services.cases.jobs import Work
from services.cases.rule_keys import is_narrowing, items_of_rule, keys_of_rule
from services.cases.watching import Subject, Watching
from services.query.evaluating import GRAPH_WITHIN_SECONDS, Evaluator, snapshot_at
from services.query.rules import rule_of
from services.query.snapshot import Asked

SERIES = "delta"
MEMBERS_A_CHUNK = 1_000
CHUNK_BYTES_MAX = 400_000
CHUNKS_AT_ONCE = 8
_MEMBER_BYTES = 250
"""What a member takes beside its ids."""

log_to = structlog.get_logger("cases")


@dataclass(frozen=True, slots=True)
class _Series:
    """Members that came to the set together."""

    name: str
    change: str
    number: int


class Delta:
    """Follows recalls from the freeze to the end. `views` acts as the projector."""

    name = "delta"

    def __init__(self, desk: CaseDesk, views: asyncpg.Pool, *, evaluator: Evaluator) -> None:
        self._desk, self._evaluator = desk, evaluator
        self._watching = Watching(views, skew_us=int(desk.settings.skew_bound_seconds * 1_000_000))
        self._states: dict[Subject, DeltaState] = {}
        self._sets = KeptSets()
        self._quiet: dict[Subject, tuple[float, float]] = {}
        """when a case was evaluated last, and until when it is left alone; seconds of the loop's clock"""
        self._untouched: dict[Subject, Mapping[int, int]] = {}
        """up to where nothing touched a case, as it was looked at last: idle, no case asks anything"""

    async def work(self, work: Work) -> bool:
        """See services.cases.jobs.Job."""
        case = fold(work.acts)
        if case is None or case.frozen is None or case.closed:
            return False
        of = Subject(work.tenant_id, work.case_id)
        try:
            return await self._follow(of, case)
        except Overtaken:  # the acts are those that were there before, too: the next round has both anew
            self._states.pop(of, None)
            return False

    async def _follow(self, of: Subject, case: RecallCase) -> bool:
        state = await self._state(of)
        watched = await self._watch(of, case, state)
        done = watched is not state
        if case.approved is not None and case.mode == "live":
            watched = await self._sweep(of, case, watched)
        return await self._evaluate(of, case, watched) or done

    # -- what is watched

    async def _state(self, of: Subject) -> DeltaState:
        """How far it is; after a rebuild everything is watched and looked at again."""
        generation = (await self._watching.look()).generation
        state = self._states.get(of) or await read_state(self._desk.pool, of.tenant_id, of.case_id)
        if state is None:
            state = DeltaState(generation=generation)
        elif state.generation != generation:
            state = replace(state, generation=generation, watched=(), swept=(), checked="")
        self._states[of] = state
        return state

    async def _save(self, of: Subject, state: DeltaState) -> DeltaState:
        self._states[of] = await write_state(self._desk.pool, of.tenant_id, case_id=of.case_id, state=state)
        return self._states[of]

    async def _watch(self, of: Subject, case: RecallCase, state: DeltaState) -> DeltaState:
        """Watch what belongs to members and rules that are not watched yet. The same state where there are none."""
        todo = [s for s in _series(case) if s.name not in state.watched]
        if not todo:
            return state
        for one in todo:
            if one.change == "frozen":
                rule = _rule(case, one.number)
                await self._watching.watch_keys(of, keys_of_rule(rule))
                await self._watching.watch_items(of, sorted(items_of_rule(rule)))
            await self._watching.watch_series(of, change=one.change, number=one.number)
        await self._watching.barrier()
        # What came between the freeze and now was not noted: the set is to be looked at.
        return await self._save(of, replace(state, watched=(*state.watched, *(s.name for s in todo)), checked=""))

    async def _sweep(self, of: Subject, case: RecallCase, state: DeltaState) -> DeltaState:
        """Raise what happened to members before they were watched or approved."""
        todo = [s for s in _series(case) if s.name in state.watched and s.name not in state.swept]
        if not todo:
            return state
        await self._watching.barrier()
        for one in todo:
            await self._watching.sweep_series(of, change=one.change, number=one.number)
        await self._watching.sweep_boxes(of)
        return await self._save(of, replace(state, swept=(*state.swept, *(s.name for s in todo))))

    # -- what is evaluated

    async def _evaluate(self, of: Subject, case: RecallCase, state: DeltaState) -> bool:
        """Evaluate where that is due; whether the set changed."""
        loop = asyncio.get_running_loop()
        if state.vector:  # what another process told, up to where it began this one, may not be in these acts yet
            case = fold(await self._desk.acts(of.tenant_id, of.case_id)) or case
        assert case.frozen is not None
        freeze, last = case.frozen.number, last_evaluation(case)
        resumed = bool(state.vector and state.evaluation > last and state.freeze_no == freeze)
        if not resumed:
            if not await self._due(of, case, state):
                return False
            vector = await self._watching.barrier()
            now_us = to_us(self._desk.clock.now())
            # Read again: what another process told since must not be told once more, nor its number be given again.
            case = fold(await self._desk.acts(of.tenant_id, of.case_id)) or case
            assert case.frozen is not None
            freeze, last = case.frozen.number, last_evaluation(case)
            # Chunks of one that a newer freeze overtook may be in the log: its number is not used again.
            number = max(last, state.evaluation if state.vector else 0) + 1
            begun = replace(state, freeze_no=freeze, evaluation=number, vector=vector_token(vector), as_of_us=now_us)
            state = await self._save(of, begun)
        began = loop.time()
        # What came while it was not watched, if anything is new, was not noted: the set is looked at once more.
        widened = await self._watching.catch_up(of, since=_known(case, state))
        changes, beside = await self._changes(of, case, state)
        changed = bool(changes)
        # The first evaluation after a freeze is told even if it changes nothing: from there on the delta is known.
        if changed or not evaluations_since(case):
            await self._tell(of, case, state=state, changes=changes)
        seconds = loop.time() - began
        checked = "" if widened or beside else state.vector
        await self._save(of, replace(state, vector="", checked=checked, seconds=seconds))
        # One that was killed and gone on with is as known long ago, and slower: what came since does not wait for it.
        pause = max(self._desk.settings.case_delta_pause_seconds, 0.0 if resumed else 3 * seconds)
        self._quiet[of] = (loop.time(), loop.time() + pause)
        return changed or not evaluations_since(case)

    async def _due(self, of: Subject, case: RecallCase, state: DeltaState) -> bool:
        """Whether something touched the set, or it was not looked at for long; not more often than is good."""
        now = asyncio.get_running_loop().time()
        last, until = self._quiet.get(of, (None, 0.0))
        if now < until:
            return False
        if not state.checked or not evaluations_since(case):
            return True
        if last is None:
            last = self._quiet.setdefault(of, (now, 0.0))[0]
        if now - last > self._desk.settings.case_full_evaluation_seconds:
            return True
        applied = (await self._watching.look()).applied
        if self._untouched.get(of) == applied:
            return False
        touched = await self._watching.touched(of, since=parse_vector(state.checked))
        if not touched:
            self._untouched[of] = applied
        return touched

    async def _changes(self, of: Subject, case: RecallCase, state: DeltaState) -> tuple[Changes, bool]:
        """What changed, and whether more is watched than before."""
        assert case.frozen is not None
        rule = _rule(case, case.frozen.number)
        vector = parse_vector(state.vector) if state.vector else {}
        await self._evaluator.graphs.ready(self._desk.pool, of.tenant_id, within_seconds=GRAPH_WITHIN_SECONDS)
        asking = snapshot_at(
            self._desk.pool, self._desk.settings, tenant_id=of.tenant_id, vector=vector, now_us=state.as_of_us
        )
        async with asking as asked:
            widened = await self._watch_beside(of, rule, asked)
            found = await self._evaluator.begin(rule, asked)
            generation = asked.fresh.generation
            present = DeltaSet(asked.connection, of.tenant_id, case=case, kept=self._sets, generation=generation)
            changes = await present.changes(found)
            if (older := approved_before(case, vector)) is not None:
                rule = _rule(case, older)
                widened |= await self._watch_beside(of, rule, asked)
                approved = DeltaSet(asked.connection, of.tenant_id, case=case, freeze=older)
                came = (await approved.changes(await self._evaluator.begin(rule, asked))).added
                changes = await present.beside(changes, came)
            return changes, widened

    async def _watch_beside(self, of: Subject, rule: Rule, asked: Asked) -> bool:
        """Watch what a part of the rule affects and the whole does not, yet, and what is behind failed items: an event
        about these may change that. Whether any of it is new.
        """
        new = False
        if is_narrowing(rule):
            parts = await self._evaluator.begin(AnyOf(tuple(leaves_of(rule))), asked)
            async for some in parts.chunks:
                new |= await self._watching.watch_items(of, [str(item) for item, _ in some])
        async for behind in self._evaluator.upstream(rule, asked):
            new |= await self._watching.watch_items(of, [str(item) for item in behind])
        return new

    # -- what is told

    async def _tell(self, of: Subject, case: RecallCase, *, state: DeltaState, changes: Changes) -> None:
        number, as_of = state.evaluation, Moment.parse(from_us(state.as_of_us))
        chunks = _chunks(changes)
        events = [
            _event(case, act, chunk_id(case.case_id, SERIES, number=number, chunk=n), at=as_of)
            for n, act in enumerate(
                acts.UnitsChanged(
                    evaluation=number, chunk=n, added=tuple(a), withdrawn=tuple(w), changed=tuple(c) or None
                )
                for n, (a, w, c) in enumerate(chunks)
            )
        ]
        for start in range(0, len(events), CHUNKS_AT_ONCE):
            some = events[start : start + CHUNKS_AT_ONCE]
            await self._desk.seen(await self._desk.append(of.tenant_id, OWN_SOURCE, some))
        whole = acts.Evaluated(
            evaluation=number,
            vector=state.vector,
            chunks=len(chunks),
            added=len(changes.added),
            withdrawn=len(changes.withdrawn),
            as_of=as_of,
            changed=len(changes.changed) or None,
            became_certain=changes.turned(CERTAIN) or None,
            became_possible=changes.turned(POSSIBLE) or None,
        )
        last = _event(case, whole, chunk_id(case.case_id, "evaluated", number=number, chunk=0), at=as_of)
        await self._desk.seen(await self._desk.append(of.tenant_id, OWN_SOURCE, [last]))
        log_to.info(
            "set_changed",
            case=of.case_id,
            evaluation=number,
            added=whole.added,
            withdrawn=whole.withdrawn,
            changed=whole.changed or 0,
        )


def _series(case: RecallCase) -> list[_Series]:
    frozen = [_Series(f"f{f.number}", "frozen", f.number) for f in case.freezes if f.frozen is not None]
    return frozen + [_Series(f"d{e.evaluation}", "added", e.evaluation) for e in case.evaluations if e.added]


def _rule(case: RecallCase, freeze: int) -> Rule:
    return rule_of(next(f.requested.rule for f in case.freezes if f.number == freeze))


def _known(case: RecallCase, state: DeltaState) -> dict[int, int]:
    """As known at which the set was last as it should be."""
    assert case.frozen is not None
    token = state.checked or case.frozen.requested.vector
    return dict(parse_vector(token)) if token else {}


def _event(case: RecallCase, act: acts.AnyAct, event_id: str, *, at: Moment) -> CaseRecorded:
    return CaseRecorded(
        occurred_at=at, event_id=event_id, case_id=case.case_id, case_type="recall", actor=OWN_SOURCE, act=act
    )


def _chunks(changes: Changes) -> list[tuple[list[Member], list[Member], list[ChangedMember]]]:
    """The changes in parts that the log takes."""
    found: list[tuple[list[Member], list[Member], list[ChangedMember]]] = []
    size_bytes, count = CHUNK_BYTES_MAX + 1, 0
    sides: tuple[Sequence[Any], ...] = (changes.added, changes.withdrawn, changes.changed)
    for side, members in enumerate(sides):
        for member in members:
            size_bytes += _size_bytes(member)
            if size_bytes > CHUNK_BYTES_MAX or count >= MEMBERS_A_CHUNK:
                found.append(([], [], []))
                size_bytes, count = _size_bytes(member), 0
            found[-1][side].append(member)
            count += 1
    return found


def _size_bytes(member: Member) -> int:
    named: Sequence[str] = (member.item, *member.came_from, *member.event_ids)
    return _MEMBER_BYTES + sum(len(n.encode()) for n in named)
