"""A trace over a graph: plain items by columns, odd ones by the domain, one walk over both."""

from dataclasses import dataclass, field

import numpy as np

from domain.answers import Conflict, Gap, Limits, Way
from domain.fitting import two_parents
from domain.linking import Linker
from domain.links import ALWAYS_US, NEVER_US, Link
from domain.record import Known, answer_async
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, first_of_each
from services.query.graph.links import (
    CERTAIN_BIT,
    KNOWN_REASONS,
    RELATIONS,
    LinkColumns,
    bit_of,
    joined,
    plain_into,
    plain_out_of,
)
from services.query.graph.names import Names
from services.query.graph.walking import Paths, Seen, closed, extended
from services.query.record import SqlRecord

_ODD_SLICE = 2_000


@dataclass(slots=True)
class Walked:
    """What a walk reached: nodes by item, and the links that paths end with, each as it was first met.

    `arrived` is the node a link leads to, `came_from` where from, `hops` how many links at least. `told` are the links
    that the domain made. `gaps` and `conflicts` came to light with them.
    """

    nodes: Ints
    labels: Ints
    consistent_labels: Ints
    links: LinkColumns
    arrived: Ints
    came_from: Ints
    hops: Ints
    told: list[Link] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


class Barred(Exception):
    """The walk came to an item that only the domain can answer about."""


class GraphWalk:
    """One trace, forward or backward. `at_us`: as maintained then; None: ever."""

    def __init__(self, graph: Graph, record: SqlRecord, names: Names, *, way: Way, at_us: int | None, limits: Limits):
        self.graph, self.names, self.at_us, self.limits = graph, names, at_us, limits
        self.forward = way is Way.FORWARD
        self._record = record
        self._known = Known()
        self._linker = Linker(self._known, follow_all=False)
        self._tables: list[LinkColumns] = []
        self._hops: list[Ints] = []
        self._told: list[Link] = []
        self._beside: dict[Gap | Conflict, None] = {}

    async def run(self, starts: Ints) -> Walked:
        """Walk from the starting items. Raises Barred, and Collision."""
        seen = Seen()
        fresh = Paths.starting(starts, np.full(len(starts), CERTAIN_BIT), forward=self.forward)
        seen.take(fresh)
        incomplete: list[str] = []
        depth = 0
        while len(fresh):
            frontier = np.unique(fresh.item)
            if self.names.barred(frontier):
                raise Barred
            if depth >= self.limits.depth:
                incomplete.append("depth_limit")
                break
            depth += 1
            links = await self._links(frontier)
            on, rows = _matched(fresh.item, links.source if self.forward else links.target)
            paths, walked = extended(fresh.take(on), links.take(rows), forward=self.forward, at_us=self.at_us)
            self._arrive(links, np.unique(rows[walked & self._shows(paths)]), depth)
            fresh = seen.take(paths.take(walked))
            if seen.items > self.limits.items:
                incomplete.append("row_limit")
                break
        return self._walked(starts, seen, incomplete)

    def _shows(self, paths: Paths) -> Bools:
        """Whether such a path makes its item a node: as maintained, the last chain must hold together at t."""
        if not self.forward or self.at_us is None:
            return np.ones(len(paths), dtype=np.bool_)
        return ~paths.in_chain | ((paths.chain_from_us <= self.at_us) & (self.at_us < paths.chain_to_us))

    # -- links

    async def _links(self, items: Ints) -> LinkColumns:
        odd = self.names.odd(items)
        plain = plain_out_of if self.forward else plain_into
        tables = [plain(self.graph, items[~odd])]
        strange = items[odd]
        for start in range(0, len(strange), _ODD_SLICE):
            tables.append(await self._told_links(strange[start : start + _ODD_SLICE]))
        return joined(tables)

    async def _told_links(self, items: Ints) -> LinkColumns:
        ids = await self.names.ids(items)
        self._known.forget_if_over(20_000)
        question = self._linker.out_of(frozenset(ids)) if self.forward else self._linker.into(frozenset(ids))
        linked = await answer_async(question, self._record.look_up)
        links = [link for item in ids for link in linked.links.get(item, [])]
        self._beside |= dict.fromkeys((*linked.gaps, *linked.conflicts))
        if self.forward:
            self._beside |= dict.fromkeys(two_parents(linked.parts))
        if any(not link.reasons <= KNOWN_REASONS for link in links):
            raise Barred
        first = len(self._told)
        self._told += links
        return await self._as_columns(links, first)

    async def _as_columns(self, links: list[Link], first: int) -> LinkColumns:
        source = await self.names.indexes([link.source for link in links])
        target = await self.names.indexes([link.target for link in links])

        def column(values: list[int]) -> Ints:
            return np.array(values, dtype=np.int64)

        none = np.full(len(links), -1, dtype=np.int64)
        return LinkColumns(
            source=source,
            target=target,
            relation=column([RELATIONS.index(str(link.relation)) for link in links]),
            since_us=column([NEVER_US if link.since_us is None else link.since_us for link in links]),
            until_us=column([ALWAYS_US if link.until_us is None else link.until_us for link in links]),
            leave_us=column([link.leave_us for link in links]),
            leave_until_us=column([link.leave_until_us for link in links]),
            reach_us=column([link.reach_us for link in links]),
            against=np.array([link.against_time for link in links], dtype=np.bool_),
            reasons=column([sum(bit_of(r) for r in link.reasons) for link in links]),
            event=none,
            mention=none,
            told=column(list(range(first, first + len(links)))),
        )

    def _arrive(self, links: LinkColumns, rows: Ints, hops: int) -> None:
        self._tables.append(links.take(rows))
        self._hops.append(np.full(len(rows), hops, dtype=np.int64))

    # -- the answer

    def _walked(self, starts: Ints, seen: Seen, incomplete: list[str]) -> Walked:
        none = plain_out_of(self.graph, np.zeros(0, dtype=np.int64))
        links = joined([none, *self._tables])
        paths = seen.paths
        paths = paths.take(self._shows(paths) & ~np.isin(paths.item, starts))
        labels = paths.labels if self.forward else closed(paths)
        order = np.argsort(paths.item, kind="stable")
        item, labels, consistent = paths.item[order], labels[order], paths.consistent[order]
        first = first_of_each(item)
        some = bool(len(first))
        return Walked(
            nodes=item[first],
            labels=np.bitwise_or.reduceat(labels, first) if some else labels,
            consistent_labels=np.bitwise_or.reduceat(np.where(consistent, labels, 0), first) if some else labels,
            links=links,
            arrived=links.target if self.forward else links.source,
            came_from=links.source if self.forward else links.target,
            hops=np.concatenate([np.zeros(0, dtype=np.int64), *self._hops]),
            told=self._told,
            gaps=[b for b in self._beside if isinstance(b, Gap)],
            conflicts=[b for b in self._beside if isinstance(b, Conflict)],
            incomplete=incomplete,
        )


def _matched(paths: Ints, links: Ints) -> tuple[Ints, Ints]:
    """Every pair of a path and a link that leaves its item: (row of paths, row of links)."""
    order = np.argsort(links, kind="stable")
    sorted_links = links[order]
    first, end = np.searchsorted(sorted_links, paths), np.searchsorted(sorted_links, paths, side="right")
    counts = end - first
    on = np.repeat(np.arange(len(paths)), counts)
    within = np.arange(len(on)) - np.repeat(np.cumsum(counts) - counts, counts)
    return on, order[np.repeat(first, counts) + within]
