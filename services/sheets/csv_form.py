"""A report as CSV: a block that says what it is, an empty line, headings, rows (RFC 4180, UTF-8 with its mark)."""

import csv
import io
from collections.abc import Sequence
from typing import IO

from services.sheets.cells import written
from services.sheets.report import Row, Table

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Excel needs it to see UTF-8."""


def lines(rows: Sequence[Row]) -> bytes:
    """The rows as CSV lines. They are what `rows_sha256` is taken of, in every form."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([written(c) for c in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


class CsvForm:
    """Writes the tables while their rows come; what stands before them is known last."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._several = len(tables) > 1

    def begin(self, table: Table, body: IO[bytes]) -> None:
        body.write(b"\r\n")
        if self._several:
            body.write(lines([(f"table:{table.name}", table.title)]))
        body.write(lines([[c.heading for c in table.columns]]))

    def rows(self, rows: Sequence[Row], *, as_lines: bytes, body: IO[bytes]) -> None:
        body.write(as_lines)

    def end(self, body: IO[bytes]) -> None:
        """Nothing more."""

    def whole(self, about: Sequence[tuple[str, str]], body: IO[bytes], file: IO[bytes]) -> None:
        file.write(BYTE_ORDER_MARK + lines(about))
        copy(body, file)


def copy(source: IO[bytes], target: IO[bytes]) -> None:
    """All of one file into another."""
    source.seek(0)
    while piece := source.read(1 << 20):
        target.write(piece)
