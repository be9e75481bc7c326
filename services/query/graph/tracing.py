"""A trace over a graph as maintained at an instant: plain items by columns, odd ones by the domain, one walk over both.

Without a date: `forward.py` and `backward.py`, which keep less of each path, and are held against this one in tests.
"""

import asyncio
from functools import partial

import numpy as np

from domain.answers import Limits, Way
from domain.links import NEVER_US
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, matched
from services.query.graph.levels import FEW, LevelWalk
from services.query.graph.links import LinkColumns, joined, plain_into, plain_out_of
from services.query.graph.names import Names
from services.query.graph.seen import Seen
from services.query.graph.told import Told
from services.query.graph.walked import Arrived
from services.query.graph.walking import Paths, at_birth, closed, extended, held_at, of_birth
from services.turns import give_way


class GraphWalk(LevelWalk[Paths]):
    """One trace, forward or backward. `at_us`: as maintained then; None: ever."""

    def __init__(self, graph: Graph, names: Names, told: Told, *, way: Way, at_us: int | None, limits: Limits):
        super().__init__(graph, names, told, limits=limits)
        self.at_us = at_us
        self.forward = way is Way.FORWARD
        self._tables: list[LinkColumns] = []
        self._arrived_at: list[Ints] = []
        self._came_from: list[Ints] = []
        self._hops: list[Ints] = []

    def _starting(self, items: Ints, labels: Ints) -> Paths:
        return Paths.starting(items, labels, forward=self.forward)

    async def _advance(self, seen: Seen[Paths], fresh: Paths, *, frontier: Ints, depth: int) -> Paths:
        links, born_us = await self._links(frontier)
        step = partial(self._step, seen, fresh, links, born=(frontier, born_us), depth=depth)
        return step() if len(links) < FEW else await asyncio.to_thread(step)

    def _step(
        self, seen: Seen[Paths], fresh: Paths, links: LinkColumns, *, born: tuple[Ints, Ints], depth: int
    ) -> Paths:
        """Take the links that leave the frontier; the paths that are new. `born`: its items, and when each was."""
        give_way()
        frontier, born_us = born
        if self.forward:
            fresh = at_birth(fresh, born_us[np.searchsorted(frontier, fresh.item)])
        on, rows = matched(fresh.item, links.source if self.forward else links.target)
        ahead = links.take(rows)
        if not self.forward:
            ahead = of_birth(ahead, born_us[np.searchsorted(frontier, ahead.target)])
        paths, walked = extended(fresh.take(on), ahead, forward=self.forward, at_us=self.at_us)
        met = np.zeros(len(links), dtype=np.bool_)
        met[rows[np.flatnonzero(walked & self._shows(paths))]] = True
        kept = np.flatnonzero(met)
        near, far = (links.source, links.target) if self.forward else (links.target, links.source)
        met_links = links if len(kept) == len(links) else links.take(kept)
        self._record(met_links, near[kept], far[kept], depth=depth)
        return seen.take(paths.take(walked))

    def _shows(self, paths: Paths) -> Bools:
        """Whether such a path makes its item a node: as maintained, the last chain must hold together at t."""
        if not self.forward or self.at_us is None:
            return np.ones(len(paths), dtype=np.bool_)
        return ~paths.in_chain | ((paths.chain_from_us <= self.at_us) & (self.at_us < paths.chain_to_us))

    # -- links

    async def _links(self, items: Ints) -> tuple[LinkColumns, Ints]:
        """The links of these items; and by when each came forth, if only once (domain.uses.born_us)."""
        odd = self.names.odd(items, forward=self.forward)
        born_us = np.full(len(items), NEVER_US, dtype=np.int64)
        born_us[~odd] = self.graph.born_us[items[~odd]]
        plain = plain_out_of if self.forward else plain_into
        if len(items) < FEW:
            tables = [plain(self.graph, items[~odd])]
        else:
            tables = [await asyncio.to_thread(plain, self.graph, items[~odd])]
        if odd.any():
            await self._told.ask(self._told.unknown(items[odd]))
            born_us[odd] = self._told.born_us(items[odd])
            tables.append(self._told.links(items[odd]))
        return joined(tables), born_us

    # -- the answer

    def _record(self, links: LinkColumns, came_from: Ints, to: Ints, *, depth: int) -> None:
        self._tables.append(links)
        self._arrived_at.append(to)
        self._came_from.append(came_from)
        self._hops.append(np.full(len(to), depth, dtype=np.int64))

    def _links_met(self) -> int:
        return sum(map(len, self._tables))

    def _arrived(self) -> Arrived:
        links = joined([plain_out_of(self.graph, np.zeros(0, dtype=np.int64)), *self._tables])
        none = [np.zeros(0, dtype=np.int64)]
        columns = (self._arrived_at, self._came_from, self._hops)
        arrived = Arrived(links, *(np.concatenate(none + column) for column in columns))
        for column in (self._tables, *columns):
            column.clear()
        return arrived

    def _ended(self, paths: Paths) -> tuple[Paths, Bools, Bools]:
        paths = paths.take(self._shows(paths))
        paths = held_at(paths, self.at_us) if self.forward else closed(paths)
        return paths, paths.consistent, paths.consistent & paths.ordered
