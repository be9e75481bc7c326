"""One answer as JSON, NDJSON or CSV: how it begins, goes on and ends. Each is made piece by piece."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from fastapi import Request

from services.problems import Problem
from services.query import node_cells as cells
from services.query.node_columns import NodeColumns, csv_lines, json_lines

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
_NAMED = {"json": JSON, "ndjson": NDJSON, "csv": CSV}
_ACCEPTED = {
    JSON: JSON,
    "application/*": JSON,
    "*/*": JSON,
    NDJSON: NDJSON,
    "application/ndjson": NDJSON,
    CSV: CSV,
    "text/*": CSV,
}

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of an answer are called: their list in JSON, the `type` of each in NDJSON, their columns in CSV."""

    listed: str
    each: str
    columns: tuple[str, ...]


class Format(Protocol):
    """`head` holds what is known before the nodes, `tail` what is known after them."""

    media_type: str
    shows_nodes: bool
    tells: bool
    """whether it tells what is known at the end"""

    def begin(self, head: Document) -> bytes: ...

    def rows(self, nodes: Sequence[Document]) -> bytes: ...

    def columns(self, nodes: NodeColumns) -> bytes:
        """The same for nodes that come by columns."""
        ...

    def end(self, tail: Document) -> bytes: ...


class AsJson:
    """One document in the shape of DESIGN §7; the rows come before what is only known at the end."""

    media_type, shows_nodes, tells = JSON, True, True

    def __init__(self, shape: Shape) -> None:
        self._shape, self._any = shape, False

    def begin(self, head: Document) -> bytes:
        return orjson.dumps(head)[:-1] + f',"{self._shape.listed}":['.encode()

    def rows(self, nodes: Sequence[Document]) -> bytes:
        if not nodes:
            return b""
        comma, self._any = b"," if self._any else b"", True
        return comma + orjson.dumps(nodes)[1:-1]

    def columns(self, nodes: NodeColumns) -> bytes:
        if not len(nodes):
            return b""
        rows = json_lines(nodes, before=b",{", after=b"}")
        begun, self._any = self._any, True
        return rows if begun else rows[1:]

    def end(self, tail: Document) -> bytes:
        return b"]," + orjson.dumps(tail)[1:]


class AsSummary:
    """The document without its nodes."""

    media_type, shows_nodes, tells = JSON, False, True

    def begin(self, head: Document) -> bytes:
        return orjson.dumps(head)[:-1]

    def rows(self, nodes: Sequence[Document]) -> bytes:
        return b""

    def columns(self, nodes: NodeColumns) -> bytes:
        return b""

    def end(self, tail: Document) -> bytes:
        return b"," + orjson.dumps(tail)[1:]


class AsNdjson:
    """A header record, a record a row, a trailer with the count and SHA-256 of the rows' lines (SEMANTICS §6)."""

    media_type, shows_nodes, tells = NDJSON, True, True

    def __init__(self, shape: Shape) -> None:
        self._shape, self._rows, self._hash = shape, 0, hashlib.sha256()

    def begin(self, head: Document) -> bytes:
        return orjson.dumps({"type": "header", **head}, option=orjson.OPT_APPEND_NEWLINE)

    def rows(self, nodes: Sequence[Document]) -> bytes:
        lines = b"".join(orjson.dumps({"type": self._shape.each, **n}, option=orjson.OPT_APPEND_NEWLINE) for n in nodes)
        return self._counted(lines, len(nodes))

    def columns(self, nodes: NodeColumns) -> bytes:
        return self._counted(json_lines(nodes, before=b'{"type":"node",', after=b"}\n"), len(nodes))

    def _counted(self, lines: bytes, count: int) -> bytes:
        self._rows += count
        self._hash.update(lines)
        return lines

    def end(self, tail: Document) -> bytes:
        trailer = {"type": "trailer", "rows": self._rows, "hash": f"sha256:{self._hash.hexdigest()}", **tail}
        return orjson.dumps(trailer, option=orjson.OPT_APPEND_NEWLINE)


COLUMNS = (
    *("item", "kind", "level", "certainty", "reasons", "from", "from_count", "links", "link_count", "occurred_at"),
    *("status", "disposition", "site", "container", "containers", "holder", "owner", "where", "on_hold", "recalls"),
    "order_uncertain",
)
NODES = Shape("nodes", "node", COLUMNS)


class AsCsv:
    """RFC 4180. `for_spreadsheet`: begins with a byte order mark, which Excel needs to see UTF-8."""

    media_type, shows_nodes, tells = CSV, True, False

    def __init__(self, shape: Shape, *, for_spreadsheet: bool) -> None:
        self._columns = shape.columns
        self._mark = b"\xef\xbb\xbf" if for_spreadsheet else b""

    def begin(self, head: Document) -> bytes:
        return self._mark + cells.lines([self._columns]).encode()

    def rows(self, nodes: Sequence[Document]) -> bytes:
        return cells.lines([[cells.cell(name, node[name]) for name in self._columns] for node in nodes]).encode()

    def columns(self, nodes: NodeColumns) -> bytes:
        return csv_lines(nodes)

    def end(self, tail: Document) -> bytes:
        return b""


def format_of(request: Request, shape: Shape = NODES) -> Format:
    """What `format` or `Accept` asks for; JSON where neither says. Problem 406 for what there is not."""
    named = request.query_params.get("format")
    if named is not None and named not in _NAMED:
        raise Problem(422, "invalid-parameter", f"format: {named[:40]} is none of {', '.join(_NAMED)}")
    wanted = _NAMED[named] if named is not None else _accepted(request.headers.get("accept", "*/*"))
    match wanted:
        case "application/json":
            return AsJson(shape)
        case "application/x-ndjson":
            return AsNdjson(shape)
        case _:
            return AsCsv(shape, for_spreadsheet=named is not None)


def _accepted(accept: str) -> str:
    ranked: list[tuple[float, str]] = []
    for part in accept.split(","):
        kind, *parameters = (p.strip() for p in part.split(";"))
        said = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            ranked.append((float(said), kind.lower()))
        except ValueError:
            continue
    for quality, kind in sorted(ranked, key=lambda r: -r[0]):
        if quality > 0 and kind in _ACCEPTED:
            return _ACCEPTED[kind]
    detail = f"Accept: {accept[:100]}: answers come as {JSON}, {NDJSON} or {CSV}"
    raise Problem(406, "not-acceptable", detail)
