"""What a report is made of, before it is CSV, XLSX or JSON."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from services.sheets.cells import Cell

Row: TypeAlias = Sequence[Cell]
Rows: TypeAlias = AsyncIterator[Sequence[Row]]
"""Rows in their order, some at a time."""


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is its key in JSON; its heading is English beside Chinese."""

    name: str
    en: str
    zh: str

    @property
    def heading(self) -> str:
        return f"{self.en} {self.zh}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report: a sheet of a workbook. `name` has at most 25 letters, digits and hyphens."""

    name: str
    en: str
    zh: str
    columns: tuple[Column, ...]
    rows: Rows

    @property
    def title(self) -> str:
        return f"{self.en} {self.zh}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands in every report beside its rows (docs/recall.md, 'Reports').

    `query` is what was asked, without the point in time; `position` and `recorded_at` are that point; `notes` say what
    a reader must not miss, such as that the case is a mock.
    """

    report: str
    en: str
    zh: str
    query: Mapping[str, str]
    position: str
    recorded_at: str | None
    notes: Mapping[str, str] = field(default_factory=dict)


async def all_at_once(rows: Sequence[Row]) -> Rows:
    """Rows that are known already."""
    if rows:
        yield rows
