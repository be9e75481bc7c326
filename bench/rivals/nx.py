"""networkx: all links and rows as Python objects in this process, walked breadth first."""

import asyncio
import csv
from typing import Any

import networkx

from bench.rivals.rival import SPARED, Exported, small_enough
from bench.rivals.walking import Link, Walk
from bench.rows import RowSet, of_rows


class Networkx:
    """A MultiDiGraph with a link an edge, and each item's finished row as its attribute."""

    name = "networkx"
    handicap = SPARED

    def __init__(self) -> None:
        self._graph: Any = networkx.MultiDiGraph()

    async def load(self, exported: Exported) -> None:
        small_enough(exported)
        await asyncio.to_thread(self._load, exported)

    def _load(self, exported: Exported) -> None:
        with exported.file("states").open(newline="") as file:
            for item, *state in list(csv.reader(file))[1:]:
                self._graph.add_node(item, state=state)
        with exported.file("links").open(newline="") as file:
            for source, target, relation, event_id, possible in list(csv.reader(file))[1:]:
                link = Link(relation, source, target, event_id, possible == "t")
                self._graph.add_edge(source, target, link=link)

    async def ask(self, lot: str) -> list[tuple[str, ...]]:
        walk = Walk(lot)
        while walk.fresh:
            walk.step(link for _, _, link in self._graph.out_edges(walk.fresh, data="link"))
        states = self._graph.nodes
        return walk.rows({item: states[item].get("state", ()) for item in walk.levels})

    def rows(self, answer: list[tuple[str, ...]]) -> RowSet:
        return of_rows(answer)

    async def close(self) -> None:
        self._graph.clear()
