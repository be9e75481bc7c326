"""Commands on the clocks of recalls and incidents: what starts one happened, or its duty was done."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.clocks import Clock
from domain.cases.happenings import regimes_of
from domain.cases.incident import decide_incident, fold_incident
from domain.cases.recall import Refusal, decide, fold
from domain.cases.record import Recorded
from domain.cases.regimes import Duty, Regime
from domain.moments import Moment, to_us
from services.access import Caller
from services.cases.bodies import Body, body_of, described
from services.cases.commands import CaseDesk, Command
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.clocks_json import case_clocks, clock_name, clocks_json
from services.query.questions.clocks import CASE_TYPES, Group, unknown_case
from services.regimes.profiles import Profiles

_MET = {"at": "2026-03-10T16:00:00+08:00", "reference": "receipt 2026-0310-7", "actor": "Wang Fang"}
_STARTED = {"trigger": "defect_concluded", "at": "2026-03-09T10:00:00+08:00", "actor": "Wang Fang"}
_NOT_TOLD = ("met:", "scoped:", "reported:", "incident_known")
"""Triggers that acts of their own tell."""


def create_router(desk: CaseDesk, profiles: Profiles, *, recaller: Callable[..., Any]) -> APIRouter:
    router = APIRouter(tags=["clocks"])
    for group in CASE_TYPES:
        case = f"/v1/{group}/{{case_id}}/clocks"
        router.add_api_route(
            f"{case}/start",
            _starting(desk, profiles, group=group, recaller=recaller),
            methods=["POST"],
            openapi_extra=described(acts.ClockStarted, _STARTED),
        )
        router.add_api_route(
            f"{case}/{{duty}}/met",
            _meeting(desk, profiles, group=group, recaller=recaller),
            methods=["POST"],
            openapi_extra=described(acts.ClockMet, _MET),
        )
    return router


def _starting(desk: CaseDesk, profiles: Profiles, *, group: Group, recaller: Callable[..., Any]) -> Callable[..., Any]:
    async def start_clock(case_id: str, request: Request, caller: Annotated[Caller, Depends(recaller)]) -> JSONResponse:
        """Say that something happened which clocks count from, e.g. `defect_concluded`, and when (`at`, else now)."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        act = body.act(acts.ClockStarted, **_at(body, desk))
        not_ahead(act.at, desk)

        def propose(history: Sequence[Recorded]) -> acts.AnyAct:
            known = _facts(history, profiles)
            if act.trigger not in known:
                told = ", ".join(known) or "nothing: say first which regimes the case is under (describe)"
                raise Problem(422, "unknown-trigger", f"trigger: {act.trigger} starts no clock here; known: {told}")
            return act

        return await _do(desk, profiles, group=group, case_id=case_id, body=body, propose=propose)

    return start_clock


def _meeting(desk: CaseDesk, profiles: Profiles, *, group: Group, recaller: Callable[..., Any]) -> Callable[..., Any]:
    async def meet_clock(
        case_id: str, duty: str, *, request: Request, caller: Annotated[Caller, Depends(recaller)]
    ) -> JSONResponse:
        """Say that a duty was done, when (`at`, else now) and what shows it (`reference`).

        `duty` is its code, with the regime's before it (`recall-cn-auto.plan`) where two regimes of the case have it.
        `nth`: which of those that repeat; left out: the first that is open.
        """
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        if not body.fields.get("reference"):
            raise Problem(422, "invalid-command", "reference: is missing: name what shows it, e.g. a receipt's number")
        given = body.act(acts.ClockMet, **_at(body, desk), clock=duty, nth=body.fields.get("nth", 1))
        not_ahead(given.at, desk)

        def propose(history: Sequence[Recorded]) -> acts.AnyAct:
            regime, found = _duty(history, profiles, duty)
            every = case_clocks(history, profiles, now_us=to_us(desk.clock.now()))
            mine = [c for c in every if (c.regime, c.duty.code) == (regime.code, found.code)]
            nth = given.nth if "nth" in body.fields else _first_open(mine)
            _may_meet(found, mine, nth)
            return replace(given, clock=clock_name(regime.code, found.code), nth=nth)

        return await _do(desk, profiles, group=group, case_id=case_id, body=body, propose=propose)

    return meet_clock


async def _do(
    desk: CaseDesk,
    profiles: Profiles,
    *,
    group: Group,
    case_id: str,
    body: Body,
    propose: Callable[[Sequence[Recorded]], acts.AnyAct],
) -> JSONResponse:
    """Do it in the case; answers its clocks."""

    def next_act(history: Sequence[Recorded]) -> acts.AnyAct:
        recall, incident = (fold(history), None) if group == "recalls" else (None, fold_incident(history))
        if recall is None and incident is None:
            raise unknown_case(group, case_id)
        act = propose(history)
        refusal: Refusal | None = (
            decide(recall, act, actor=body.actor, key_id=body.caller.key_id)
            if recall is not None
            else decide_incident(incident, act)
        )
        if refusal is not None:
            raise Problem(409, refusal.code, refusal.detail)
        return act

    command = Command(
        case_id=case_id,
        case_type=CASE_TYPES[group],
        caller=body.caller,
        actor=body.actor,
        reason=body.signed.reason,
        expected_sequence=body.signed.expected_sequence,
    )
    done = await desk.do(command, next_act)
    told = clocks_json(done.acts, profiles, now_us=to_us(desk.clock.now()))
    return JSONResponse({"case": case_id, "sequence": done.recorded.sequence, **told})


def _at(body: Body, desk: CaseDesk) -> dict[str, Any]:
    """When it was, where the body leaves it out: now."""
    return {} if "at" in body.fields else {"at": Moment.parse(desk.clock.now())}


def not_ahead(at: Moment, desk: CaseDesk, *, field: str = "at") -> None:
    """Raises Problem 422 for what is still to come."""
    tolerance_us = int(desk.settings.future_tolerance_seconds * 1_000_000)
    if at.earliest_us > to_us(desk.clock.now()) + tolerance_us:
        raise Problem(422, "in-the-future", f"{field}: {at.text} is in the future: say it when it has happened")


def _facts(history: Sequence[Recorded], profiles: Profiles) -> list[str]:
    """What people may tell that starts a clock of this case."""
    regimes = [profiles.regimes[c] for c in regimes_of(history) if c in profiles.regimes]
    names = {name for r in regimes for d in r.duties for name in d.trigger}
    return sorted(n for n in names if n not in acts.ACTS and not n.startswith(_NOT_TOLD))


def _duty(history: Sequence[Recorded], profiles: Profiles, name: str) -> tuple[Regime, Duty]:
    """The one duty of the case that a path names. Raises Problem 404, and 409 where several are meant."""
    regimes = [profiles.regimes[c] for c in regimes_of(history) if c in profiles.regimes]
    every = [(r, d) for r in regimes for d in r.duties]
    found = [(r, d) for r, d in every if name in (d.code, clock_name(r.code, d.code))]
    names = [clock_name(r.code, d.code) for r, d in found or every]
    if not found:
        known = ", ".join(names) or "none: say first which regimes it is under (describe)"
        raise Problem(404, "unknown-duty", f"this case has no duty {name[:100]}; it has {known}", duties=names)
    if len(found) > 1:
        raise Problem(
            409, "several-duties", f"several regimes have a duty {name}: say {' or '.join(names)}", duties=names
        )
    return found[0]


def _first_open(clocks: Sequence[Clock]) -> int:
    """The first step that is not met; 1 before any clock has started."""
    return next((c.step for c in clocks if c.met_us is None), clocks[-1].step if clocks else 1)


def _may_meet(duty: Duty, clocks: Sequence[Clock], nth: int) -> None:
    """Raises Problem 409 where that step is none, or met."""
    clock = next((c for c in clocks if c.step == nth), None)
    if clock is None and (duty.each or duty.repeat or nth != 1):
        steps = ", ".join(str(c.step) for c in clocks) or "none yet"
        raise Problem(409, "clock-not-started", f"{duty.code}: there is no time {nth} to meet; started: {steps}")
    if clock is not None and clock.met_us is not None:
        raise Problem(409, "clock-met", f"{duty.code}: time {nth} is met already, by {clock.met_by}")
