"""GET /v1/recalls/{id}/reports: the reports there are, and each as JSON, CSV or XLSX (docs/recall.md, 'Reports')."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from domain.cases.recall import fold
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import acts_of, refuse_limited
from services.query.past import as_of
from services.query.points import pinned
from services.query.questions.recalls import recall_asked
from services.query.reports.basis import Basis, Kind
from services.query.reports.catalogue import KINDS
from services.query.snapshot import Asked, Questions
from services.query.watching import watched
from services.sheets.http import form_of, report
from services.sheets.writing import Form

_TEXT_CHARS_MAX = 2_000


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/reports")
    async def list_reports(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """The reports of a recall, with what each takes beside `format`, `as_of` and `wait_for`."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            told = [
                {
                    "name": kind.name,
                    "title": {"en": kind.en, "zh": kind.zh},
                    "takes": dict(kind.takes),
                    "formats": list(Form),
                    "href": f"/v1/recalls/{case.case_id}/reports/{kind.name}",
                }
                for kind in KINDS.values()
            ]
            return JSONResponse({"recall": case.case_id, "mode": case.mode, "reports": told, **asked.frame([])})

    @router.get("/v1/recalls/{case_id}/reports/{name}", response_class=Response)
    @watched
    async def get_report(case_id: str, name: str, *, request: Request, caller: reader) -> Response:
        """A report as of a point (`as_of`): the same point, the same bytes; query, position, rows and hash inside."""
        kind = _kind(name)
        known_parameters(request, *kind.takes, "format", "as_of", "wait_for")
        refuse_limited(caller.sites)
        form = form_of(request)
        earlier = await _earlier(questions, caller, request)
        async with questions.ask(caller, request) as asked:
            basis = await basis_of(asked, case_id, caller=caller, given=_given(request, kind), earlier=earlier)
            return await report(request, kind.head(basis), tables=await kind.tables(basis), form=form)

    return router


async def basis_of(
    asked: Asked,
    case_id: str,
    *,
    caller: Caller,
    given: Mapping[str, str] | None = None,
    earlier: Mapping[int, int] | None = None,
) -> Basis:
    """What reports of a recall are made of, at the point of the snapshot. Raises Problem 404, 503."""
    held, point = await pinned(asked)
    case = await recall_asked(held, case_id)
    before = None
    if earlier is not None:
        then, then_point = await pinned(replace(held, vector=dict(earlier)))
        acts = await acts_of(then.connection, then.tenant_id, [case_id], vector=then.vector)
        before_case = fold(acts.get(case_id, []))
        if before_case is not None:  # else it was not opened yet, and the period is all of it
            before = Basis(then, then_point, case=before_case, own_party=caller.own_party, parameters={})
    return Basis(held, point, case=case, own_party=caller.own_party, parameters=given or {}, earlier=before)


def _kind(name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is None:
        detail = f"there is no report {name[:40]}: there are {', '.join(KINDS)}"
        raise Problem(404, "unknown-report", detail)
    return kind


def _given(request: Request, kind: Kind) -> dict[str, str]:
    given = {n: v for n, v in request.query_params.items() if n in kind.takes and v}
    for name, value in given.items():
        if len(value) > _TEXT_CHARS_MAX:
            raise Problem(422, "invalid-parameter", f"{name}: {len(value)} characters, at most {_TEXT_CHARS_MAX}")
    return given


async def _earlier(questions: Questions, caller: Caller, request: Request) -> dict[int, int] | None:
    text = request.query_params.get("from") or None
    skew = questions.settings.skew_bound_seconds
    return await as_of(questions.pool, caller.tenant_id, text, skew_seconds=skew)
