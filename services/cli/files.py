"""Events out of files: NDJSON, JSON, CSV and XLSX, gzipped or not, row by row, each with where it stood."""

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import openpyxl

from services.cli.mapping import MappingError, SheetMapping, to_event
from services.sheets.reading import NO_WORKBOOK, CellError, SheetError, cell_of, delimiter_of, headings, plain

SHEETS = frozenset({".csv", ".tsv", ".xlsx", ".xlsm"})


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
    delimiter = delimiter or delimiter_of(first)
    names = _headings(next(csv.reader([first], delimiter=delimiter), []), mapping)
    reader = csv.reader(lines, delimiter=delimiter)
    for cells in reader:
        number = mapping.header_row + reader.line_num
        if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            yield Row(number, error=f"has {len(cells)} cells, the heading has {len(names)}: quote what has commas")
            continue
        row = {heading: cell.strip() for heading, cell in zip(names, cells, strict=False) if cell.strip()}
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
    try:
        found = headings(cells)
    except SheetError as error:
        raise MappingError(str(error)) from error
    missing = [heading for heading in mapping.columns if heading not in found]
    if missing:
        known = ", ".join(filter(None, found)) or "nothing"
        raise MappingError(f"row {mapping.header_row} has no column {missing[0]!r}: it has {known}")
    return found


def _made(number: int, row: Mapping[str, Any], mapping: SheetMapping) -> Row:
    try:
        event, columns = to_event({h: plain(h, cell, zone=mapping.zone or "") for h, cell in row.items() if h}, mapping)
    except CellError as error:
        return Row(number, error=str(error), column=error.column)
    return Row(number, event, columns=columns)


def _open_workbook(path: Path, mapping: SheetMapping) -> Opened:
    file, _ = _binary(path)
    try:
        # Twice: what formulas say, and what they came to when the workbook was last saved.
        values = openpyxl.load_workbook(file, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(file, read_only=True, data_only=False)
    except NO_WORKBOOK as error:
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
    names: list[str] = []
    for number, (cells, written) in enumerate(both, mapping.header_row):
        seen[0] = number
        if number == mapping.header_row:
            names = _headings([cell.value for cell in cells], mapping)
            continue
        row: dict[str, Any] = {}
        try:
            for heading, cell, source in zip(names, cells, written, strict=False):
                value = cell_of(heading, cell, source)
                if heading and value not in (None, ""):
                    row[heading] = value
        except CellError as error:
            yield Row(number, error=str(error), column=error.column)
            continue
        if row:
            yield _made(number, row, mapping)
