"""Values as cells of CSV (RFC 4180), safe in a spreadsheet."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from domain.state import Whereabouts
from services.query import rendering
from services.sheets.cells import neutral

Document = Mapping[str, Any]


def lines(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def cell(name: str, value: Any) -> str:
    """A value of a node, or of how it stands, before it is quoted."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case list():
            return neutral("; ".join(_PARTS.get(name, str)(one) for one in value))
        case _:
            return neutral(str(value))


def written(text: str) -> str:
    """A text as it stands between commas."""
    return lines([[neutral(text), ""]])[:-3]


def link_text(link: Document) -> str:
    """A link in a few words."""
    by = f" by {link['event_id']}" if link["event_id"] is not None else ""
    return f"{link['relation']} {link['from']} > {link['to']}{by}"


def standing_cells(state: Whereabouts) -> str:
    """How something stands, from `status` to `order_uncertain`."""
    return _row(rendering.standing_json(state))


def head_cells(head: Any) -> str:
    """What a node says before its links, from `kind` to `reasons`."""
    return _row({"kind": head.kind, "level": head.level, "certainty": head.certainty, "reasons": list(head.reasons)})


def _row(document: Document) -> str:
    return lines([[cell(name, value) for name, value in document.items()]])[:-2]


def _where(row: Document) -> str:
    quantity = " ".join(str(row[name]) for name in ("quantity", "uom") if row[name] is not None)
    places = [f"{name} {row[name]}" for name in ("site", "holder", "container") if row[name] is not None]
    return ", ".join(str(part) for part in (quantity, row["status"], *places) if part)


_PARTS: dict[str, Any] = {"links": link_text, "where": _where}
