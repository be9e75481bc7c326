"""A trace over a graph, backward or as maintained: plain items by columns, odd ones by the domain, one walk over both.

Forward without a date: `forward.py`, which keeps less of each path.
"""

import asyncio
from functools import partial

import numpy as np

from domain.answers import Conflict, Gap, Limits, Superseded, Way
from domain.links import NEVER_US
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, first_of_each, in_order, once
from services.query.graph.links import (
    CERTAIN_BIT,
    LinkColumns,
    joined,
    plain_into,
    plain_out_of,
)
from services.query.graph.names import Names
from services.query.graph.told import Told
from services.query.graph.walked import Arrived, Barred, Opened, Walked
from services.query.graph.walking import Paths, Seen, at_birth, closed, concatenated, extended, held_at, of_birth
from services.turns import give_way

_FEW_LINKS = 2_000
"""Up to so many are looked at at once; more in a thread, since it takes longer than changing to one."""


class GraphWalk:
    """One trace, forward or backward. `at_us`: as maintained then; None: ever. `told` tells the links of odd items."""

    def __init__(self, graph: Graph, names: Names, told: Told, *, way: Way, at_us: int | None, limits: Limits):
        self.graph, self.names, self.at_us, self.limits = graph, names, at_us, limits
        self.forward = way is Way.FORWARD
        self._told = told
        self._tables: list[LinkColumns] = []
        self._arrived: list[Ints] = []
        self._came_from: list[Ints] = []
        self._hops: list[Ints] = []

    async def run(self, starts: Ints, opened: Opened = Opened()) -> Walked:
        """Walk from the starting items. Raises Barred, and Collision."""
        seen = Seen()
        fresh = Paths.starting(starts, np.full(len(starts), CERTAIN_BIT), forward=self.forward)
        seen.take(fresh)
        members = seen.take(self._begin(opened))
        seeded = opened.seeded.items
        incomplete: list[str] = []
        depth = 0
        while len(fresh) or len(members):
            frontier = once(fresh.item)
            if self.names.barred(frontier):
                raise Barred
            if depth >= self.limits.depth:
                incomplete.append("depth_limit")
                break
            depth += 1
            links, born_us = await self._links(frontier)
            step = partial(self._step, seen, fresh, links, born=(frontier, born_us), depth=depth)
            fresh = step() if len(links) < _FEW_LINKS else await asyncio.to_thread(step)
            if len(members):  # one hop away already
                fresh, members = concatenated([fresh, members]), members.take(np.zeros(0, dtype=np.int64))
            if seen.more_than(self.limits.items):
                incomplete.append("row_limit")
                break
        if len(starts) + len(opened) < _FEW_LINKS and sum(map(len, self._tables)) < _FEW_LINKS:
            return self._walked(starts, seen, seeded=seeded, incomplete=incomplete)
        return await asyncio.to_thread(self._walked, starts, seen, seeded=seeded, incomplete=incomplete)

    def _begin(self, opened: Opened) -> Paths:
        members = self.names.indexes(opened.members)
        items, labels = opened.beginning(members)
        if opened.links:
            self._tables.append(self._told.opened(opened.links))
            self._arrived.append(members)
            self._came_from.append(self.names.indexes(opened.came_from))
            self._hops.append(np.ones(len(opened.links), dtype=np.int64))
        return Paths.starting(items, labels, forward=self.forward)

    def _step(self, seen: Seen, fresh: Paths, links: LinkColumns, *, born: tuple[Ints, Ints], depth: int) -> Paths:
        """Take the links that leave the frontier; the paths that are new. `born`: its items, and when each was."""
        give_way()
        frontier, born_us = born
        if self.forward:
            fresh = at_birth(fresh, born_us[np.searchsorted(frontier, fresh.item)])
        on, rows = _matched(fresh.item, links.source if self.forward else links.target)
        ahead = links.take(rows)
        if not self.forward:
            ahead = of_birth(ahead, born_us[np.searchsorted(frontier, ahead.target)])
        paths, walked = extended(fresh.take(on), ahead, forward=self.forward, at_us=self.at_us)
        met = np.zeros(len(links), dtype=np.bool_)
        met[rows[np.flatnonzero(walked & self._shows(paths))]] = True
        kept = np.flatnonzero(met)
        self._tables.append(links if len(kept) == len(links) else links.take(kept))
        near, far = (links.source, links.target) if self.forward else (links.target, links.source)
        self._arrived.append(far[kept])
        self._came_from.append(near[kept])
        self._hops.append(np.full(len(kept), depth, dtype=np.int64))
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
        if len(items) < _FEW_LINKS:
            tables = [plain(self.graph, items[~odd])]
        else:
            tables = [await asyncio.to_thread(plain, self.graph, items[~odd])]
        if odd.any():
            await self._told.ask(self._told.unknown(items[odd]))
            born_us[odd] = self._told.born_us(items[odd])
            tables.append(self._told.links(items[odd]))
        return joined(tables), born_us

    # -- the answer

    def _walked(self, starts: Ints, seen: Seen, *, seeded: Ints, incomplete: list[str]) -> Walked:
        give_way()
        links = joined([plain_out_of(self.graph, starts[:0]), *self._tables])
        none = [np.zeros(0, dtype=np.int64)]
        columns = (self._arrived, self._came_from, self._hops)
        arrived = Arrived(links, *(np.concatenate(none + column) for column in columns))
        for column in (self._tables, *columns):
            column.clear()
        paths = seen.paths
        paths = paths.take(self._shows(paths) & ~np.isin(paths.item, starts))
        paths = held_at(paths, self.at_us) if self.forward else closed(paths)
        paths = paths.take(np.argsort(paths.item, kind="stable"))
        item, labels, consistent = paths.item, paths.labels, paths.consistent
        ordered = consistent & paths.ordered
        first = first_of_each(item)
        some, beside = bool(len(first)), self._told.beside
        return Walked(
            nodes=item[first],
            labels=np.bitwise_or.reduceat(labels, first) if some else labels,
            consistent_labels=np.bitwise_or.reduceat(np.where(consistent, labels, 0), first) if some else labels,
            ordered_labels=np.bitwise_or.reduceat(np.where(ordered, labels, 0), first) if some else labels,
            arrive=lambda: arrived,
            seeded=seeded,
            told=self._told,
            gaps=[b for b in beside if isinstance(b, Gap)],
            conflicts=[b for b in beside if isinstance(b, Conflict)],
            superseded=sorted(
                (b for b in beside if isinstance(b, Superseded)), key=lambda s: (s.link.sort_key, s.event_ids)
            ),
            incomplete=incomplete,
        )


def _matched(paths: Ints, links: Ints) -> tuple[Ints, Ints]:
    """Every pair of a path and a link that leaves its item: (row of paths, row of links)."""
    order = in_order(links)
    sorted_links = links[order]
    first, end = np.searchsorted(sorted_links, paths), np.searchsorted(sorted_links, paths, side="right")
    counts = end - first
    on = np.repeat(np.arange(len(paths)), counts)
    within = np.arange(len(on)) - np.repeat(np.cumsum(counts) - counts, counts)
    return on, order[np.repeat(first, counts) + within]
