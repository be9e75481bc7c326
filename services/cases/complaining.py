"""The watch over complaints: so many with one thing in common open a draft recall, once (docs/recall.md)."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import structlog

from domain.cases import acts
from domain.cases.complaints import About, Complaint, Crossing, crossings, rules_of
from domain.cases.recall import fold
from domain.cases.record import Recorded, counted
from domain.ids import ItemId
from domain.moments import DAY_US, Moment
from services.access.callers import OWN_SOURCE, the_service
from services.cases.commands import CaseDesk, Command
from services.cases.jobs import Work
from services.problems import Problem
from services.query.case_acts import acts_of
from services.query.complaints import EVERY, Told, complaints, in_common
from services.query.freshness import wait_for
from services.query.snapshot import Asked, Questions

log_to = structlog.get_logger("cases")

_LOOK_AGAIN_SECONDS = 60.0
"""Without a new complaint: what it shares may have become known, or one may have been voided."""
_REMEMBERED_MAX, _REMEMBERED_SECONDS = 20_000, 600.0
_NAMED_MAX = 1_000
_NEWEST = "SELECT count(*), max(event_no) FROM views.complaints WHERE tenant_id = $1"
_OPENED = "SELECT DISTINCT case_id FROM views.case_acts WHERE tenant_id = $1 AND act = 'opened' AND body ? 'because'"


class ComplaintWatch:
    """Looks at each tenant's complaints. Who opened what is in the log, so that no other process opens it again."""

    name = "complaints"

    def __init__(
        self, desk: CaseDesk, questions: Questions, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk, self._questions, self._monotonic = desk, questions, monotonic
        self._rules = rules_of(desk.settings.complaint_rules)
        self._looked: dict[int, tuple[tuple[int, int | None], float]] = {}
        self._shared: OrderedDict[tuple[int, ItemId], tuple[float, Mapping[About, Sequence[ItemId]]]] = OrderedDict()

    async def work(self, work: Work) -> bool:
        """See services.cases.jobs.Job."""
        if not self._rules:
            return False
        async with self._questions.ask(the_service(work.tenant_id), None) as asked:
            newest = tuple(await asked.connection.fetchrow(_NEWEST, work.tenant_id))
            looked = self._looked.get(work.tenant_id)
            now = self._monotonic()
            if not newest[0] or (looked and looked[0] == newest and now - looked[1] < _LOOK_AGAIN_SECONDS):
                return False
            crossed = await self._crossed(asked)
        if crossed:
            # Who opened a draft and ended before it was in the views: it is in the log, and is waited for.
            end = {p: offset - 1 for p, offset in (await self._desk.log.end()).items()}
            await wait_for(self._desk.pool, end, deadline_seconds=self._desk.settings.wait_for_deadline_seconds)
            async with self._questions.ask(the_service(work.tenant_id), None) as asked:
                crossed = await self._crossed(asked)
        for one in crossed:
            await self._open(work.tenant_id, one)
        self._looked[work.tenant_id] = (newest, now)
        return bool(crossed)

    async def _crossed(self, asked: Asked) -> list[Crossing]:
        longest_us = max(r.days for r in self._rules) * DAY_US
        told, cut = await complaints(asked, EVERY, since_us=asked.fresh.now_us - 2 * longest_us)
        if cut:
            log_to.warning(
                "complaints_cut", tenant=asked.tenant_id, looked_at=len(told), since_days=2 * longest_us // DAY_US
            )
        found = [await self._complaint(asked, t) for t in told]
        return crossings(self._rules, found, covered=await _covered(asked))

    async def _complaint(self, asked: Asked, told: Told) -> Complaint:
        key, now = (asked.tenant_id, told.item), self._monotonic()
        known = self._shared.get(key)
        if known is None or now - known[0] > _REMEMBERED_SECONDS:
            known = (now, await in_common(self._questions, asked, told.item))
            self._shared[key] = known
            self._shared.move_to_end(key)
            while len(self._shared) > _REMEMBERED_MAX:
                self._shared.popitem(last=False)
        model = told.model or told.item
        shared: dict[About, Sequence[ItemId]] = {**known[1], "model": [told.model] if told.model is not None else []}
        if told.serious:
            shared["serious"] = [model]
        return Complaint(told.event_id, told.item, told.at_us, shared)

    async def _open(self, tenant_id: int, crossed: Crossing) -> None:
        """Open the draft that a crossing asks for; nothing if it is there."""
        last = crossed.complaints[-1].event_id
        told = hashlib.sha256(f"{crossed.rule.about} {last}".encode()).hexdigest()[:16]
        command = Command(
            case_id=f"complaints-{told}",
            case_type="recall",
            caller=the_service(tenant_id),
            actor=OWN_SOURCE,
            reason=f"{len(crossed.complaints)} complaints meet the rule {crossed.rule.text}",
        )

        def decide(history: Sequence[Recorded]) -> acts.AnyAct:
            if history:
                raise Problem(409, "case-exists", f"{command.case_id} is there already")
            return _opened(crossed, self._desk.settings.complaint_regimes)

        try:
            await self._desk.do(command, decide)
        except Problem as problem:
            if problem.code not in ("case-exists", "case-changed"):
                raise


def _opened(crossed: Crossing, regimes: str) -> acts.Opened:
    units = list(dict.fromkeys(c.item for c in crossed.complaints))
    shared = ", ".join(crossed.subjects[:3]) + (" …" if len(crossed.subjects) > 3 else "")
    return acts.Opened(
        mode="draft",
        title=f"投诉 {len(crossed.complaints)} 起 · complaints that share {shared}",
        regimes=tuple(r.strip() for r in regimes.split(",") if r.strip()),
        items=tuple(dict.fromkeys([*crossed.subjects[:_NAMED_MAX], *units[:_NAMED_MAX]])),
        because={
            "rule": crossed.rule.text,
            "about": crossed.rule.about,
            "subjects": [str(s) for s in crossed.subjects[:_NAMED_MAX]],
            "complaints": [c.event_id for c in crossed.complaints[:_NAMED_MAX]],
        },
    )


async def _covered(asked: Asked) -> dict[About, dict[ItemId, int | None]]:
    """What has a draft that opened by itself: None while that is open, else when it was closed last."""
    ids = [r[0] for r in await asked.connection.fetch(_OPENED, asked.tenant_id)]
    found: dict[About, dict[ItemId, int | None]] = {}
    for history in (await acts_of(asked.connection, asked.tenant_id, ids)).values():
        case = fold(history)
        if case is None or case.about.because is None:
            continue
        closings = [a for a in counted(history) if isinstance(a.act, acts.Closed)]
        closed_us = Moment.parse(closings[-1].occurred_at).latest_us if case.closed and closings else None
        subjects = found.setdefault(case.about.because["about"], {})
        for subject in map(ItemId, case.about.because["subjects"]):
            before = subjects.get(subject, -1)
            subjects[subject] = None if closed_us is None or before is None else max(before, closed_us)
    return found
