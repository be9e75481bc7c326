"""Owner notification (49 CFR Part 577) and the quarterly report on completion (49 CFR 573.7)."""

from collections.abc import Sequence

from domain.cases import acts
from domain.cases.buckets import Bucket
from domain.ids import serial_of
from services.query.recall_accounting import Accounted
from services.query.recall_consignees import answered_by
from services.query.reports.basis import Basis, Kind
from services.sheets.report import Column, Row, Rows, Table, all_at_once

OWNERS = (
    Column("item", "Item", "追溯单元"),
    Column("product", "Product", "产品"),
    Column("serial", "Serial or VIN", "序列号或车架号"),
    Column("owner", "Owner or last consignee", "车主或最后收货方"),
    Column("notified_at", "Notified at", "通知时间"),
    Column("notified_how", "Method", "通知方式"),
    Column("status", "Remedy status", "召回完成状态"),
    Column("remedy", "Remedy", "补救措施"),
    Column("unreachable_because", "Unreachable because", "联系不上原因"),
)
QUARTERLY = (
    Column("campaign", "Campaign", "召回编号"),
    Column("notification_began", "Notification began", "通知开始"),
    Column("notification_ended", "Notification ended", "通知结束"),
    Column("involved", "Number involved", "召回数量"),
    Column("remedied", "Remedied", "已补救"),
    Column("inspected_no_remedy", "Inspected, no remedy needed", "检查后无需补救"),
    Column("unreachable_exported", "Unreachable: exported", "无法完成：已出口"),
    Column("unreachable_stolen", "Unreachable: stolen", "无法完成：被盗"),
    Column("unreachable_scrapped", "Unreachable: scrapped", "无法完成：已报废"),
    Column("unreachable_no_notice", "Unreachable: no notice received", "无法完成：未收到通知"),
    Column("unreachable_other", "Unreachable: other", "无法完成：其他"),
    Column("outstanding", "Outstanding", "未完成"),
)
ROWS_AT_ONCE = 2_000


async def owners(basis: Basis) -> Sequence[Table]:
    return [Table("owners", "Owners", "车主清单", OWNERS, _owners(basis))]


async def _owners(basis: Basis) -> Rows:
    told = await basis.accounted()
    said = answered_by(basis.case)
    every = sorted((u for u in told.units.values() if not u.loose_spare), key=lambda u: u.item)
    for start in range(0, len(every), ROWS_AT_ONCE):
        some: list[Row] = []
        for unit in every[start : start + ROWS_AT_ONCE]:
            placed, account = told.accounting.placed[unit.item], unit.standing.account
            notified = said[account].notified if account in said else None
            about = (notified.at.text, notified.how) if notified is not None else (None, None)
            end = (str(placed.bucket), placed.remedy, placed.why)
            some.append([unit.item, unit.item.material, serial_of(unit.item), account, *about, *end])
        yield some


async def quarterly(basis: Basis) -> Sequence[Table]:
    told = await basis.accounted()
    return [Table("completion", "Completion", "完成情况", QUARTERLY, all_at_once([_completion(basis, told)]))]


def _completion(basis: Basis, told: Accounted) -> Row:
    found = told.accounting
    notified = sorted(
        (h.act.at for h in basis.case.history if isinstance(h.act, acts.Notified)), key=lambda at: at.latest_us
    )
    buckets = found.buckets
    placed = [found.placed[u.item] for u in told.units.values() if not u.loose_spare]
    recorded = sum(p.bucket is Bucket.DESTROYED and p.remedy is None for p in placed)  # scrapped since, as no remedy
    remedied = buckets[Bucket.REMEDIED] + buckets[Bucket.DESTROYED] - recorded
    out_of_reach = buckets[Bucket.UNREACHABLE] + buckets[Bucket.LOST]
    reasons = [p.why for p in placed if p.bucket in (Bucket.UNREACHABLE, Bucket.LOST)]
    named: list[int] = []
    for reason in ("stolen", "scrapped", "no_notice_received"):
        named.append(min(reasons.count(reason), out_of_reach - sum(named)))
    stolen, scrapped, no_notice = named
    scrapped += buckets[Bucket.SCRAPPED_BEFORE] + recorded
    other = out_of_reach - sum(named)
    not_reached = (buckets[Bucket.EXPORTED], stolen, scrapped, no_notice, other)
    cleared = buckets[Bucket.CLEARED]
    return [
        basis.case.case_id,
        *((notified[0].text[:10], notified[-1].text[:10]) if notified else (None, None)),
        *(found.population, remedied, cleared, *not_reached),
        found.population - remedied - cleared - sum(not_reached),
    ]


OWNERS_KIND = Kind(
    name="nhtsa577",
    en="Owners to be notified (49 CFR Part 577)",
    zh="车主通知清单",
    takes={},
    tables=owners,
)
QUARTERLY_KIND = Kind(
    name="nhtsa-quarterly",
    en="Quarterly report on completion (49 CFR 573.7)",
    zh="召回季度报告",
    takes={"quarter": "which quarter it is told for, e.g. 2026-Q1; as_of is its end"},
    tables=quarterly,
)
