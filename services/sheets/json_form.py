"""A report as JSON: the same rows as objects, quantities as decimal text."""

from collections.abc import Sequence
from decimal import Decimal
from typing import IO, Any

import orjson

from services.sheets.cells import Cell
from services.sheets.csv_form import copy
from services.sheets.report import Row, Table


class JsonForm:
    """Writes `tables` while their rows come."""

    def __init__(self) -> None:
        self._table: Table | None = None
        self._any = False

    def begin(self, table: Table, body: IO[bytes]) -> None:
        if self._table is not None:
            body.write(b"]},")
        self._table, self._any = table, False
        columns = [{"name": c.name, "en": c.en, "zh": c.zh} for c in table.columns]
        head = {"name": table.name, "title": {"en": table.en, "zh": table.zh}, "columns": columns}
        body.write(orjson.dumps(head)[:-1] + b',"rows":[')

    def rows(self, rows: Sequence[Row], *, as_lines: bytes, body: IO[bytes]) -> None:
        assert self._table is not None
        names = [c.name for c in self._table.columns]
        if rows:
            told = [{n: _plain(c) for n, c in zip(names, row, strict=True)} for row in rows]
            body.write((b"," if self._any else b"") + orjson.dumps(told)[1:-1])
            self._any = True

    def end(self, body: IO[bytes]) -> None:
        body.write(b"]}" if self._table is not None else b"")

    def whole(self, about: Sequence[tuple[str, str]], body: IO[bytes], file: IO[bytes]) -> None:
        file.write(orjson.dumps(_nested(about))[:-1] + b',"tables":[')
        copy(body, file)
        file.write(b"]}")


def _plain(cell: Cell) -> Any:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell


def _nested(about: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`query.item` is a member of `query`."""
    document: dict[str, Any] = {"query": {}, "notes": {}}
    for name, value in about:
        group, dot, rest = name.partition(".")
        if dot:
            document.setdefault(group, {})[rest] = value
        else:
            document[name] = int(value) if name == "rows" else value
    return document
