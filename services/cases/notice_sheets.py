"""A supplier's sheet read: CSV, XLSX or JSON into lines, every wrong column and cell named."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from services.problems import Problem
from services.query.notice_lines import FIELDS, line_of
from services.sheets.reading import Bounds, CellError, SheetError, SheetRow, rows_of_csv, rows_of_workbook

ERRORS_SHOWN = 1_000
BOUNDS = Bounds(rows=20_000, columns=100, cell_chars=500)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WORDS: dict[str, tuple[str, ...]] = {
    "product": ("product", "part", "part number", "material", "产品", "产品编码", "物料", "物料号", "料号"),
    "lot": ("lot", "lot number", "batch", "batch number", "批号", "批次", "批次号"),
    "date_code": ("date code", "datecode", "日期代码", "周期码"),
    "serial": ("serial", "serial number", "first serial", "序列号", "起始序列号"),
    "last_serial": ("last serial", "截止序列号"),
    "quantity": ("quantity", "qty", "数量"),
    "uom": ("uom", "unit", "单位"),
    "remark": ("remark", "note", "备注"),
}
_FIELD_OF = {word: name for name, words in _WORDS.items() for word in words}


def rows_of(content: bytes, media_type: str, charset: str | None = None) -> list[dict[str, Any]]:
    """The rows of a sheet as they are kept: `row` and its fields as text. Raises Problem 422 that names what is wrong.

    The media type says what the body is; where it does not, a workbook is known by how it begins.
    """
    try:
        if media_type == XLSX or content.startswith(b"PK"):
            read = list(rows_of_workbook(content, BOUNDS))
        else:
            read = list(rows_of_csv(content, BOUNDS, charset=charset))
    except SheetError as error:
        raise Problem(422, "invalid-sheet", str(error)) from error
    return checked(_named(read))


def rows_of_json(lines: Any) -> list[dict[str, Any]]:
    """The same out of JSON: a list of objects with the fields by their names."""
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise Problem(422, "invalid-command", 'lines: send [{"product": "CELL", "lot": "240512"}, …]')
    if len(lines) > BOUNDS.rows:
        raise Problem(422, "invalid-command", f"lines: {len(lines)} of them, at most {BOUNDS.rows}: send several")
    rows = [SheetRow(n, {name: _text(v) for name, v in line.items()}) for n, line in enumerate(lines, 1)]
    return checked(_named(rows))


def checked(rows: Iterable[tuple[int, dict[str, Any] | CellError]]) -> list[dict[str, Any]]:
    """The rows, if every one makes a line. Raises Problem 422 with all that is wrong, by row and column."""
    good: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for number, row in rows:
        try:
            if isinstance(row, CellError):
                raise row
            line_of(row, supplier=None)
            good.append(row)
        except CellError as error:
            errors.append({"row": number, "column": error.column, "detail": str(error)})
    if errors:
        first = "row {row}, {column}: {detail}".format(**errors[0])
        detail = f"{first}; {len(errors)} rows are wrong, and none is taken"
        raise Problem(422, "invalid-sheet", detail, errors=errors[:ERRORS_SHOWN])
    if not good:
        raise Problem(422, "invalid-sheet", f"there is no line: a row names {', '.join(FIELDS)}")
    return good


def _named(rows: Sequence[SheetRow]) -> Iterator[tuple[int, dict[str, Any] | CellError]]:
    """Each row by field. Raises Problem 422 for a heading that is none; one that begins with # is a remark."""
    unknown = dict.fromkeys(h for row in rows for h in row.cells if _field(h) is None and not h.startswith("#"))
    if unknown:
        known = "; ".join(f"{name} ({', '.join(words)})" for name, words in _WORDS.items())
        detail = f"column {next(iter(unknown))!r} is not known; begin it with # to leave it out. Known are {known}"
        raise Problem(422, "invalid-sheet", detail, columns=list(unknown))
    for row in rows:
        fields = {f: _text(v) for h, v in row.cells.items() if (f := _field(h)) is not None}
        yield row.number, row.error or {"row": row.number} | fields


def _field(heading: str) -> str | None:
    return _FIELD_OF.get(" ".join(heading.replace("_", " ").casefold().split()))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else orjson.dumps(value).decode()
