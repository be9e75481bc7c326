"""Reports written: the same bytes each time, openable, and nothing in them that a spreadsheet would run."""

import csv
import hashlib
import io
import re
import time
import unicodedata
import zipfile
from collections.abc import Sequence
from decimal import Decimal

import openpyxl
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.sheets.cells import Cell, neutral
from services.sheets.csv_form import lines
from services.sheets.report import Column, Head, Row, Rows, Table, all_at_once
from services.sheets.writing import Form, write
from services.sheets.xlsx_form import MOST_CHARS, XlsxForm

COLUMNS = (Column("item", "Item", "追溯单元"), Column("quantity", "Quantity", "数量"), Column("top", "Top", "成品"))
HEAD = Head(
    report="affected-units",
    en="Affected units",
    zh="受影响单元",
    query={"recall": "R-1", "basis": "=1+1"},
    position="0-17",
    recorded_at="2026-03-01T00:00:00Z",
    notes={"mode": "mock"},
)
ROWS: list[Row] = [
    ("urn:zhuisu:unit:own:BIKE:1", Decimal("1.50"), True),
    ('=HYPERLINK("http://evil","x")', Decimal("-3"), False),
    ("＝cmd|' /C calc'!A1", 7, None),
    ('ein \N{SNOWMAN}, mit "Komma"\r\nund Zeile', Decimal("12345678901234567890.5"), None),
    ("\ud800 alone \x0b", None, None),
]


def table(rows: Sequence[Row], name: str = "units") -> Table:
    return Table(name, "Units", "单元", COLUMNS, all_at_once(rows))


async def made(form: Form, *rows: Row, head: Head = HEAD) -> bytes:
    written = await write(head, [table(rows)], form)
    with written.file as file:
        content = file.read()
    assert len(content) == written.size_bytes
    assert hashlib.sha256(content).hexdigest() == written.sha256
    return content


cells: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**17), 10**17),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.text(max_size=12),
    st.sampled_from(
        ["", " room", "room ", "a&b", "<r>x</r>", "_x0041_", "=1+1", "单元", "\ufffe", "a\nb", "x" * 9_000]
    ),
)


@given(rows=st.lists(st.lists(cells, min_size=3, max_size=3).map(tuple), max_size=12), most_rows=st.integers(2, 20))
@settings(max_examples=150, deadline=None)
def test_rows_written_at_once_are_to_the_byte_what_xlsxwriter_writes(rows: list[Row], most_rows: int) -> None:
    def book() -> bytes:
        form, file = XlsxForm(most_rows=most_rows), io.BytesIO()
        try:
            form.begin(table(rows), file)
            form.rows(rows, as_lines=b"", body=file)
            form.end(file)
            form.whole([("rows", str(len(rows)))], file, file)
        finally:
            form.close()
        return file.getvalue()

    at_once = book()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("services.sheets.xlsx_form.line_of", lambda row, number: None)
        assert at_once == book()


@pytest.mark.parametrize("form", list(Form))
async def test_the_same_rows_give_the_same_bytes_at_any_time(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await made(form, *ROWS)
    later = time.time() + 400 * 24 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert await made(form, *ROWS) == first
    finally:
        monkeypatch.undo()
        time.tzset()
    assert await made(form, *ROWS[1:]) != first


async def test_rows_in_pieces_give_the_same_bytes_as_all_at_once() -> None:
    async def pieces() -> Rows:
        for row in ROWS:
            yield [row]

    for form in Form:
        written = await write(HEAD, [Table("units", "Units", "单元", COLUMNS, pieces())], form)
        with written.file as file:
            assert file.read() == await made(form, *ROWS)


async def test_a_csv_says_what_it_is_and_its_rows_can_be_checked() -> None:
    content = await made(Form.CSV, *ROWS)
    assert content.startswith(b"\xef\xbb\xbfreport,affected-units\r\n")
    head, _, rest = content.partition(b"\r\n\r\n")
    told = dict(csv.reader(io.StringIO(head.decode("utf-8-sig"), newline="")))
    assert told["title"] == "Affected units 受影响单元"
    assert (told["query.recall"], told["query.basis"], told["notes.mode"]) == ("R-1", "'=1+1", "mock")
    assert (told["as_of"], told["recorded_at"], told["rows"]) == ("0-17", "2026-03-01T00:00:00Z", "5")
    headings, _, rows = rest.partition(b"\r\n")
    assert headings.decode() == "Item 追溯单元,Quantity 数量,Top 成品"
    assert told["rows_sha256"] == hashlib.sha256(rows).hexdigest()
    read = list(csv.reader(io.StringIO(rows.decode(), newline="")))
    assert read[0] == ["urn:zhuisu:unit:own:BIKE:1", "1.50", "true"]
    assert read[1][:2] == ['\'=HYPERLINK("http://evil","x")', "-3"]  # a number stays a number
    assert read[2][0].startswith("'＝cmd")


async def test_a_workbook_opens_and_holds_texts_as_texts_and_numbers_as_numbers() -> None:
    content = await made(Form.XLSX, *ROWS)
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["about", "units"]
    about = {row[0]: row[1] for row in book["about"].iter_rows(values_only=True)}
    assert about["rows_sha256"] == orjson.loads(await made(Form.JSON, *ROWS))["rows_sha256"]
    sheet = book["units"]
    assert [c.value for c in sheet[1]] == ["Item 追溯单元", "Quantity 数量", "Top 成品"]
    assert [c.value for c in sheet[2]] == ["urn:zhuisu:unit:own:BIKE:1", 1.5, True]
    assert (sheet["A3"].data_type, sheet["B3"].data_type) == ("s", "n")
    assert sheet["A3"].value == '\'=HYPERLINK("http://evil","x")'
    assert sheet["B5"].value == "12345678901234567890.5"  # more digits than a double keeps
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)


async def test_a_workbook_holds_no_time_of_its_making() -> None:
    with zipfile.ZipFile(io.BytesIO(await made(Form.XLSX, *ROWS))) as archive:
        assert {i.date_time[:3] for i in archive.infolist()} == {(1980, 1, 31)}
        core = archive.read("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[0-9:]+Z", core)) == {"2000-01-01T00:00:00Z"}


async def test_json_has_the_rows_by_name_as_they_are() -> None:
    document = orjson.loads(await made(Form.JSON, *ROWS))
    assert document["query"] == {"basis": "=1+1", "recall": "R-1"}
    assert (document["as_of"], document["rows"], document["notes"]) == ("0-17", 5, {"mode": "mock"})
    (units,) = document["tables"]
    assert units["columns"][0] == {"name": "item", "en": "Item", "zh": "追溯单元"}
    assert units["rows"][1] == {"item": '=HYPERLINK("http://evil","x")', "quantity": "-3", "top": False}


async def test_several_tables_stand_one_after_another() -> None:
    written = await write(HEAD, [table(ROWS[:1]), table([], "spares")], Form.CSV)
    with written.file as file:
        parts = file.read().decode().split("\r\n\r\n")
    assert [p.splitlines()[0] for p in parts[1:]] == ["table:units,Units 单元", "table:spares,Units 单元"]
    written = await write(HEAD, [table(ROWS[:1]), table([], "spares")], Form.JSON)
    with written.file as file:
        assert [(t["name"], len(t["rows"])) for t in orjson.loads(file.read())["tables"]] == [
            ("units", 1),
            ("spares", 0),
        ]


async def test_a_long_table_goes_on_on_another_sheet_and_a_long_cell_says_that_it_is_cut() -> None:
    book = XlsxForm(most_rows=2)
    with io.BytesIO() as body, io.BytesIO() as file:
        book.begin(table([]), body)
        book.rows([("a", 1, None), ("b" * 40_000, 2, None), ("c", 3, None)], as_lines=b"", body=body)
        book.whole([("report", "x")], body, file)
        book.close()
        read = openpyxl.load_workbook(file)
        assert read.sheetnames == ["about", "units", "units 2"]
        assert read["units 2"]["A2"].value == "c"
        cut = read["units"]["A3"].value
    assert isinstance(cut, str)
    assert len(cut) == MOST_CHARS
    assert cut.endswith("(cut here: 40000 characters, all of them are in the CSV)")


HOSTILE = st.text(
    alphabet=st.one_of(st.sampled_from("=+-@＝＋－＠﹣⁻\t\r\n '\"\u200b\u3000\ufeff;,|"), st.characters())
)


@given(HOSTILE)
@example("'=1")
@example("\u200b=1")
@example(" ＝1")
def test_no_text_begins_like_a_formula(text: str) -> None:
    shown = neutral(text)
    visible = [c for c in shown if unicodedata.category(c) not in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    first = unicodedata.normalize("NFKC", visible[0])[:1] if visible else ""
    assert first not in ("=", "+", "-", "@")
    assert not shown.startswith(("\t", "\r", "\n"))
    assert shown in (text, "'" + text)


@given(HOSTILE, HOSTILE)
@example("=1", "'=1")
def test_two_texts_stay_two(one: str, other: str) -> None:
    assert (neutral(one) == neutral(other)) == (one == other)


@given(st.lists(st.tuples(HOSTILE, st.decimals(allow_nan=False, allow_infinity=False, places=3), st.none())))
def test_csv_read_back_is_what_was_written(rows: list[tuple[Cell, ...]]) -> None:
    read = list(csv.reader(io.StringIO(lines(rows).decode(), newline="")))
    wanted = [[neutral(str(r[0])).encode("utf-8", "replace").decode(), format(r[1], "f"), ""] for r in rows]  # type: ignore[str-format]
    assert read == wanted
