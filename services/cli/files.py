"""Events out of files: NDJSON, JSON, CSV and XLSX, gzipped or not, row by row, each with where it stood."""

import csv
import gzip
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from services.cli.mapping import CellError, MappingError, SheetMapping, to_event

SHEETS = frozenset({".csv", ".tsv", ".xlsx", ".xlsm"})
_NO_WORKBOOK = (InvalidFileException, zipfile.BadZipFile, ParseError, KeyError, OSError, ValueError, EOFError)


class FileError(ValueError):
    """The file as a whole cannot be read. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event of a file, or why it is none. `number` counts from 1: the line or row as an editor shows it.

    `columns` tells which heading a field came from.
    """

    number: int
    event: dict[str, Any] | None = None
    error: str | None = None
    column: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file being read: its rows, and how far it is (`done()` of `total`, in bytes or rows)."""

    rows: Iterator[Row]
    total: int | None
    done: Callable[[], int]


def kind_of_file(path: Path) -> str:
    """`.csv`, `.xlsx`, `.json` …, whether gzipped or not."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_bytes(path: Path) -> bytes:
    """All of a file, unpacked. Raises FileError."""
    try:
        with _binary(path)[0] as file:
            return file.read()
    except (OSError, EOFError) as error:
        raise FileError(f"{path}: {error}") from error


def open_rows(path: Path, mapping: SheetMapping) -> Opened:
    """The events of a file, read as they are asked for. Raises FileError, MappingError."""
    kind = kind_of_file(path)
    if kind in (".xlsx", ".xlsm"):
        return _open_workbook(path, mapping)
    if kind in (".csv", ".tsv"):
        file, raw = _binary(path)
        rows = _csv_rows(file, mapping, delimiter="\t" if kind == ".tsv" else mapping.delimiter)
        return Opened(_closing(rows, file), path.stat().st_size, raw.tell)
    if kind in (".ndjson", ".jsonl"):
        file, raw = _binary(path)
        return Opened(_closing(_lines(file), file), path.stat().st_size, raw.tell)
    if kind == ".json":
        events = _document(path)
        return Opened(iter(events), len(events), lambda: len(events))
    raise FileError(f"{path}: it is read as .ndjson, .jsonl, .json, .csv, .tsv or .xlsx (also .gz): name it so")


def _binary(path: Path) -> tuple[IO[bytes], IO[bytes]]:
    """The file unpacked, and the file itself (whose place tells the progress). Raises FileError."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    return (cast(IO[bytes], gzip.GzipFile(fileobj=raw)), raw) if path.suffix.lower() == ".gz" else (raw, raw)


def _closing(rows: Iterator[Row], file: IO[bytes]) -> Iterator[Row]:
    with file:
        yield from rows


def _lines(file: IO[bytes]) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield _parsed(number, line)


def _parsed(number: int, line: bytes) -> Row:
    try:
        event = json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        return Row(number, error=f"not JSON: {error}")
    return Row(number, event) if isinstance(event, dict) else Row(number, error="not an event: a JSON object is")


def _document(path: Path) -> list[Row]:
    try:
        document = json.loads(read_bytes(path).decode("utf-8-sig"))
    except ValueError as error:
        raise FileError(f"{path}: not JSON: {error}") from error
    events = document if isinstance(document, list) else [document]
    return [
        Row(n, event) if isinstance(event, dict) else Row(n, error="not an event: a JSON object is")
        for n, event in enumerate(events, 1)
    ]


def _csv_rows(file: IO[bytes], mapping: SheetMapping, *, delimiter: str | None) -> Iterator[Row]:
    lines = (_decoded(number, line, mapping.encoding) for number, line in enumerate(file, 1))
    for _ in range(mapping.header_row - 1):
        next(lines, None)
    first = next(lines, "")
    delimiter = delimiter or max((",", ";", "\t"), key=first.count)
    headings = _headings(next(csv.reader([first], delimiter=delimiter), []), mapping)
    reader = csv.reader(lines, delimiter=delimiter)
    for cells in reader:
        number = mapping.header_row + reader.line_num
        if len(cells) > len(headings) and any(cell.strip() for cell in cells[len(headings) :]):
            yield Row(number, error=f"has {len(cells)} cells, the heading has {len(headings)}: quote what has commas")
            continue
        row = {heading: cell.strip() for heading, cell in zip(headings, cells, strict=False) if cell.strip()}
        if row:
            yield _made(number, row, mapping)


def _decoded(number: int, line: bytes, encoding: str) -> str:
    try:
        return line.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        hint = 'save it as UTF-8, or name its encoding in the mapping: [options] encoding = "gb18030"'
        raise FileError(f"line {number}: {error}: {hint}") from error


def _headings(cells: list[Any], mapping: SheetMapping) -> list[str]:
    """The headings, as columns are called. Raises MappingError where the mapping names others, or two are alike."""
    found = [str(cell).strip() if cell is not None else "" for cell in cells]
    missing = [heading for heading in mapping.columns if heading not in found]
    if missing:
        known = ", ".join(filter(None, found)) or "nothing"
        raise MappingError(f"row {mapping.header_row} has no column {missing[0]!r}: it has {known}")
    doubled = [heading for heading in found if heading and found.count(heading) > 1]
    if doubled:
        raise MappingError(f"two columns are called {doubled[0]!r}: rename one")
    return found


def _made(number: int, row: Mapping[str, Any], mapping: SheetMapping) -> Row:
    try:
        event, columns = to_event({h: _plain(h, cell, mapping) for h, cell in row.items() if h}, mapping)
    except CellError as error:
        return Row(number, error=str(error), column=error.column)
    return Row(number, event, columns=columns)


def _plain(heading: str, cell: Any, mapping: SheetMapping) -> Any:
    """A cell as JSON: dates and times by ISO 8601 with the mapping's zone, numbers as decimal text."""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds") + (mapping.zone or "")
    if isinstance(cell, date):
        return cell.isoformat() + (mapping.zone or "")
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int | float):
        number = Decimal(repr(cell))
        return format(number.quantize(Decimal(1)) if number == number.to_integral_value() else number, "f")
    if isinstance(cell, str):
        return cell.strip()
    raise CellError(heading, f"holds a {type(cell).__name__}, which is no text, number or time")


def _open_workbook(path: Path, mapping: SheetMapping) -> Opened:
    file, _ = _binary(path)
    try:
        # Twice: what formulas say, and what they came to when the workbook was last saved.
        values = openpyxl.load_workbook(file, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(file, read_only=True, data_only=False)
    except _NO_WORKBOOK as error:
        raise FileError(f"{path}: no XLSX workbook ({error}): save it as .xlsx or .csv") from error
    name = mapping.sheet or values.sheetnames[0]
    if name not in values.sheetnames:
        raise MappingError(f"options.sheet: {path} has no sheet {name!r}, it has {', '.join(values.sheetnames)}")
    seen = [0]
    rows = _sheet_rows(values[name], formulas[name], mapping=mapping, seen=seen)
    return Opened(_closing(rows, file), values[name].max_row, lambda: seen[0])


def _sheet_rows(values: Any, formulas: Any, *, mapping: SheetMapping, seen: list[int]) -> Iterator[Row]:
    both = zip(
        values.iter_rows(min_row=mapping.header_row), formulas.iter_rows(min_row=mapping.header_row), strict=True
    )
    headings: list[str] = []
    for number, (cells, written) in enumerate(both, mapping.header_row):
        seen[0] = number
        if number == mapping.header_row:
            headings = _headings([cell.value for cell in cells], mapping)
            continue
        row: dict[str, Any] = {}
        try:
            for heading, cell, source in zip(headings, cells, written, strict=False):
                value = _cell(heading, cell, source)
                if heading and value not in (None, ""):
                    row[heading] = value
        except CellError as error:
            yield Row(number, error=str(error), column=error.column)
            continue
        if row:
            yield _made(number, row, mapping)


def _cell(heading: str, cell: Any, source: Any) -> Any:
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
