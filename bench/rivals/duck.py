"""DuckDB, in this process, one thread: the same recursive statement over its own columns."""

import asyncio
from pathlib import Path

import duckdb

from bench.rivals.cte import WALK
from bench.rivals.rival import SPARED, CannotRun, Exported
from bench.rivals.tables import TABLES
from bench.rows import COLUMNS, RowSet, of_csv
from domain.answers import FROM_SHOWN, LINKS_SHOWN

_LINKS = f"""array_to_string(list(relation || ' ' || source || ' > ' || item || ' by ' || event_id
            ORDER BY relation, source, item, event_id)[:{LINKS_SHOWN}], '; ')"""
_SOURCES = f"array_to_string(list_sort(list(DISTINCT source) FILTER (WHERE nearest))[:{FROM_SHOWN}], '; ')"
_HOPS = "JOIN rival.goes_in g ON g.item = w.item JOIN rival.comes_out o ON o.hop = g.hop"
_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)


class Duck:
    """Tables in memory; an answer is written as CSV, which is the fastest way out of it for this many texts."""

    name = "DuckDB"
    handicap = SPARED

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1, "memory_limit": "2GB"})
        self._out = Path()

    async def load(self, exported: Exported) -> None:
        self._out = exported.folder / "duckdb-answer.csv"
        self._connection.execute("CREATE SCHEMA rival")
        for table in TABLES:
            # texts as texts: '20' and 'true' too
            every = "" if table in ("goes_in", "links") else ", all_varchar = true"
            read = f"read_csv('{exported.file(table)}', header = true, nullstr = '\\N'{every})"
            try:
                await asyncio.to_thread(self._connection.execute, f"CREATE TABLE rival.{table} AS SELECT * FROM {read}")
            except duckdb.Error as error:
                raise CannotRun(f"it did not take the rows in: {error}") from error

    async def ask(self, lot: str) -> Path:
        told = "'" + lot.replace("'", "''") + "'"
        walk = WALK.format(lot=told, hops=_HOPS, links=_LINKS, sources=_SOURCES)
        statement = f"COPY (SELECT {_QUOTED} FROM ({walk}) a) TO '{self._out}' (FORMAT csv, HEADER true)"
        await asyncio.to_thread(self._connection.execute, statement)
        return self._out

    def rows(self, answer: Path) -> RowSet:
        return of_csv(answer.read_bytes())

    async def close(self) -> None:
        self._connection.close()
