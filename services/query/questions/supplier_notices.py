"""GET /v1/supplier-notices: what suppliers told, and what of it we received."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from domain.cases.notice_lines import Match, Receipt
from domain.cases.supplier_notice import SupplierNotice, fold
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import acts_of, refuse_limited
from services.query.notice_json import matches_json, notice_json, notice_summary
from services.query.notice_lines import FIELDS, line_of
from services.query.points import pinned
from services.query.receipts import shelf_for
from services.query.snapshot import Asked, Questions
from services.sheets.cells import Cell
from services.sheets.http import form_of, report
from services.sheets.report import Column, Head, Row, Table, all_at_once

_NOTICES = """
SELECT a.case_id FROM views.case_acts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND a.act = 'supplier_notice_received' AND a.case_type = 'supplier_notice'
GROUP BY a.case_id ORDER BY min(e.appended_us) DESC, a.case_id LIMIT 1000
"""
COLUMNS = (
    Column("row", "Row", "行号"),
    *(
        Column(name, en, zh)
        for name, en, zh in (
            ("product", "Product", "产品"),
            ("lot", "Their lot", "供应商批号"),
            ("date_code", "Date code", "日期代码"),
            ("serial", "Serial", "序列号"),
            ("last_serial", "Last serial", "截止序列号"),
            ("quantity", "Quantity", "数量"),
            ("uom", "Unit of measure", "计量单位"),
            ("remark", "Remark", "备注"),
        )
    ),
    Column("outcome", "Outcome", "匹配结果"),
    Column("why", "Why only possible", "存疑原因"),
    Column("item", "Our item", "本厂追溯单元"),
    Column("supplier", "Received from", "来货方"),
    Column("received_at", "Received at", "收货时间"),
    Column("site", "Site", "地点"),
    Column("received_quantity", "Quantity received", "收货数量"),
    Column("received_uom", "Unit received", "收货单位"),
    Column("event_id", "Event id", "事件标识"),
)


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["supplier notices"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/supplier-notices")
    async def list_notices(request: Request, caller: reader) -> JSONResponse:
        """Suppliers' notices, the newest first; `overdue`: a containment was due and did not come back."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            ids = [r[0] for r in await asked.connection.fetch(_NOTICES, asked.tenant_id)]
            acts = await acts_of(asked.connection, asked.tenant_id, ids, vector=asked.vector)
            found = [n for i in ids if (n := fold(acts.get(i, []))) is not None]
            told = [notice_summary(n) | {"overdue": n.overdue(asked.fresh.now_us)} for n in found]
            return JSONResponse({"notices": told, **asked.frame([])})

    @router.get("/v1/supplier-notices/{case_id}", response_class=Response)
    async def get_notice(case_id: str, request: Request, caller: reader) -> Response:
        """A notice: each line matched, ambiguous or unmatched against what was received, and a draft scope of a recall.

        It is matched anew each time it is asked for: a receipt that is posted late is found.
        """
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            notice = await _notice(asked, case_id)
            matches = await matched(asked, notice)
            told = notice_json(notice) | {"overdue": notice.overdue(asked.fresh.now_us)}
            frame = asked.frame([])
            body = await asyncio.to_thread(lambda: orjson.dumps({**told, **matches_json(notice, matches), **frame}))
            return Response(body, media_type="application/json")

    @router.get("/v1/supplier-notices/{case_id}/lines", response_class=Response)
    async def get_lines(case_id: str, request: Request, caller: reader) -> Response:
        """The lines and what they match as a sheet: a row a line and receipt (`format`: csv, xlsx, json)."""
        known_parameters(request, "format", "as_of", "wait_for")
        refuse_limited(caller.sites)
        form = form_of(request)
        async with questions.ask(caller, request) as asked:
            asked, point = await pinned(asked)
            notice = await _notice(asked, case_id)
            rows = [row for m, r in zip(await matched(asked, notice), notice.rows, strict=True) for row in _rows(r, m)]
            head = Head(
                report="supplier-notice",
                en="Supplier's notice",
                zh="供应商通知核对",
                query={"notice": case_id, "supplier": notice.about.supplier},
                position=point.position,
                recorded_at=point.recorded_at,
                notes=point.notes,
            )
            table = Table("lines", "Lines", "明细", COLUMNS, all_at_once(rows))
            return await report(request, head, tables=[table], form=form)

    return router


async def matched(asked: Asked, notice: SupplierNotice) -> list[Match]:
    """What each line means, in their order."""
    supplier = str(notice.about.supplier)
    lines = await asyncio.to_thread(lambda: [line_of(row, supplier=supplier) for row in notice.rows])
    shelf = await shelf_for(asked, lines, supplier=supplier)
    return await asyncio.to_thread(lambda: [shelf.match(line) for line in lines])


async def _notice(asked: Asked, case_id: str) -> SupplierNotice:
    notice = fold((await acts_of(asked.connection, asked.tenant_id, [case_id], vector=asked.vector)).get(case_id, []))
    if notice is None:
        detail = f"there is no supplier's notice {case_id[:100]}: GET /v1/supplier-notices lists them"
        raise Problem(404, "unknown-case", detail)
    return notice


def _rows(row: Mapping[str, Any], match: Match) -> Sequence[Row]:
    """A row a receipt that is meant or may be; one row where there is none."""
    line: list[Cell] = [int(row["row"]), *(row.get(name) for name in FIELDS), match.outcome]
    found = [[*line, None, r.item, *_received(r)] for r in match.receipts]
    found += [
        [*line, c.why, c.item, *(_received(c.receipt) if c.receipt is not None else [None] * 6)]
        for c in match.candidates
    ]
    found += [[*line, "lot_not_recorded", r.item, *_received(r)] for r in match.left_open]
    return found or [[*line, *[None] * 8]]


def _received(receipt: Receipt) -> list[Cell]:
    named = (receipt.supplier, receipt.occurred_at, receipt.site, receipt.quantity, receipt.uom, receipt.event_id)
    return list(named)
