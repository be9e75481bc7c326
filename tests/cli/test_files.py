"""Files as workshops have them, and what is told of rows that are no events."""

import gzip
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from services.cli.files import FileError, Row, open_rows
from services.cli.mapping import MappingError, SheetMapping, column_of, put, read_mapping
from services.codec import EVENT


def rows_of(path: Path, mapping: SheetMapping | None = None) -> list[Row]:
    return list(open_rows(path, mapping or SheetMapping()).rows)


def written(folder: Path, name: str, text: str, *, encoding: str = "utf-8") -> Path:
    path = folder / name
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def test_a_plain_sheet_needs_no_mapping(tmp_path: Path) -> None:
    text = (
        "kind,time,product,lot,serial,quantity,uom,site,#remark\n"
        "material_received,2026-03-01T08:00:00+08:00,CELL,L-9,,400,,PLANT-1,by lorry\n"
        "stored,2026-03-01T09:00:00+08:00,CELL,L-9,,390,,PLANT-1,\n"
        "sold,2026-03-02,BIKE,,B-1,,,SHOP-1,\n"
    )
    rows = rows_of(written(tmp_path, "plain.csv", text))
    assert [r.number for r in rows] == [2, 3, 4]
    received, stored, sold = (r.event for r in rows)
    assert received == {
        "kind": "material_received",
        "occurred_at": "2026-03-01T08:00:00+08:00",
        "item": {"product": "CELL", "lot": "L-9"},
        "quantity": "400",
        "site": "PLANT-1",
    }
    assert stored is not None
    assert stored["items"] == [{"item": {"product": "CELL", "lot": "L-9"}, "quantity": "390"}]
    assert sold is not None
    assert sold["items"] == [{"item": {"product": "BIKE", "serial": "B-1"}}]
    for event in (received, stored, sold):
        EVENT.validate_python(event, context={"zone": "+08:00"})


MAPPING = """
event.kind = "transformed"
event.site = "PLANT-1"
event.inputs = [{ item = { product = "CELL" } }]
columns."批号" = "inputs[0].item.lot"
columns."模组" = "outputs[0].item.serial"
columns."型号" = "outputs[0].item.product"
columns."时间" = "occurred_at"
values."型号" = { "甲" = "MODULE-A", "乙" = "MODULE-B" }
options.encoding = "gb18030"
options.header_row = 2
"""


def test_a_mapping_names_columns_constants_and_words(tmp_path: Path) -> None:
    mapping = read_mapping(written(tmp_path, "m.toml", MAPPING))
    text = "三月报表;;;;\n批号;模组;型号;时间;备注\nL-9;M-1;甲;2026-03-01T08:00:00+08:00;无\nL-9;M-2;丙;2026-03-01;\n"
    good, bad = rows_of(written(tmp_path, "report.csv", text, encoding="gb18030"), mapping)
    assert good.event == {
        "kind": "transformed",
        "site": "PLANT-1",
        "inputs": [{"item": {"product": "CELL", "lot": "L-9"}}],
        "outputs": [{"item": {"serial": "M-1", "product": "MODULE-A"}}],
        "occurred_at": "2026-03-01T08:00:00+08:00",
    }
    assert (bad.number, bad.column) == (4, "型号")
    assert "'丙' is none of" in str(bad.error)
    assert column_of("outputs.0.item", good.columns) in ("模组", "型号")
    assert column_of("occurred_at", good.columns) == "时间"
    assert column_of("site", good.columns) is None


def test_the_constants_of_one_row_do_not_leak_into_the_next(tmp_path: Path) -> None:
    mapping = read_mapping(written(tmp_path, "m.toml", MAPPING))
    text = "\n批号;模组;型号;时间\nL-1;M-1;甲;2026-03-01\n;M-2;甲;2026-03-01\n"
    _, second = rows_of(written(tmp_path, "r.csv", text, encoding="gb18030"), mapping)
    assert second.event is not None
    assert second.event["inputs"] == [{"item": {"product": "CELL"}}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("evnt.kind = 'sold'", "there is no 'evnt'"),
        ("event.kind = 'sould'", "'sould' is none of"),
        ("columns.A = 'item lot'", "is no field path"),
        ("columns.A = 3", "give a field path as text"),
        ("options.sheets = 'x'", "there is no 'sheets'"),
        ("columns = ", "m.toml"),
    ],
)
def test_a_wrong_mapping_is_told_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(MappingError, match=told):
        read_mapping(written(tmp_path, "m.toml", text))


def test_a_heading_that_the_mapping_names_must_be_there(tmp_path: Path) -> None:
    mapping = SheetMapping(columns={"Lot": "item.lot"}, constants={"kind": "material_received"})
    with pytest.raises(MappingError, match="no column 'Lot': it has Los, Menge"):
        rows_of(written(tmp_path, "x.csv", "Los,Menge\n1,2\n"), mapping)
    with pytest.raises(MappingError, match="two columns are called 'Lot'"):
        rows_of(written(tmp_path, "y.csv", "Lot,Lot\n1,2\n"), mapping)


def test_a_heading_that_is_no_field_is_told(tmp_path: Path) -> None:
    [row] = rows_of(written(tmp_path, "x.csv", "kind,quantty\nmaterial_received,3\n"))
    assert row.column == "quantty"
    assert "is no field of material_received" in str(row.error)


AT_HALF_PAST_EIGHT = datetime.fromisoformat("2026-03-01T08:30:00")
"""As Excel has it: without a zone."""


def workbook(folder: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    path = folder / "book.xlsx"
    book.save(path)
    return path


def test_a_workbook_with_dates_numbers_and_formulas(tmp_path: Path) -> None:
    headings = ["kind", "time", "product", "serial", "quantity", "site"]
    path = workbook(
        tmp_path,
        [
            headings,
            ["stored", AT_HALF_PAST_EIGHT, "CELL", 42, 2.5, "PLANT-1"],
            ["stored", date(2026, 3, 1), "CELL", 42, 3.0, "PLANT-1"],
            ["stored", AT_HALF_PAST_EIGHT, "CELL", 42, "=1+1", "PLANT-1"],
            ["stored", AT_HALF_PAST_EIGHT, "CELL", 42, "#N/A", "PLANT-1"],
            [None] * 6,
            ["stored", "2026-03-01T08:30:00Z", "CELL", " A 7 ", 0.1, True],
        ],
    )
    book = openpyxl.load_workbook(path)
    assert book.active is not None
    book.active["E5"].data_type = "e"
    book.active["D2"].number_format = "000000"
    book.save(path)
    at, day, formula, error, text = rows_of(path, SheetMapping(zone="+08:00"))
    assert at.event is not None
    assert at.event["occurred_at"] == "2026-03-01T08:30:00+08:00"
    assert at.event["items"] == [{"item": {"product": "CELL", "serial": "000042"}, "quantity": "2.5"}]
    assert day.event is not None
    assert day.event["occurred_at"] == "2026-03-01+08:00"
    assert day.event["items"] == [{"item": {"product": "CELL", "serial": "42"}, "quantity": "3"}]
    assert (formula.number, formula.column) == (4, "quantity")
    assert "never calculated" in str(formula.error)
    assert (error.number, error.column) == (5, "quantity")
    assert "#N/A" in str(error.error)
    assert text.number == 7
    assert text.event is not None
    assert text.event["items"][0] == {"item": {"product": "CELL", "serial": "A 7"}, "quantity": "0.1"}


def test_what_is_no_workbook_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no XLSX workbook"):
        rows_of(written(tmp_path, "x.xlsx", "not one"))
    with pytest.raises(MappingError, match="no sheet 'May', it has Sheet"):
        rows_of(workbook(tmp_path, [["kind"]]), SheetMapping(sheet="May"))


def test_ndjson_gzipped_with_a_broken_line(tmp_path: Path) -> None:
    text = '{"kind": "sold"}\n\n{"kind": \n[1]\n{"kind": "stored"}\n'
    rows = rows_of(written(tmp_path, "x.ndjson.gz", text))
    assert [(r.number, r.event is not None) for r in rows] == [(1, True), (3, False), (4, False), (5, True)]
    assert "not JSON" in str(rows[1].error)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"read as \.ndjson"):
        rows_of(written(tmp_path, "x.txt", ""))
    with pytest.raises(FileError, match="No such file"):
        rows_of(tmp_path / "missing.csv")
    with pytest.raises(FileError, match="gb18030"):
        rows_of(written(tmp_path, "x.csv", "kind,批号\nsold,甲\n", encoding="gb18030"))


def test_paths_reach_into_lists() -> None:
    event: dict[str, Any] = {}
    put(event, "items[1].item.serial", "B")
    put(event, "items[0].item.serial", "A")
    put(event, "circumstances.operators[0]", "op-1")
    assert event == {
        "items": [{"item": {"serial": "A"}}, {"item": {"serial": "B"}}],
        "circumstances": {"operators": ["op-1"]},
    }
