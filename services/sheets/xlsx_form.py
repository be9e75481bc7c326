"""A report as an XLSX workbook: a sheet `about`, then a sheet a table; the same bytes from the same rows.

XlsxWriter gives every part of the archive one date; the date in its properties is set here. Rows are written as they
come (`constant_memory`): one row is kept at a time, so sheets are filled in order, `about` last.
"""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter

from services.sheets.cells import Cell, neutral
from services.sheets.plain_rows import Sheet, exact, line_of
from services.sheets.report import Row, Table

MOST_ROWS = 1_048_575
"""Rows a sheet can have below its headings; further ones go to a sheet of their own."""
MOST_CHARS = 32_767
"""Characters a cell can have. A longer text is cut, and says so."""
_NO_DATE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class XlsxForm:
    """Writes the workbook while rows come. `most_rows` is for tests."""

    def __init__(self, *, most_rows: int = MOST_ROWS) -> None:
        self._file = tempfile.NamedTemporaryFile(suffix=".xlsx")  # noqa: SIM115
        self._book = xlsxwriter.Workbook(self._file.name, _OPTIONS)
        self._book.set_properties({"created": _NO_DATE})
        self._bold = self._book.add_format({"bold": True})
        self._about = self._book.add_worksheet("about")
        self._most_rows = most_rows
        self._table: Table | None = None
        self._sheet: Any = None
        self._part = self._at = 0

    def begin(self, table: Table, body: IO[bytes]) -> None:
        self._table, self._part = table, 0
        self._next_sheet()

    def _next_sheet(self) -> None:
        assert self._table is not None
        self._part += 1
        name = self._table.name if self._part == 1 else f"{self._table.name} {self._part}"
        self._sheet, self._at = self._book.add_worksheet(name, worksheet_class=Sheet), 0
        self._sheet.freeze_panes(1, 0)
        for column, told in enumerate(self._table.columns):
            self._sheet.write_string(0, column, told.heading, self._bold)

    def rows(self, rows: Sequence[Row], *, as_lines: bytes, body: IO[bytes]) -> None:
        plain: list[str] = []
        for row in rows:
            if self._at == self._most_rows:
                self._flush(plain)
                self._next_sheet()
            self._at += 1
            line = line_of(row, self._at + 1)
            if line is not None:
                plain.append(line)
                continue
            self._at -= 1
            self._flush(plain)
            self._at += 1
            for column, cell in enumerate(row):
                _put(self._sheet, self._at, column=column, cell=cell)
        self._flush(plain)

    def _flush(self, plain: list[str]) -> None:
        """Write the rows that end at the newest."""
        if plain:
            self._sheet.put(self._at - len(plain) + 1, plain)
            plain.clear()

    def end(self, body: IO[bytes]) -> None:
        """The sheets are closed with the workbook."""

    def whole(self, about: Sequence[tuple[str, str]], body: IO[bytes], file: IO[bytes]) -> None:
        self._about.set_column(0, 1, 40)
        for line, (name, value) in enumerate(about):
            self._about.write_string(line, 0, name, self._bold)
            _put(self._about, line, column=1, cell=value)
        self._book.close()
        with open(self._file.name, "rb") as made:
            while piece := made.read(1 << 20):
                file.write(piece)

    def close(self) -> None:
        """Take its temporary file away."""
        self._file.close()


def _put(sheet: Any, line: int, *, column: int, cell: Cell) -> None:
    match cell:
        case None | "":
            return
        case bool():
            sheet.write_boolean(line, column, cell)
        case int() | Decimal():
            if exact(cell):
                sheet.write_number(line, column, float(cell))
            else:
                sheet.write_string(line, column, format(cell, "f") if isinstance(cell, Decimal) else str(cell))
        case str():
            sheet.write_string(line, column, _short(neutral(cell).encode("utf-8", "replace").decode()))


def _short(text: str) -> str:
    if len(text) <= MOST_CHARS:
        return text
    told = f" … (cut here: {len(text)} characters, all of them are in the CSV)"
    return text[: MOST_CHARS - len(told)] + told
