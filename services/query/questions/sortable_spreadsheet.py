"""The electronic sortable spreadsheet an authority may ask for within 24 hours (21 CFR 1.1455(c)(3)(ii), FSMA 204)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from domain.ids import ItemId
from domain.moments import InvalidMoment, Moment
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.points import pinned
from services.query.snapshot import Questions
from services.query.sortable.rows import COLUMNS, Spreadsheet, Window
from services.sheets.http import form_of, report
from services.sheets.report import Head, Table

LOTS_MAX = 1_000


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/sortable-spreadsheet", response_class=Response)
    async def get_spreadsheet(
        request: Request,
        caller: reader,
        lot: Annotated[list[str] | None, Query()] = None,
    ) -> Response:
        """Critical tracking events and their key data elements: a row each, a transformation a row an input.

        `lot` (more than once for several): a traceability lot code, by itself, by its units, and in any container.
        `from` and `to`: first and last day, both included, or instants. Without lots: everything between them.
        """
        known_parameters(request, "lot", "from", "to", "format", "as_of", "wait_for")
        if caller.sites is not None:
            detail = "the spreadsheet is of all sites: ask with a key that is not limited to some"
            raise Problem(403, "site-scope", detail)
        form, query = form_of(request), request.query_params
        since, until = (_bound(query.get(name), name, caller.zone) for name in ("from", "to"))
        texts = lot or []
        if len(texts) > LOTS_MAX:
            raise Problem(422, "too-many-items", f"{len(texts)} lots: at most {LOTS_MAX} are taken at once")
        if not texts and since is None and until is None:
            raise Problem(422, "invalid-parameter", "lot: name one, or say from and to: first and last day")
        async with questions.ask(caller, request) as asked:
            asked, point = await pinned(asked)
            lots: list[ItemId] = [await asked.item(text) for text in texts]
            window = Window(
                lots=lots,
                since_us=since.earliest_us if since else None,
                until_us=until.latest_us + 1 if until else None,
            )
            head = Head(
                report="sortable-spreadsheet",
                en="Sortable spreadsheet (FSMA 204)",
                zh="可排序追溯表",
                query={
                    "lot": " ".join(sorted(map(str, lots))),
                    "from": query.get("from", ""),
                    "to": query.get("to", ""),
                },
                position=point.position,
                recorded_at=point.recorded_at,
                notes=point.notes,
            )
            rows = Spreadsheet(asked, window).rows()
            table = Table("events", "Critical tracking events", "关键追溯事件", COLUMNS, rows)
            return await report(request, head, tables=[table], form=form)

    return router


def _bound(text: str | None, name: str, zone: str | None) -> Moment | None:
    if not text:
        return None
    try:
        return Moment.parse(text.replace(" ", "+"), zone=zone or "UTC")
    except InvalidMoment as error:
        raise Problem(422, "invalid-parameter", f"{name}: {error}") from error
