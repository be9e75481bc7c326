"""GET /v1/recalls/{id}/consignees: who got affected items; …/{party}: one of them with only their items."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from domain.cases.consignees import Consignee, Consignees, Got
from domain.cases.recall import RecallCase
from domain.ids import InvalidId, PartyId
from domain.moments import iso
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.caching import json_answer
from services.query.case_acts import refuse_limited
from services.query.formats import NDJSON, AsNdjson, Shape
from services.query.points import Point, pinned
from services.query.questions.recalls import recall_asked
from services.query.recall_consignees import (
    NOBODY_NAMED,
    Answered,
    answered_by,
    consignee_json,
    consignees,
    effectiveness_json,
    got_json,
    totals_json,
)
from services.query.snapshot import Questions
from services.query.watching import watched
from services.sheets.http import form_of, report
from services.sheets.report import Column, Head, Row, Table, all_at_once
from services.sheets.writing import Form

_LIST = (
    Column("consignee", "Consignee", "收货方"),
    Column("direct", "Direct account", "直接客户"),
    Column("owner", "Owner", "最终用户"),
    Column("units", "Units", "件数"),
    Column("units_there", "Still there", "现存件数"),
    Column("quantities", "Quantities", "数量"),
    Column("came_from", "Came from", "来源"),
    Column("passed_to", "Passed to", "转交给"),
    Column("notified", "Notified", "已通知"),
    Column("notified_at", "Notified at", "通知时间"),
    Column("notified_how", "Method", "通知方式"),
    Column("acknowledged_at", "Acknowledged at", "确认时间"),
    Column("responded_at", "Responded at", "答复时间"),
    Column("unreachable", "Unreachable because", "联系不上原因"),
)
_ITEMS = (
    Column("item", "Item", "追溯单元"),
    Column("quantity", "Quantity", "数量"),
    Column("uom", "Unit", "单位"),
    Column("at", "Received or shipped at", "时间"),
    Column("via", "In container", "所在包装"),
    Column("came_from", "Came from", "来源"),
    Column("there", "Still there", "仍在该处"),
    Column("passed_to", "Passed to", "转交给"),
    Column("event_id", "Event", "事件"),
)


def party_asked(text: str) -> str:
    """The canonical id of a consignee; `unknown` is whom the record does not name. Raises Problem 422."""
    if text == NOBODY_NAMED:
        return ""
    try:
        return str(PartyId.parse(text))
    except InvalidId as error:
        raise Problem(422, "invalid-parameter", f"consignee: {error}") from error


def found_in(tree: Consignees, party: str, case: RecallCase) -> Consignee:
    """The consignee. Raises Problem 404."""
    found = tree.found.get(party)
    if found is None:
        detail = (
            f"{party[:100] or NOBODY_NAMED} got nothing that is affected: GET /v1/recalls/{case.case_id}/consignees"
        )
        raise Problem(404, "unknown-consignee", detail)
    return found


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/consignees", response_class=Response, tags=["recalls"])
    @watched
    async def list_consignees(case_id: str, request: Request, caller: reader) -> Response:
        """Who got affected items, from whom, and whom they passed them to; told, acknowledged and answered what."""
        known_parameters(request, "format", "as_of", "wait_for")
        refuse_limited(caller.sites)
        lines = _lines_asked(request)
        form = Form.JSON if lines else form_of(request)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            held, point = await pinned(asked)
            tree = await consignees(held, case, own_party=caller.own_party)
            said = answered_by(case)
            if form is Form.JSON:
                every = tree.ordered()
                listed = [consignee_json(one, said.get(one.party)) for one in every]
                head = {"recall": case.case_id, "mode": case.mode, "totals": totals_json(every, said)}
                if lines:
                    return _as_lines(head | asked.frame([]), listed, each="consignee")
                return json_answer(request, {**head, "consignees": listed, **asked.frame([])})
            return await report(request, head_of(case, point, None), tables=[list_of(tree, said)], form=form)

    @router.get("/v1/recalls/{case_id}/effectiveness", response_class=Response, tags=["recalls"])
    @watched
    async def get_effectiveness(case_id: str, request: Request, caller: reader) -> Response:
        """The samples of consignees that were drawn, whom of them was asked, and what was found."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            body = {"recall": case.case_id, "mode": case.mode, "samples": effectiveness_json(case)}
            return json_answer(request, body | asked.frame([]))

    @router.get("/v1/recalls/{case_id}/consignees/{party:path}", response_class=Response, tags=["recalls"])
    @watched
    async def get_consignee(case_id: str, party: str, request: Request, *, caller: reader) -> Response:
        """One consignee with only their items; `unknown`: those of which the record names nobody."""
        known_parameters(request, "format", "as_of", "wait_for")
        refuse_limited(caller.sites)
        lines, wanted = _lines_asked(request), party_asked(party)
        form = Form.JSON if lines else form_of(request)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            held, point = await pinned(asked)
            tree = await consignees(held, case, own_party=caller.own_party, only=wanted)
            one = found_in(tree, wanted, case)
            if form is Form.JSON:
                said = answered_by(case).get(wanted)
                about = {"recall": case.case_id, "mode": case.mode, **consignee_json(one, said)}
                head, items = about | {"responses": _responses(said)}, [got_json(g) for g in tree.got]
                if lines:
                    return _as_lines(head | asked.frame([]), items, each="item")
                return json_answer(request, {**head, "items": items, **asked.frame([])})
            table = Table("items", "Items", "追溯单元", _ITEMS, all_at_once([_item(g) for g in tree.got]))
            return await report(request, head_of(case, point, wanted), tables=[table], form=form)

    return router


def _lines_asked(request: Request) -> bool:
    """Whether NDJSON is asked for, by `format` or by `Accept`."""
    named = request.query_params.get("format")
    return named == "ndjson" if named is not None else NDJSON in request.headers.get("accept", "")


def _as_lines(head: dict[str, Any], rows: list[dict[str, Any]], *, each: str) -> Response:
    """A header record, a record a row, a trailer with count and hash, as traces are sent."""
    form = AsNdjson(Shape(f"{each}s", each, ()))
    return Response(form.begin(head) + form.rows(rows) + form.end({}), media_type=NDJSON)


def _responses(said: Answered | None) -> list[dict[str, Any]]:
    return [
        {
            "item": c.item or None,
            "says": c.says if c.says is not None else "affected",
            "quantity": format(c.quantity, "f") if c.quantity is not None else None,
            "uom": c.uom,
            "remedy": c.remedy,
            "why": c.why,
            "at": iso(c.order.at_us),
            "event_id": c.order.event_id,
        }
        for c in (said.claims if said is not None else ())
    ]


def list_of(tree: Consignees, said: Mapping[str, Answered]) -> Table:
    """All consignees, accounts first."""
    rows = [_row(one, said.get(one.party)) for one in tree.ordered()]
    return Table("consignees", "Consignees", "收货方", _LIST, all_at_once(rows))


def head_of(case: RecallCase, point: Point, party: str | None) -> Head:
    """What stands beside the rows: of all consignees, or of one."""
    about = {"recall": case.case_id} | ({} if party is None else {"consignee": party or NOBODY_NAMED})
    return Head(
        report="recall-consignees" if party is None else "recall-consignee-items",
        en="Consignees of a recall" if party is None else "Items of one consignee",
        zh="召回收货方" if party is None else "收货方产品清单",
        query=about,
        position=point.position,
        recorded_at=point.recorded_at,
        notes=point.notes | {"mode": case.mode, "title": case.about.title},
    )


def _row(one: Consignee, said: Answered | None) -> Row:
    told = consignee_json(one, said)
    quantities = "; ".join(f"{q['quantity']} {q['uom'] or 'pieces'}" for q in told["quantities"])
    counted = ["; ".join(f"{party}: {n}" for party, n in told[name].items()) for name in ("came_from", "passed_to")]
    notified = told["notified"]
    return (
        one.party or None,
        *(one.direct, one.owner, one.items, one.has, quantities, *counted),
        *(notified["times"], notified["at"], notified["how"]),
        *(told["acknowledged_at"], told["responded_at"], told["unreachable"]),
    )


def _item(g: Got) -> Row:
    via = g.via if g.via != g.item else None
    return (g.item, g.quantity, g.uom, iso(g.at_us), via, g.came_from, g.has, g.passed_to, g.event_id)
