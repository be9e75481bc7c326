"""GET /v1/recalls/{id}/accounting: every affected unit in exactly one bucket (docs/recall.md, 'Accounting')."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from domain.cases.accounting import Unit
from domain.cases.buckets import Bucket
from domain.cases.recall import RecallCase
from domain.ids import ItemId
from services.access import Caller
from services.query.asking import known_parameters
from services.query.caching import json_answer
from services.query.case_acts import refuse_limited
from services.query.points import Point, pinned
from services.query.questions.recalls import recall_asked
from services.query.recall_accounting import Accounted, accounted, accounting_json
from services.query.snapshot import Questions
from services.query.watching import watched
from services.sheets.http import form_of, report
from services.sheets.report import Column, Head, Row, Rows, Table, all_at_once
from services.sheets.writing import Form

ROWS_AT_ONCE = 2_000
_BUCKETS = (
    Column("line", "Line", "项目"),
    Column("item", "Item", "追溯单元"),
    Column("uom", "Unit", "单位"),
    Column("bucket", "Bucket", "去向"),
    Column("quantity", "Quantity", "数量"),
)
_UNITS = (
    Column("item", "Item", "追溯单元"),
    Column("loose_spare", "Loose spare", "散装备件"),
    Column("bucket", "Bucket", "去向"),
    Column("remedy", "Remedy", "补救措施"),
    Column("why", "Unreachable because", "联系不上原因"),
    Column("account", "Consignee", "收货方"),
    Column("site", "Site", "地点"),
    Column("conflict", "Conflict", "矛盾"),
)


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/accounting", response_class=Response, tags=["recalls"])
    @watched
    async def get_accounting(case_id: str, request: Request, caller: reader) -> Response:
        """Where every affected unit is: one bucket each, the sum closes. `format`: json, or csv and xlsx with units."""
        known_parameters(request, "format", "as_of", "wait_for")
        refuse_limited(caller.sites)
        form = form_of(request)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            if form is Form.JSON:
                told = await accounted(asked, case, own_party=caller.own_party)
                return json_answer(request, accounting_json(case, told) | asked.frame([]))
            held, point = await pinned(asked)
            told = await accounted(held, case, own_party=caller.own_party)
            return await report(request, head_of(case, point), tables=tables_of(told), form=form)

    return router


def head_of(case: RecallCase, point: Point) -> Head:
    """What stands beside the rows of an accounting."""
    return Head(
        report="recall-accounting",
        en="Accounting of a recall",
        zh="召回去向核算",
        query={"recall": case.case_id},
        position=point.position,
        recorded_at=point.recorded_at,
        notes=point.notes | {"mode": case.mode, "title": case.about.title},
    )


def tables_of(told: Accounted) -> Sequence[Table]:
    """Buckets, and a row a unit."""
    found = told.accounting
    buckets: list[Row] = [("top units", None, None, str(b), found.buckets[b]) for b in Bucket]
    buckets += [("loose spares", None, None, str(b), found.spares[b]) for b in Bucket]
    buckets += [("quantity", q.lot, q.uom, str(b), q.buckets[b]) for q in found.quantities for b in Bucket]
    return (
        Table("buckets", "Buckets", "去向汇总", _BUCKETS, all_at_once(buckets)),
        Table("units", "Units", "单元明细", _UNITS, _units(told)),
    )


async def _units(told: Accounted) -> Rows:
    every = list(told.units.values())
    for start in range(0, len(every), ROWS_AT_ONCE):
        yield [_row(told, unit) for unit in every[start : start + ROWS_AT_ONCE]]


def _row(told: Accounted, unit: Unit) -> Row:
    item: ItemId = unit.item
    placed = told.accounting.placed[item]
    where = (unit.standing.account or None, told.sites[item], placed.conflict)
    return (item, unit.loose_spare, str(placed.bucket), placed.remedy, placed.why, *where)
