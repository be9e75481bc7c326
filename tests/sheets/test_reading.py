"""Sheets from outside: what they say by heading, and what hostile ones are refused for."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from services.sheets.reading import Bounds, SheetError, SheetRow, rows_of_csv, rows_of_workbook

BOUNDS = Bounds(rows=5, columns=4, cell_chars=50, unpacked_bytes=200_000, parts=20)


def workbook(fill: Callable[[Workbook], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def told(rows: list[SheetRow]) -> list[tuple[int, dict[str, object] | str]]:
    return [(r.number, f"{r.error.column}: {r.error}" if r.error else dict(r.cells)) for r in rows]


def test_csv_rows_by_heading_in_the_ways_offices_save_them() -> None:
    content = '批号;序列号;备注\r\nL-1;;\r\n\r\n;S-2;"a;b"\r\nL-3;S-3;x;more\r\n'.encode("utf-8-sig")
    assert told(list(rows_of_csv(content, BOUNDS))) == [
        (2, {"批号": "L-1"}),
        (4, {"序列号": "S-2", "备注": "a;b"}),
        (5, ": has 4 cells, the heading has 3: quote what has commas"),
    ]


def test_workbook_rows_with_numbers_and_dates_as_they_are_shown() -> None:
    def fill(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        sheet.append(["lot", "made", "quantity"])
        sheet.append([42, date(2026, 3, 1), 1.5])
        sheet.append(["L-2", datetime(2026, 3, 1, 8), 10])  # noqa: DTZ001
        sheet.append(["L-3", "=A2", None])
        sheet["A2"].number_format = "000000"

    assert told(list(rows_of_workbook(workbook(fill), BOUNDS))) == [
        (2, {"lot": "000042", "made": "2026-03-01", "quantity": "1.5"}),
        (3, {"lot": "L-2", "made": "2026-03-01T08:00:00", "quantity": "10"}),
        (4, "made: a formula that was never calculated: open the file in Excel, save it, send it again"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"lot,lot\r\nL,M\r\n", "two columns are called 'lot'"),
        (b"\xff\xfelot", "byte 0 is not UTF-8"),
        (b"", "no headings"),
        (b"a,b,c,d,e\r\n", "5 columns, at most 4"),
        (b"lot\r\n" + b"L\r\n" * 6, "over 5 rows"),
        (b'lot\r\n"L' + b"x" * 200_000, "field larger than field limit"),
    ],
)
def test_csv_that_is_refused_as_a_whole(content: bytes, message: str) -> None:
    with pytest.raises(SheetError, match=message):
        list(rows_of_csv(content, BOUNDS))


def test_a_long_cell_is_refused_by_its_name() -> None:
    (row,) = rows_of_csv(b"lot,note\r\nL," + b"x" * 51, BOUNDS)
    assert row.error is not None
    assert (row.error.column, str(row.error)) == ("note", "has 51 characters, at most 50 are taken")


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 50_000_000)
    assert len(file.getvalue()) < 60_000
    return file.getvalue()


def swapped(content: bytes, part: str, replacement: Callable[[str], str]) -> bytes:
    """A workbook with one of its parts rewritten."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        assert part in old.namelist()
        for name in old.namelist():
            body = old.read(name)
            new.writestr(name, replacement(body.decode()) if name == part else body)
    return file.getvalue()


def one_lot(book: Workbook) -> None:
    sheet = book.active
    assert sheet is not None
    sheet.append(["lot"])
    sheet.append(["L-1"])


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(SheetError, match="unpacks to 47 MiB in 1 parts, at most 0 MiB in 20 parts"):
        list(rows_of_workbook(bomb(), BOUNDS))
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for n in range(21):
            archive.writestr(str(n), b"")
    with pytest.raises(SheetError, match="in 21 parts"):
        list(rows_of_workbook(many.getvalue(), BOUNDS))


def test_a_part_that_lies_about_its_size_gives_no_more_than_it_claims() -> None:
    content = bytearray(bomb())
    claimed = (50_000_000).to_bytes(4, "little")
    while (at := content.find(claimed)) >= 0:
        content[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(SheetError, match="no XLSX workbook"):
        list(rows_of_workbook(bytes(content), BOUNDS))


def test_entities_that_multiply_are_refused() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    prologue = f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "ha">{entities}]>'

    def laughing(body: str) -> str:
        assert "L-1" in body
        return prologue + body.replace("L-1", "&l9;")

    content = swapped(workbook(one_lot), "xl/worksheets/sheet1.xml", laughing)
    with pytest.raises(SheetError, match="no XLSX workbook"):
        list(rows_of_workbook(content, BOUNDS))


def test_a_sheet_that_claims_to_be_huge_costs_what_is_in_it() -> None:
    def huge(body: str) -> str:
        return body.replace('ref="A1:A2"', 'ref="A1:XFD1048576"')

    content = swapped(workbook(one_lot), "xl/worksheets/sheet1.xml", huge)
    assert told(list(rows_of_workbook(content, BOUNDS))) == [(2, {"lot": "L-1"})]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip", bomb()[:30_000]])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    with pytest.raises(SheetError, match="no XLSX workbook"):
        list(rows_of_workbook(content, Bounds()))
