"""From a row of a sheet to an event: a mapping file says which column is which field; a plain sheet needs none."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.events import KINDS
from services.sheets.reading import CellError

_STEP = re.compile(r"([a-z_]+)((?:\[\d{1,3}\])*)")
_ITEM_PARTS = ("product", "gtin", "serial", "lot", "issuer")
_SHORTHANDS = {"time": "occurred_at", "date": "occurred_at", "id": "event_id"}
_TABLES = {"event", "columns", "values", "options"}
_OPTIONS = {"sheet", "header_row", "zone", "delimiter", "encoding"}


class MappingError(ValueError):
    """The mapping file or the sheet's headings cannot be used. The message names the place and the fix."""


@dataclass(frozen=True, slots=True)
class SheetMapping:
    """Which column is which field. `columns` maps headings to field paths such as `items[0].item.lot`; `constants` are
    fields that every row has; `values` are words of a column that stand for others. The rest says how to read the file:
    `zone` is given to times that have none, e.g. "+08:00".
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sheet: str | None = None
    header_row: int = 1
    zone: str | None = None
    delimiter: str | None = None
    encoding: str = "utf-8-sig"


def read_mapping(path: Path) -> SheetMapping:
    """The mapping in a TOML file. Raises MappingError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"{path}: {error}") from error
    unknown = sorted(set(document) - _TABLES) + sorted(set(document.get("options", {})) - _OPTIONS)
    if unknown:
        known = f"tables {', '.join(sorted(_TABLES))}; options {', '.join(sorted(_OPTIONS))}"
        raise MappingError(f"{path}: there is no {unknown[0]!r}; known are the {known}")
    columns = document.get("columns", {})
    for heading, target in columns.items():
        if not isinstance(target, str):
            raise MappingError(f'{path}: columns.{heading}: give a field path as text, e.g. "item.lot"')
        _steps(target, where=f"{path}: columns.{heading}")
    kind = document.get("event", {}).get("kind")
    if kind is not None and kind not in KINDS:
        raise MappingError(f"{path}: event.kind: {kind!r} is none of {', '.join(sorted(KINDS))}")
    return SheetMapping(columns, document.get("event", {}), document.get("values", {}), **document.get("options", {}))


def to_event(row: Mapping[str, Any], mapping: SheetMapping) -> tuple[dict[str, Any], dict[str, str]]:
    """The event of a row (heading → cell, empty ones left out), and which field came from which column.

    Raises CellError for a cell, MappingError for a heading that is no field.
    """
    event: dict[str, Any] = _copy(mapping.constants)
    columns: dict[str, str] = {}
    kind = _kind(row, mapping)
    for heading, cell in row.items():
        target = mapping.columns.get(heading) if mapping.columns else _default_path(heading, kind)
        if target is None:
            continue
        words = mapping.values.get(heading)
        if words is not None and str(cell) not in words:
            raise CellError(heading, f"{cell!r} is none of the words in [values.{heading!r}]: {', '.join(words)}")
        put(event, target, words[str(cell)] if words is not None else cell)
        columns[_flat(target)] = heading
    if not event.get("kind"):
        raise CellError("kind", 'there is no kind: add a column kind, or [event] kind = "…" to the mapping')
    return event, columns


def column_of(field_path: str, columns: Mapping[str, str]) -> str | None:
    """The heading behind a field that was refused: its own, or one below or above it."""
    path = _flat(field_path)
    if path in columns:
        return columns[path]
    near = [heading for target, heading in columns.items() if target.startswith(path) or path.startswith(target)]
    return near[0] if path and near else None


def put(event: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b[0].c` in nested objects and lists, which are made as needed."""
    here: Any = event
    steps = _steps(path, where=path)
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        inner: Any = {} if isinstance(following, str) else []
        if isinstance(step, int):
            while len(here) <= step:
                here.append({} if isinstance(following, str) else None)
            if following is not None:
                here = here[step]
                continue
            here[step] = value
        elif following is None:
            here[step] = value
        else:
            here = here.setdefault(step, inner)


def _steps(path: str, *, where: str) -> list[str | int]:
    steps: list[str | int] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            raise MappingError(f"{where}: {path!r} is no field path; it looks like item.lot or items[0].item.serial")
        steps.append(match[1])
        steps += [int(number) for number in re.findall(r"\d+", match[2])]
    return steps


def _flat(path: str) -> str:
    """The path with list places as the API writes them: items.0.item."""
    return path.replace("[", ".").replace("]", "")


def _kind(row: Mapping[str, Any], mapping: SheetMapping) -> str | None:
    for heading, target in mapping.columns.items():
        if target == "kind" and heading in row:
            return mapping.values.get(heading, {}).get(str(row[heading]), str(row[heading]))
    found = mapping.constants.get("kind", row.get("kind"))
    return str(found) if found is not None else None


def _default_path(heading: str, kind: str | None) -> str | None:
    """Without a mapping: a heading is a field path, or one of a few short words; `#…` is a remark."""
    name = heading.strip()
    if name.startswith("#"):
        return None
    name = _SHORTHANDS.get(name, name)
    cls = KINDS.get(kind or "")
    fields = {f.name for f in dataclasses.fields(cls)} if cls is not None else set()
    if name in _ITEM_PARTS or name == "item":
        at = "item" if "item" in fields else "items[0].item"
        return at if name == "item" else f"{at}.{name}"
    if name in ("quantity", "uom") and name not in fields:
        return f"items[0].{name}"
    if cls is not None and name.split(".")[0].split("[")[0] not in fields:
        known = ", ".join(sorted(fields - {"extensions"}))
        raise CellError(heading, f"is no field of {kind}: it has {known}; or name columns in a --mapping file")
    return name


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
