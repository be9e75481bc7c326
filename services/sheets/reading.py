"""Sheets of others: cells of CSV and XLSX, told by heading; and what hostile files are refused for."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

NO_WORKBOOK = (InvalidFileException, zipfile.BadZipFile, ParseError, KeyError, OSError, ValueError, EOFError)


class SheetError(ValueError):
    """The sheet as a whole cannot be taken. The message says why and what to do."""


class CellError(ValueError):
    """A cell that cannot be taken. `column` is its heading."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a sheet from outside may cost. What a workbook unpacks to is told before it is unpacked."""

    rows: int = 20_000
    columns: int = 100
    cell_chars: int = 2_000
    unpacked_bytes: int = 100 << 20
    parts: int = 500


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row by heading, empty cells left out, or why it cannot be taken. `number` counts from 1, as an editor does."""

    number: int
    cells: Mapping[str, Any] = field(default_factory=dict)
    error: CellError | None = None


def headings(cells: Iterable[Any]) -> list[str]:
    """The headings of a first row. Raises SheetError where two are alike."""
    found = [str(cell).strip() if cell is not None else "" for cell in cells]
    doubled = [heading for heading in found if heading and found.count(heading) > 1]
    if doubled:
        raise SheetError(f"two columns are called {doubled[0]!r}: rename one")
    return found


def delimiter_of(line: str) -> str:
    """What divides the cells of a heading line."""
    return max((",", ";", "\t"), key=line.count)


def cell_of(heading: str, cell: Any, source: Any) -> Any:
    """What a cell shows. Raises CellError for #N/A and its like, and for a formula that was never calculated."""
    if cell.data_type == "e":
        raise CellError(heading, f"the cell shows {cell.value}: put the formula right")
    if cell.value is None and source.data_type == "f":
        raise CellError(heading, "a formula that was never calculated: open the file in Excel, save it, send it again")
    shown_as = str(getattr(cell, "number_format", "") or "")
    if isinstance(cell.value, datetime) and cell.value.time() == time() and "h" not in shown_as.lower():
        return cell.value.date()  # Excel keeps a date as its midnight
    if isinstance(cell.value, int) and set(shown_as) == {"0"}:
        return str(cell.value).zfill(len(shown_as))  # leading zeros that are shown belong to a number of a thing
    return cell.value


def plain(heading: str, cell: Any, *, zone: str = "") -> Any:
    """A cell as JSON: dates and times by ISO 8601 with a zone, numbers as decimal text."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds") + zone
    if isinstance(cell, date):
        return cell.isoformat() + zone
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int | float):
        number = Decimal(repr(cell))
        return format(number.quantize(Decimal(1)) if number == number.to_integral_value() else number, "f")
    if isinstance(cell, str):
        return cell.strip()
    raise CellError(heading, f"holds a {type(cell).__name__}, which is no text, number or time")


def rows_of_csv(content: bytes, bounds: Bounds, *, charset: str | None = None) -> Iterator[SheetRow]:
    """The rows of a CSV file below its headings. `charset`: what its media type says, else UTF-8. Raises SheetError."""
    encoding = "utf-8-sig" if charset is None or charset.lower() in ("utf-8", "utf8") else charset
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        hint = "save the file as CSV UTF-8, or send it with its charset, e.g. text/csv; charset=gb18030"
        raise SheetError(f"byte {error.start} is not {charset or 'UTF-8'}: {hint}") from error
    except LookupError as error:
        raise SheetError(f"charset {encoding[:40]} is not known: save the file as CSV UTF-8") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(first))
    names = headings(next(reader, []))
    _check_width(names, bounds)
    count = 0
    try:
        for cells in reader:
            if len(cells) > len(names) and any(c.strip() for c in cells[len(names) :]):
                detail = f"has {len(cells)} cells, the heading has {len(names)}: quote what has commas"
                yield SheetRow(reader.line_num, error=CellError("", detail))
                continue
            row = {n: c.strip() for n, c in zip(names, cells, strict=False) if n and c.strip()}
            if row:
                count += 1
                yield _bounded(SheetRow(reader.line_num, row), count, bounds)
    except csv.Error as error:
        raise SheetError(f"line {reader.line_num}: {error}") from error


def rows_of_workbook(content: bytes, bounds: Bounds) -> Iterator[SheetRow]:
    """The rows of a workbook's first sheet, as last calculated. Raises SheetError."""
    file = io.BytesIO(content)
    _check_archive(file, bounds)
    try:
        # Twice: what formulas say, and what they came to when the workbook was last saved.
        values, written = (openpyxl.load_workbook(file, read_only=True, data_only=d) for d in (True, False))
        name = values.sheetnames[0]
        for sheet in (values[name], written[name]):
            sheet.reset_dimensions()  # a sheet may claim to be of any size
        yield from _rows_of_sheet(values[name], written[name], bounds)
    except NO_WORKBOOK as error:
        if isinstance(error, SheetError):
            raise
        raise SheetError(f"no XLSX workbook ({error}): save it as .xlsx or .csv") from error


def _rows_of_sheet(values: Any, written: Any, bounds: Bounds) -> Iterator[SheetRow]:
    names: list[str] | None = None
    count = 0
    for number, (cells, sources) in enumerate(zip(values.iter_rows(), written.iter_rows(), strict=True), 1):
        if names is None:
            names = headings(cell.value for cell in cells)
            _check_width(names, bounds)
            continue
        row: dict[str, Any] = {}
        try:
            for name, cell, source in zip(names, cells, sources, strict=False):
                value = cell_of(name, cell, source)
                if name and value not in (None, ""):
                    row[name] = plain(name, value)
        except CellError as error:
            count += 1
            yield _bounded(SheetRow(number, error=error), count, bounds)
            continue
        if row:
            count += 1
            yield _bounded(SheetRow(number, row), count, bounds)


def _check_archive(file: IO[bytes], bounds: Bounds) -> None:
    """Raises SheetError for what is no archive, or would unpack to too much. Reading stops at what a part claims."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except NO_WORKBOOK as error:
        raise SheetError(f"no XLSX workbook ({error}): save it as .xlsx or .csv") from error
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > bounds.parts or unpacked > bounds.unpacked_bytes:
        limit = f"{bounds.unpacked_bytes >> 20} MiB in {bounds.parts} parts"
        detail = f"the workbook unpacks to {unpacked >> 20} MiB in {len(parts)} parts, at most {limit} are taken"
        raise SheetError(f"{detail}: send the sheet alone, or as CSV")


def _check_width(names: list[str], bounds: Bounds) -> None:
    if not any(names):
        raise SheetError("the first row has no headings: name the columns there")
    if len(names) > bounds.columns:
        raise SheetError(f"{len(names)} columns, at most {bounds.columns} are taken: leave out what is not needed")


def _bounded(row: SheetRow, count: int, bounds: Bounds) -> SheetRow:
    if count > bounds.rows:
        raise SheetError(f"over {bounds.rows} rows: send several sheets")
    for name, value in row.cells.items():
        if isinstance(value, str) and len(value) > bounds.cell_chars:
            detail = f"has {len(value)} characters, at most {bounds.cell_chars} are taken"
            return SheetRow(row.number, error=CellError(name, detail))
    return row
