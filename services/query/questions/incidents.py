"""GET /v1/incidents: which there are; /{id}: how one stands; /{id}/report: its report as of now (docs/recall.md)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from domain.cases.incident import IncidentCase, fold_incident
from domain.ids import InvalidId, ItemId
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import acts_of, refuse_limited
from services.query.case_json import act_json
from services.query.clocks_json import clocks_json
from services.query.incident_report import incident_report, stages_json, told_json
from services.query.points import pinned
from services.query.questions.clocks import unknown_case
from services.query.reports.incident import head_of, tables_of
from services.query.snapshot import Asked, Questions
from services.regimes.profiles import Profiles
from services.sheets.http import form_of
from services.sheets.http import report as sheet

_SHOWN_MAX = 1_000
_NEWEST = """
SELECT a.case_id, min(e.appended_us) AS opened_us
FROM views.case_acts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND a.act = 'opened' AND a.case_type = 'incident'
GROUP BY a.case_id ORDER BY opened_us DESC, a.case_id LIMIT $2
"""
_TYPES = "SELECT DISTINCT case_id, case_type FROM views.case_acts WHERE tenant_id = $1 AND case_id = ANY($2)"


async def incident_asked(asked: Asked, case_id: str) -> IncidentCase:
    """The incident as known then. Raises Problem 404."""
    found = await acts_of(asked.connection, asked.tenant_id, [case_id], vector=asked.vector)
    incident = fold_incident(found.get(case_id, []))
    if incident is None:
        raise unknown_case("incidents", case_id)
    return incident


def create_router(questions: Questions, profiles: Profiles) -> APIRouter:
    router = APIRouter(tags=["incidents"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/incidents")
    async def list_incidents(request: Request, caller: reader) -> JSONResponse:
        """Incidents, newest first, at most 1,000; where given, of an `item`, linked to a `case`, in a `state`."""
        known_parameters(request, "item", "case", "state", "as_of", "wait_for")
        refuse_limited(caller.sites)
        said = request.query_params
        async with questions.ask(caller, request) as asked:
            rows = await asked.connection.fetch(_NEWEST, asked.tenant_id, _SHOWN_MAX + 1)
            ids = [r["case_id"] for r in rows[:_SHOWN_MAX]]
            found = await acts_of(asked.connection, asked.tenant_id, ids, vector=asked.vector)
            incidents = [i for case_id in ids if (i := fold_incident(found.get(case_id, []))) is not None]
            shown = [incident_summary(i) for i in incidents if _chosen(i, said)]
            cut = ["row_limit"] if len(rows) > _SHOWN_MAX else []
            return JSONResponse({"incidents": shown, **asked.frame(cut)})

    @router.get("/v1/incidents/{case_id}")
    async def get_incident(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """An incident: what was told, the reports made, its clocks, what it is linked to, and its history."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            incident = await incident_asked(asked, case_id)
            linked = await _linked(asked, incident)
            told = incident_json(incident, profiles, now_us=asked.fresh.now_us)
            return JSONResponse({**told, "linked_cases": linked, **asked.frame([])})

    @router.get("/v1/incidents/{case_id}/report", response_class=Response)
    async def get_report(case_id: str, request: Request, caller: reader) -> Response:
        """The report as of now: what people told, and batch and known flow as the trace has them.

        With `format` (csv, xlsx, json) as a sheet: the same point, the same bytes.
        """
        known_parameters(request, "format", "as_of", "wait_for")
        refuse_limited(caller.sites)
        form = form_of(request) if "format" in request.query_params else None
        async with questions.ask(caller, request) as asked:
            if form is not None:
                held, point = await pinned(asked)
                incident = await incident_asked(held, case_id)
                told = tables_of(await incident_report(questions, held, incident))
                return await sheet(request, head_of(incident, point), tables=told, form=form)
            report = await incident_report(questions, asked, await incident_asked(asked, case_id))
            return JSONResponse({"incident": case_id, **asked.frame([]), **report})

    return router


def incident_summary(incident: IncidentCase) -> dict[str, Any]:
    """What a list of incidents shows of each."""
    return {
        "incident": incident.case_id,
        "state": incident.state,
        "mode": incident.about.mode,
        "title": incident.about.title,
        **told_json(incident),
        "cases": list(incident.about.cases or ()),
        "sequence": incident.sequence,
        "opened_at": incident.opened.occurred_at,
        "opened_by": incident.opened.actor,
    }


def incident_json(incident: IncidentCase, profiles: Profiles, *, now_us: int) -> dict[str, Any]:
    """An incident with its clocks and history; what a report said is in the history."""
    return {
        **incident_summary(incident),
        "reports": stages_json(incident),
        **clocks_json(incident.history, profiles, now_us=now_us),
        "history": [act_json(one) for one in incident.history],
    }


def _chosen(incident: IncidentCase, said: Mapping[str, str]) -> bool:
    if said.get("state") not in (None, incident.state):
        return False
    if "case" in said and said["case"] not in (incident.about.cases or ()):
        return False
    return "item" not in said or _item(said["item"]) in incident.items


def _item(text: str) -> ItemId:
    try:
        return ItemId.parse(text)
    except InvalidId as error:
        raise Problem(422, "invalid-parameter", f"item: {error}") from error


async def _linked(asked: Asked, incident: IncidentCase) -> list[dict[str, Any]]:
    """What it is linked to, by type; type None: nobody recorded such a case."""
    cases: Sequence[str] = incident.about.cases or ()
    types = {r[0]: r[1] for r in await asked.connection.fetch(_TYPES, asked.tenant_id, list(cases))}
    return [{"case": case_id, "case_type": types.get(case_id)} for case_id in cases]
