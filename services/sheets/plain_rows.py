"""Rows of a sheet written at once: what XlsxWriter makes of them cell by cell, for texts and numbers without trouble.

XlsxWriter takes some 25 µs a cell, most of it for what hardly any cell needs. Rows with a cell that needs more than to
be put between tags are left to it, so that there is no second way of escaping. The bytes are the same: tests compare.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from services.sheets.cells import Cell, neutral

EXACT_DIGITS = 15
"""A workbook keeps numbers as doubles: what has more digits is written as text."""
_CHARS_MAX = 8_000
_NEEDS_MORE = re.compile("[&<>\x00-\x1f\ud800-\udfff\ufffe\uffff]|_x|^\\s|\\s$")
"""What is escaped, or kept only by an attribute of its own."""


class Sheet(Worksheet):  # type: ignore[misc]
    """A sheet of a workbook in constant memory that also takes rows as they stand in its file."""

    def put(self, at: int, lines: Sequence[str]) -> None:
        """Put these rows, the first into row `at` (from 0); an empty text is a row without cells."""
        self._write_single_row(at)  # what was put cell by cell before
        self.fh.write("".join(lines))
        told = [n for n, line in enumerate(lines, at) if line]
        if told:
            self.dim_rowmax: int | None = max(self.dim_rowmax or 0, told[-1])
        self.previous_row = at + len(lines) - 1


def line_of(row: Sequence[Cell], number: int) -> str | None:
    """A row as the file of a sheet has it, `number` counts from 1; None where XlsxWriter must write it."""
    found = [f'<row r="{number}">']
    for column, cell in enumerate(row):
        if cell is None or cell == "":
            continue
        text = _inside(cell)
        if text is None:
            return None
        found.append(f'<c r="{_name(column)}{number}"{text}</c>')
    return "".join(found) + "</row>" if len(found) > 1 else ""


def _inside(cell: Any) -> str | None:
    if isinstance(cell, str):
        text = neutral(cell)
        if len(text) > _CHARS_MAX or _NEEDS_MORE.search(text):
            return None
        return f' t="inlineStr"><is><t>{text}</t></is>'
    if isinstance(cell, bool):
        return None
    if exact(cell):
        return f"><v>{float(cell):.16G}</v>"
    return None


def exact(cell: int | Decimal) -> bool:
    """Whether a double holds the number as it is written."""
    text = format(cell, "f") if isinstance(cell, Decimal) else str(cell)
    return len(text.strip("-").replace(".", "")) <= EXACT_DIGITS


_NAMES = [xl_col_to_name(n) for n in range(100)]


def _name(column: int) -> str:
    return _NAMES[column] if column < len(_NAMES) else str(xl_col_to_name(column))
