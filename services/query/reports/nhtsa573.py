"""The population of a defect report (49 CFR 573.6(c)): dates of manufacture, serial ranges, versions and diffs."""

import asyncio
from collections.abc import Iterable, Sequence

from domain.ids import ItemId
from domain.moments import iso
from domain.ports import Position
from domain.serial_runs import ends, runs_of
from services.problems import Problem
from services.query.reports.basis import Basis, Kind
from services.query.reports.made_on import made_on
from services.query.reports.versions import Population, population, version_asked, versions_of
from services.sheets.report import Column, Row, Table, all_at_once

POPULATION = (
    Column("product", "Product", "产品"),
    Column("product_description", "Product description", "产品描述"),
    Column("potentially_affected", "Potentially affected", "可能受影响数量"),
    Column("certain", "Certain", "确定"),
    Column("possible", "Possible", "可能"),
    Column("loose_spares", "Loose spare parts", "散装备件"),
    Column("made_from", "Manufactured from (inclusive)", "生产日期起（含）"),
    Column("made_until", "Manufactured until (inclusive)", "生产日期止（含）"),
    Column("date_unknown", "Date of manufacture not recorded", "生产日期无记录"),
    Column("ranges", "Serial ranges", "序列号区间数"),
)
RANGES = (
    Column("product", "Product", "产品"),
    Column("first", "First serial (inclusive)", "起始序列号（含）"),
    Column("last", "Last serial (inclusive)", "截止序列号（含）"),
    Column("count", "Count", "数量"),
    Column("check", "Check digit", "校验位"),
    Column("item", "Item (no counting serial)", "追溯单元（无连续序列号）"),
)
LOTS = (
    Column("lot", "Lot", "批次"),
    Column("product", "Product", "产品"),
    Column("quantity", "Quantity", "数量"),
    Column("uom", "Unit of measure", "计量单位"),
)
VERSIONS = (
    Column("version", "Version", "版本"),
    Column("recorded_at", "Recorded at", "记录时间"),
    Column("position", "Position", "日志位置"),
)
DIFF = (
    Column("figure", "Figure", "项目"),
    Column("before", "Before", "变更前"),
    Column("now", "Now", "变更后"),
    Column("added", "Added", "新增"),
    Column("removed", "Removed", "移除"),
)


async def tables(basis: Basis) -> Sequence[Table]:
    wanted, against = (basis.parameters.get(name) for name in ("version", "against"))
    if against is not None and wanted == against:
        raise Problem(422, "invalid-parameter", "against: is the version itself, name an earlier one")
    now = await _version(basis, wanted, "version")
    found = [
        Table("population", "Population", "召回总体", POPULATION, all_at_once(await _population(basis, now))),
        Table(
            "ranges", "Serial ranges", "序列号区间", RANGES, all_at_once(await _in_thread([*now.units, *now.spares]))
        ),
        Table("lots", "Lots without serials", "无序列号批次", LOTS, all_at_once(_lots(now))),
        Table("versions", "Versions", "版本", VERSIONS, all_at_once(_versions(basis))),
    ]
    if against is not None:
        before = await _version(basis, against, "against")
        added, removed = set(now.units) - set(before.units), set(before.units) - set(now.units)
        surer, less_sure = await _in_thread(_turned(before, now)), await _in_thread(_turned(now, before))
        found += [
            Table("diff", "Difference", "版本差异", DIFF, all_at_once(_diff(before, now))),
            Table("added", "Added serials", "新增序列号", RANGES, all_at_once(await _in_thread(added))),
            Table("removed", "Removed serials", "移除序列号", RANGES, all_at_once(await _in_thread(removed))),
            Table("became_certain", "Became certain", "转为确定", RANGES, all_at_once(surer)),
            Table("became_possible", "Became only possible", "转为可能", RANGES, all_at_once(less_sure)),
        ]
    return found


async def _version(basis: Basis, name: str | None, parameter: str) -> Population:
    version = version_asked(basis.case, name, parameter) if name is not None else None
    return await population(basis.asked, basis.case, version)


async def _population(basis: Basis, now: Population) -> list[Row]:
    by_product: dict[str, list[ItemId]] = {}
    for unit in sorted({*now.units, *now.spares}):
        by_product.setdefault(unit.material or "", []).append(unit)
    rows: list[Row] = []
    for product, units in sorted(by_product.items()):
        await basis.described(units[:1])
        rows.append([product or None, basis.product(units[0]), *await _figures(basis, now, units)])
    everything = [unit for units in by_product.values() for unit in units]
    if len(by_product) > 1:
        rows.append(["TOTAL 合计", None, *await _figures(basis, now, everything)])
    return rows


async def _figures(basis: Basis, now: Population, units: list[ItemId]) -> Row:
    counted = [u for u in units if u in now.units]
    dates = await made_on(basis.asked, units)
    certain = len(now.certain.intersection(counted))
    return [
        *(len(counted), certain, len(counted) - certain, len(units) - len(counted)),
        *(min(dates.values(), default=None), max(dates.values(), default=None), len(units) - len(dates)),
        len(await _in_thread(units)),
    ]


async def _in_thread(units: Iterable[ItemId]) -> list[Row]:
    """`ranges`, while other questions are answered."""
    return await asyncio.to_thread(ranges, units)


def ranges(units: Iterable[ItemId]) -> list[Row]:
    """The units as inclusive ranges, then those that no counting serial tells, one by one."""
    runs = runs_of(units)
    found: list[Row] = [[r.product, *ends(r), r.count, r.shape.check, None] for r in runs.ranges]
    return found + [[other.material, None, None, 1, None, other] for other in runs.others]


def _lots(now: Population) -> list[Row]:
    return [[lot, lot.material, quantity, uom] for lot, (quantity, uom) in sorted(now.lots.items())]


def _versions(basis: Basis) -> list[Row]:
    return [[v.name, iso(v.place[0]), Position(v.place[1], v.place[2]).token] for v in versions_of(basis.case)]


def _diff(before: Population, now: Population) -> list[Row]:
    units = (set(before.units), set(now.units))
    spares = (before.spares, now.spares)
    certain = (before.certain, now.certain)
    return [
        [name, len(old), len(new), len(new - old), len(old - new)]
        for name, (old, new) in (("potentially affected", units), ("loose spares", spares), ("certain", certain))
    ]


def _turned(one: Population, other: Population) -> set[ItemId]:
    """Units in both that are only possible in the one and certain in the other."""
    return (other.certain - one.certain) & set(one.units)


KIND = Kind(
    name="nhtsa573",
    en="Population of a defect report (49 CFR 573.6)",
    zh="缺陷报告召回总体",
    takes={
        "version": "freeze:n or evaluation:n; left out: as it stands",
        "against": "an earlier version: what was added and removed since",
        "percent_estimated": "your estimate of the share that has the defect, told in the report",
    },
    tables=tables,
)
