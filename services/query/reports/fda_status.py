"""The status report of a recall: six figures (21 CFR 7.53(b)), and what they are summed from, a row a consignee."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.cases import acts
from domain.cases.buckets import RECALLED, Bucket
from domain.cases.consignees import Consignee
from services.query.recall_accounting import Accounted
from services.query.recall_consignees import NOBODY_NAMED, Answered, answered_by
from services.query.reports.basis import Basis, Kind
from services.sheets.cells import Cell, listed
from services.sheets.report import Column, Row, Table, all_at_once

FIGURES = (
    Column("figure", "Figure", "项目"),
    Column("meaning", "Meaning (21 CFR 7.53(b))", "含义"),
    Column("value", "Value", "数值"),
    Column("detail", "Detail", "说明"),
)
CONSIGNEES = (
    Column("consignee", "Consignee", "收货方"),
    Column("direct", "Direct account", "直接客户"),
    Column("units", "Units shipped to them", "收到数量"),
    Column("notified_at", "Notified at", "通知时间"),
    Column("notified_how", "Method", "通知方式"),
    Column("responded", "Responding", "已答复"),
    Column("on_hand", "On hand when told", "答复时现存"),
    Column("returned_or_corrected", "Returned or corrected", "退回或纠正"),
    Column("accounted_for", "Accounted for", "已核算"),
    Column("checked", "Effectiveness check", "有效性检查"),
)
_DONE_WITH = RECALLED | {Bucket.SCRAPPED_BEFORE}


@dataclass(slots=True)
class _Line:
    """What is known of one consignee's part."""

    one: Consignee
    said: Answered
    recalled: int = 0
    accounted: int = 0

    @property
    def responding(self) -> bool:
        return self.said.responded is not None or self.said.acknowledged is not None

    @property
    def on_hand(self) -> Decimal | None:
        """What they said last that they have: of each item what was said last of it."""
        last: dict[str, Decimal | None] = {}
        for claim in sorted(self.said.claims, key=lambda c: c.order):
            of_all = Decimal(1 if claim.item.kind == "unit" else self.one.items)
            amount = claim.quantity if claim.quantity is not None else of_all
            last[claim.item] = amount if claim.says is Bucket.WITH_CONSIGNEE else None
        known = [amount for amount in last.values() if amount is not None]
        return sum(known, Decimal(0)) if self.said.claims else None


async def tables(basis: Basis) -> Sequence[Table]:
    told, tree, said = await basis.accounted(), await basis.consignees(), answered_by(basis.case)
    lines = [_Line(one, said.get(one.party, Answered())) for one in tree.ordered() if not one.owner]
    _count(lines, told)
    figures = _figures(basis, told, lines)
    found = [
        Table("figures", "Six figures", "六项数据", FIGURES, all_at_once(figures)),
        Table("consignees", "Consignees", "收货方", CONSIGNEES, all_at_once([_row(line) for line in lines])),
    ]
    if basis.parameters.get("names") == "1":
        silent: list[Row] = [[line.one.party or NOBODY_NAMED] for line in lines if not line.responding]
        column = (Column("consignee", "Non-responding consignee", "未答复收货方"),)
        found.append(Table("non-responding", "Non-responding", "未答复", column, all_at_once(silent)))
    return found


def _count(lines: Sequence[_Line], told: Accounted) -> None:
    by_party = {line.one.party: line for line in lines}
    for item, unit in told.units.items():
        line = by_party.get(unit.standing.account or "") if unit.standing.account is not None else None
        if line is not None and not unit.loose_spare:
            bucket = told.accounting.placed[item].bucket
            line.recalled += bucket in RECALLED
            line.accounted += bucket in _DONE_WITH
    for move in told.accounting.moves:
        line = by_party.get(move.party or "")
        if line is not None and move.source is not None:
            line.recalled += int(move.quantity) * ((move.to in RECALLED) - (move.source in RECALLED))
            line.accounted += int(move.quantity) * ((move.to in _DONE_WITH) - (move.source in _DONE_WITH))


def _figures(basis: Basis, told: Accounted, lines: Sequence[_Line]) -> list[Row]:
    notified = [line for line in lines if line.said.notified is not None]
    dates = sorted(line.said.notified.at.text[:10] for line in notified if line.said.notified is not None)
    methods = sorted({line.said.notified.how for line in notified if line.said.notified is not None})
    responding = [line for line in lines if line.responding]
    on_hand = sum((line.on_hand or Decimal(0) for line in responding), Decimal(0))
    checked = (h.act for h in basis.case.history if isinstance(h.act, acts.EffectivenessChecked))
    checks = {act.consignee: act.effective for act in checked}
    effective = sum(checks.values())
    between = f"{dates[0]} to {dates[-1]} by {listed(methods)}" if dates else None
    found = told.accounting
    rows: list[tuple[str, str, Cell, Cell]] = [
        ("1", "Consignees notified, date and method 已通知收货方", len(notified), between),
        ("2", "Consignees responding, and product on hand 已答复及现存", len(responding), f"{on_hand} on hand"),
        ("3", "Consignees that did not respond 未答复", len(lines) - len(responding), "identity on request: names=1"),
        ("4", "Product returned or corrected, and accounted for 退回或纠正", found.recalled, _accounted(told)),
        ("5", "Effectiveness checks made, and results 有效性检查", len(checks), f"{effective} effective"),
        ("6", "Estimated time frame for completion 预计完成时间", basis.parameters.get("completion"), None),
    ]
    return [list(row) for row in rows]


def _accounted(told: Accounted) -> str:
    found = told.accounting
    done = sum(found.buckets[b] for b in _DONE_WITH)
    lines = [f"{done} of {found.population} units"]
    for q in found.quantities:
        lines.append(f"{q.lot}: {sum(q.buckets[b] for b in _DONE_WITH)} of {q.population} {q.uom or 'pieces'}")
    return listed(lines)


def _row(line: _Line) -> Row:
    notified, checked = line.said.notified, line.said.checked
    about = (notified.at.text, notified.how) if notified is not None else (None, None)
    found = (checked.effective if checked is not None else None,)
    counted = (line.responding, line.on_hand, line.recalled, line.accounted)
    return [line.one.party or NOBODY_NAMED, line.one.direct, line.one.items, *about, *counted, *found]


KIND = Kind(
    name="fda-status",
    en="Recall status report (21 CFR 7.53)",
    zh="召回状态报告",
    takes={
        "names": "1: also the names of consignees that did not respond",
        "completion": "your estimate of when it will be complete, told in the report",
    },
    tables=tables,
)
