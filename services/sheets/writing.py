"""A report written: made whole in a temporary file before the first byte is sent, so that none is ever sent in half."""

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Protocol

from services.sheets.csv_form import CsvForm, lines
from services.sheets.json_form import JsonForm
from services.sheets.report import Head, Row, Table
from services.sheets.xlsx_form import XlsxForm

SPOOL_BYTES = 1 << 20
"""Reports up to this stay in memory while they are made."""


class Form(StrEnum):
    """What a report can be written as."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Form.CSV: "text/csv",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.JSON: "application/json",
}


class _Writer(Protocol):
    def begin(self, table: Table, body: IO[bytes]) -> None: ...

    def rows(self, rows: Sequence[Row], *, as_lines: bytes, body: IO[bytes]) -> None: ...

    def end(self, body: IO[bytes]) -> None: ...

    def whole(self, about: Sequence[tuple[str, str]], body: IO[bytes], file: IO[bytes]) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """A finished report. `file` stands at its beginning, and is the caller's to close."""

    file: IO[bytes]
    size_bytes: int
    sha256: str
    rows: int
    rows_sha256: str


async def write(head: Head, tables: Sequence[Table], form: Form) -> Written:
    """The report as a file. The same head and rows give the same bytes."""
    with _writer(form, tables) as writer, _spool() as body:
        count, hashed = 0, hashlib.sha256()
        for table in tables:
            writer.begin(table, body)
            async for rows in table.rows:
                count += len(rows)
                await asyncio.to_thread(_take, writer, rows, hashed=hashed, body=body)
        writer.end(body)
        about = _about(head, rows=count, rows_sha256=hashed.hexdigest())
        file = _spool()
        try:
            await asyncio.to_thread(writer.whole, about, body, file)
            return await asyncio.to_thread(_finished, file, rows=count, rows_sha256=hashed.hexdigest())
        except BaseException:
            file.close()
            raise


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(SPOOL_BYTES)


@contextmanager
def _writer(form: Form, tables: Sequence[Table]) -> Iterator[_Writer]:
    match form:
        case Form.CSV:
            yield CsvForm(tables)
        case Form.JSON:
            yield JsonForm()
        case Form.XLSX:
            book = XlsxForm()
            try:
                yield book
            finally:
                book.close()


def _take(writer: _Writer, rows: Sequence[Row], *, hashed: "hashlib._Hash", body: IO[bytes]) -> None:
    as_lines = lines(rows)
    hashed.update(as_lines)
    writer.rows(rows, as_lines=as_lines, body=body)


def _about(head: Head, *, rows: int, rows_sha256: str) -> list[tuple[str, str]]:
    return [
        ("report", head.report),
        ("title", f"{head.en} {head.zh}"),
        *((f"notes.{name}", value) for name, value in sorted(head.notes.items())),
        *((f"query.{name}", value) for name, value in sorted(head.query.items())),
        ("as_of", head.position),
        ("recorded_at", head.recorded_at or ""),
        ("rows", str(rows)),
        ("rows_sha256", rows_sha256),
    ]


def _finished(file: IO[bytes], *, rows: int, rows_sha256: str) -> Written:
    size = file.tell()
    file.seek(0)
    hashed = hashlib.sha256()
    while piece := file.read(1 << 20):
        hashed.update(piece)
    file.seek(0)
    return Written(file, size, hashed.hexdigest(), rows, rows_sha256)
