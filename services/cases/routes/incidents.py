"""Commands on incidents: open, correct what is known, report to an authority, link, close, reopen."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.incident import IncidentCase, decide_incident, fold_incident
from domain.cases.record import Recorded
from domain.events.casework import check_case_id
from domain.moments import Moment, to_us
from services.access import Caller
from services.cases.bodies import Body, body_of, described
from services.cases.commands import CaseDesk, Command
from services.cases.routes.clocks import not_ahead
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.incident_report import incident_report
from services.query.questions.clocks import unknown_case
from services.query.questions.incidents import incident_json
from services.query.snapshot import Questions
from services.regimes.profiles import Profiles

Propose = Callable[[IncidentCase], acts.AnyAct]
_FACTS = tuple(f.name for f in fields(acts.IncidentFacts))
_OPENED = {
    "title": "Pack fire at a customer",
    "known_at": "2026-04-02T11:20:00+08:00",
    "place": "Hefei",
    "harm": "one person burnt",
    "items": [{"gtin": "09521234543213", "serial": "B1001"}],
    "cases": ["RC-2026-1"],
    "actor": "Wang Fang",
}
_STAGE = {"stage": "first", "reference": "fax 2026-0402-1", "actor": "Wang Fang"}


class IncidentDesk:
    """Commands on incidents, on the desk of all cases."""

    def __init__(self, desk: CaseDesk, questions: Questions, profiles: Profiles) -> None:
        self.desk, self.questions, self.profiles = desk, questions, profiles

    async def do(self, case_id: str, body: Body, *, propose: Propose) -> JSONResponse:
        """Do in an incident what `propose` makes of how it stands; answers the incident after it."""

        def next_act(recorded: Sequence[Recorded]) -> acts.AnyAct:
            incident = fold_incident(recorded)
            if incident is None:
                raise unknown_case("incidents", case_id)
            act = propose(incident)
            _allowed(incident, act)
            return act

        return await self._done(case_id, body, next_act=next_act, status=200)

    async def open(self, case_id: str, body: Body, act: acts.Opened) -> JSONResponse:
        """Open an incident; the same again answers as the first time. Raises Problem 409 `case-exists`."""
        there = await self.desk.acts(body.caller.tenant_id, case_id)
        first = next((a for a in there if isinstance(a.act, acts.Opened)), None)
        if first is not None and (first.act, first.key_id) == (act, body.caller.key_id):
            return self._answer(there, 201)
        if there:
            raise Problem(409, "case-exists", f"case {case_id} is there already: choose another id", case=case_id)
        return await self._done(case_id, body, next_act=lambda recorded: act, status=201)

    async def report(self, case_id: str, body: Body, act: acts.StageReported) -> JSONResponse:
        """A report went out: what it said is kept, with the batch and the known flow as of now.

        That a report was made is recorded even where the trace cannot be had: then the reason stands in its place.
        """
        recorded = await self.desk.acts(body.caller.tenant_id, case_id)
        incident = fold_incident(recorded)
        said: dict[str, Any] = {}
        if incident is not None:
            try:
                async with self.questions.ask(body.caller, None) as asked:
                    said = await incident_report(self.questions, asked, incident)
            except Problem as problem:
                said = {"no_trace_because": problem.code, "detail": problem.detail}
        return await self.do(case_id, body, propose=lambda known: replace(act, report=said))

    async def _done(
        self, case_id: str, body: Body, *, next_act: Callable[[Sequence[Recorded]], acts.AnyAct], status: int
    ) -> JSONResponse:
        command = Command(
            case_id=case_id,
            case_type="incident",
            caller=body.caller,
            actor=body.actor,
            reason=body.signed.reason,
            expected_sequence=body.signed.expected_sequence,
        )
        return self._answer((await self.desk.do(command, next_act)).acts, status)

    def _answer(self, recorded: Sequence[Recorded], status: int) -> JSONResponse:
        incident = fold_incident(recorded)
        assert incident is not None
        told = incident_json(incident, self.profiles, now_us=to_us(self.desk.clock.now()))
        return JSONResponse(told, status, headers={"Location": f"/v1/incidents/{incident.case_id}"})


def create_router(
    desk: CaseDesk, questions: Questions, profiles: Profiles, *, recaller: Callable[..., Any]
) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["incidents"])
    who = Annotated[Caller, Depends(recaller)]
    incidents = IncidentDesk(desk, questions, profiles)

    @router.post("/v1/incidents", status_code=201, openapi_extra=described(acts.Opened, _OPENED))
    async def open_incident(request: Request, caller: who) -> JSONResponse:
        """Report a major quality incident (重大质量事故): its clocks start when it became known (`known_at`).

        `items` are the units or lots it is about, `cases` what it is linked to. `id` makes it safe to send again.
        """
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        return await incidents.open(_id(body), body, _opened(body, desk))

    @router.post("/v1/incidents/{case_id}/facts", openapi_extra=described(None, {"harm": "two persons burnt"}))
    async def correct_facts(case_id: str, request: Request, caller: who) -> JSONResponse:
        """More is known, or it was wrong: the fields told take the place of what was told before."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        act = body.act(acts.IncidentReported, facts={n: body.fields.pop(n) for n in _FACTS if n in body.fields})
        if act.facts.known_at is not None:
            not_ahead(act.facts.known_at, desk, field="known_at")
        return await incidents.do(case_id, body, propose=lambda incident: act)

    @router.post("/v1/incidents/{case_id}/reports", openapi_extra=described(acts.StageReported, _STAGE))
    async def report_stage(case_id: str, request: Request, caller: who) -> JSONResponse:
        """A report went to an authority (`stage` first, province, stage, final): it is kept, and its clock is met."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        if "report" in body.fields:
            raise Problem(422, "invalid-command", "report: is made here: tell the facts first (POST …/facts)")
        now = {} if "at" in body.fields else {"at": Moment.parse(desk.clock.now())}
        act = body.act(acts.StageReported, **now)
        not_ahead(act.at, desk)
        return await incidents.report(case_id, body, act)

    for path, act, text in _PLAIN:
        router.add_api_route(
            f"/v1/incidents/{{case_id}}/{path}",
            _plain(incidents, recaller, act=act),
            methods=["POST"],
            description=text,
            name=f"{path}_incident",
            openapi_extra=described(act, {"reason": "the cause is known", "actor": "Wang Fang"}),
        )
    return router


_PLAIN: tuple[tuple[str, type[acts.AnyAct], str], ...] = (
    ("describe", acts.Described, "Correct the title, the regimes, or what it is linked to (`cases`, `items`)."),
    ("close", acts.Closed, "Close the incident."),
    ("reopen", acts.Reopened, "Reopen the incident."),
)


def _plain(incidents: IncidentDesk, recaller: Callable[..., Any], *, act: type[acts.AnyAct]) -> Callable[..., Any]:
    async def command(case_id: str, request: Request, caller: Annotated[Caller, Depends(recaller)]) -> JSONResponse:
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        body.reasoned()
        proposed: acts.AnyAct = body.act(act)
        return await incidents.do(case_id, body, propose=lambda incident: proposed)

    return command


def _id(body: Body) -> str:
    case_id = str(body.fields.pop("id", None) or f"incident-{uuid.uuid4().hex[:12]}")
    try:
        check_case_id(case_id)
    except ValueError as error:
        raise Problem(422, "invalid-command", str(error).replace("case_id", "id", 1)) from error
    return case_id


def _opened(body: Body, desk: CaseDesk) -> acts.Opened:
    facts = {n: body.fields.pop(n) for n in _FACTS if n in body.fields}
    if "known_at" not in facts:
        raise Problem(422, "invalid-command", "known_at: is missing: say when it became known, the clocks start then")
    body.fields.setdefault("mode", "live")
    body.fields.setdefault("regimes", [r.strip() for r in desk.settings.incident_regimes.split(",") if r.strip()])
    act = body.act(acts.Opened, incident=facts)
    if act.incident is not None and act.incident.known_at is not None:
        not_ahead(act.incident.known_at, desk, field="known_at")
    return act


def _allowed(incident: IncidentCase, act: acts.AnyAct) -> None:
    refusal = decide_incident(incident, act)
    if refusal is not None:
        raise Problem(409, refusal.code, refusal.detail)
