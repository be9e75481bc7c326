"""The report of a major quality incident as a sheet (重大质量事故报告): what was told, and what the trace tells."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.cases.incident import IncidentCase
from services.query.points import Point
from services.sheets.cells import Cell, listed
from services.sheets.report import Column, Head, Row, Table, all_at_once

FIELDS: dict[str, tuple[str, str]] = {
    "known_at": ("Known at", "获知时间"),
    "happened_at": ("Time of the incident", "发生时间"),
    "place": ("Place", "地点"),
    "product": ("Product", "产品名称"),
    "quantity": ("Quantity", "数量"),
    "uom": ("Unit of measure", "计量单位"),
    "test_results": ("Test results", "检验检测结果"),
    "harm": ("Harm", "危害情况"),
    "first_judgement": ("First judgement of the cause", "初步原因判断"),
    "measures": ("Measures taken", "已采取措施"),
    "control_status": ("State of control", "控制情况"),
    "reporter": ("Reporter", "报告人"),
}
"""English and Chinese of what people tell, in the order of the form."""
_FIELDS = (
    Column("field", "Field", "项目"),
    Column("zh", "In Chinese", "中文"),
    Column("value", "Value", "内容"),
    Column("from_record", "Read from the record", "由追溯记录填写"),
)
_BATCH = (
    Column("lot", "Lot", "批次"),
    Column("part", "Lot of the product or of a component", "成品批次或原料批次"),
    Column("certainty", "How sure", "确定性"),
)
_FLOW = (
    Column("by", "By", "分类"),
    Column("name", "Name", "名称"),
    Column("items", "Items", "件数"),
)
_ITEMS = (
    Column("item", "Item", "追溯单元"),
    Column("status", "Status", "状态"),
    Column("site", "Site", "地点"),
    Column("holder", "Holder", "持有方"),
    Column("on_hold", "On hold", "已封存"),
)


def head_of(incident: IncidentCase, point: Point) -> Head:
    """What stands beside its rows."""
    return Head(
        report="incident",
        en="Report of a quality incident",
        zh="重大质量事故报告",
        query={"incident": incident.case_id},
        position=point.position,
        recorded_at=point.recorded_at,
        notes=point.notes | {"mode": incident.about.mode, "title": incident.about.title, "state": incident.state},
    )


def tables_of(report: Mapping[str, Any]) -> Sequence[Table]:
    """The report in four tables; `report` as services.query.incident_report tells it."""
    batch, flow = report["batch"], report["known_flow"]
    lots: list[Row] = [[lot["lot"], "product 成品", lot["certainty"]] for lot in batch["lots"]]
    lots += [[lot["lot"], "component 原料", lot["certainty"]] for lot in batch["component_lots"]]
    items: list[Row] = [[i[c.name] for c in _ITEMS] for i in flow["items"]]
    return (
        Table("fields", "Report", "报告内容", _FIELDS, all_at_once(_fields(report))),
        Table("batch", "Batch", "批次", _BATCH, all_at_once(lots)),
        Table("flow", "Known flow", "已知流向", _FLOW, all_at_once(_flow(flow["totals"] or {}))),
        Table("items", "Items", "事故产品", _ITEMS, all_at_once(items)),
    )


def _fields(report: Mapping[str, Any]) -> list[Row]:
    batch, flow = report["batch"], report["known_flow"]
    rows: list[Row] = [[*FIELDS[n], _text(report.get(n)), False] for n in FIELDS if n in report]
    rows += [
        ["Items", "事故产品", listed(report["items"]), False],
        ["Batch", "批次", listed([lot["lot"] for lot in batch["lots"]]), True],
        ["Lots that went in", "原料批次数", batch["component_lot_count"], True],
        ["Known flow: items that came of the batch", "已知流向：涉及件数", (flow["totals"] or {}).get("items"), True],
        ["Batch complete", "批次信息完整", _whole(batch), True],
        ["Flow complete", "流向信息完整", _whole(flow), True],
        ["Items nobody recorded", "无记录的产品", listed(report["unknown_items"]), True],
    ]
    return rows


def _whole(traced: Mapping[str, Any]) -> str:
    """Whether a trace has everything, and where the record itself ends: a report to an authority must say so."""
    gaps = [f"{g['code']} ({g['items']})" for g in traced["gaps"]]
    return listed(["yes" if traced["complete"] else "no", *traced["incomplete_because"], *gaps])


def _flow(totals: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for name, label in (("by_status", "status 状态"), ("by_site", "site 地点"), ("by_holder", "holder 持有方")):
        rows += [[label, key, count] for key, count in sorted(totals.get(name, {}).items())]
    return rows


def _text(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | bool) else str(value)
