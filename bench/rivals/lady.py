"""Ladybug, the graph database that goes on from Kùzu, in this process, one thread."""

import asyncio
import csv
from typing import Any

import ladybug

from bench.rivals.rival import SPARED, CannotRun, Exported, small_enough
from bench.rivals.tables import STATE_COLUMNS
from bench.rivals.walking import Link, Walk
from bench.rows import RowSet, of_rows

_HOPS = 12
_QUOTED = ", ".join(f"b.`{name}`" for name in STATE_COLUMNS)
_REACHED = f"""
MATCH (a:Item {{item: $lot}})-[l:Link* SHORTEST 1..{_HOPS}]->(b:Item)
RETURN b.item, length(l), {_QUOTED}
"""
_SURE = f"""
MATCH (a:Item {{item: $lot}})-[l:Link* SHORTEST 1..{_HOPS} (r, n | WHERE NOT r.possible)]->(b:Item) RETURN b.item
"""
_LINKS = f"""
MATCH (a:Item {{item: $lot}})-[l:Link]->(c:Item) RETURN l.relation, a.item, c.item, l.event_id, l.possible
UNION ALL MATCH (a:Item {{item: $lot}})-[:Link* SHORTEST 1..{_HOPS}]->(b:Item) WHERE b.item <> $lot WITH DISTINCT b
MATCH (b)-[l:Link]->(c:Item) RETURN l.relation, b.item, c.item, l.event_id, l.possible
"""


class Ladybug:
    """Items with their finished rows as nodes, a link a relationship; three questions make one answer."""

    name = "Ladybug (Kùzu)"
    handicap = SPARED

    def __init__(self) -> None:
        self._database: Any = ladybug.Database(":memory:", buffer_pool_size=1 << 30, max_num_threads=1)
        self._connection: Any = ladybug.Connection(self._database, num_threads=1)

    async def load(self, exported: Exported) -> None:
        small_enough(exported)
        try:
            await asyncio.to_thread(self._load, exported)
        except RuntimeError as error:
            raise CannotRun(f"it did not take the rows in: {error}") from error

    def _load(self, exported: Exported) -> None:
        columns = ", ".join(f"`{name}` STRING" for name in STATE_COLUMNS)
        nodes, links = exported.folder / "lady-nodes.csv", exported.folder / "lady-links.csv"
        self._rewrite(exported, nodes, links)
        for statement in (
            f"CREATE NODE TABLE Item(item STRING PRIMARY KEY, {columns})",
            "CREATE REL TABLE Link(FROM Item TO Item, relation STRING, event_id STRING, possible BOOLEAN)",
            f"COPY Item FROM '{nodes}' (HEADER=true, PARALLEL=false, NULL_STRINGS=['\\N'])",
            f"COPY Link FROM '{links}' (HEADER=true, PARALLEL=false)",
        ):
            self._connection.execute(statement)

    def _rewrite(self, exported: Exported, nodes: Any, links: Any) -> None:
        """Every end of a link is a node, in the answer or not; a flag is spelt out."""
        with exported.file("states").open(newline="") as file:
            header, *states = csv.reader(file)
        with exported.file("links").open(newline="") as file:
            _, *rows = csv.reader(file)
        known = {row[0] for row in states}
        others = {item for row in rows for item in row[:2]} - known
        with nodes.open("w", newline="") as file:
            csv.writer(file).writerows([header, *states, *([item, *[""] * len(STATE_COLUMNS)] for item in others)])
        with links.open("w", newline="") as file:
            told = [[s, t, r, e, "true" if p == "t" else "false"] for s, t, r, e, p in rows]
            csv.writer(file).writerows([["from", "to", "relation", "event_id", "possible"], *told])

    async def ask(self, lot: str) -> list[tuple[str, ...]]:
        return await asyncio.to_thread(self._ask, lot)

    def _ask(self, lot: str) -> list[tuple[str, ...]]:
        given = {"lot": lot}
        states, walk = {}, Walk(lot)
        for item, level, *state in self._connection.execute(_REACHED, given).get_all():
            if item != lot:
                walk.levels[item] = level
                states[item] = [value or "" for value in state]
        walk.certain |= {item for (item,) in self._connection.execute(_SURE, given).get_all()}
        for told in self._connection.execute(_LINKS, given).get_all():
            link = Link(*told)
            walk.arrivals[link.target].append((link, walk.levels[link.source] + 1))
        return walk.rows(states)

    def rows(self, answer: list[tuple[str, ...]]) -> RowSet:
        return of_rows(answer)

    async def close(self) -> None:
        self._connection.close()
        self._database.close()
