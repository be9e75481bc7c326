"""A trace over a graph: plain items by columns, odd ones by the domain, one walk over both."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.answers import Limits, Way
from domain.ids import ItemId
from domain.linking import Linker
from domain.links import ALWAYS_US, NEVER_US, Link
from domain.record import Known, answer_async
from services.query.graph.graph import Graph
from services.query.graph.groups import Ints, first_of_each
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
    """What a walk reached. `nodes` by (level, id); links in the order they were met, with the node they lead to."""

    nodes: Ints
    level: Ints
    labels: Ints
    consistent_labels: Ints
    links: LinkColumns
    told: list[Link]
    arrived: Ints
    came_from: Ints
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
        self._arrived: list[Ints] = []
        self._came_from: list[Ints] = []
        self.told: list[Link] = []
        self.parts: dict[ItemId, list[object]] = {}

    async def run(self, starts: Ints) -> Walked:
        """Walk from the starting items."""
        level = np.full(self.names.count, -1, dtype=np.int64)
        level[starts] = 0
        is_start = np.zeros(self.names.count, dtype=np.bool_)
        is_start[starts] = True
        seen = Seen()
        fresh = Paths.starting(starts, np.full(len(starts), CERTAIN_BIT), forward=self.forward)
        incomplete: list[str] = []
        depth = 0
        while len(fresh):
            if self.names.barred(np.unique(fresh.item)):
                raise Barred
            if depth >= self.limits.depth:
                incomplete.append("depth_limit")
                break
            depth += 1
            links = await self._links(np.unique(fresh.item))
            level = _grown(level, self.names.count, -1)
            is_start = _grown(is_start, self.names.count, False)
            ahead = links.target if self.forward else links.source
            links = links.take(np.flatnonzero(~is_start[ahead]))
            on, rows = _matched(fresh.item, links.source if self.forward else links.target)
            paths, walked = extended(fresh.take(on), links.take(rows), forward=self.forward, at_us=self.at_us)
            self._arrive(links, np.unique(rows[walked]))
            paths = paths.take(walked)
            reached = np.unique(paths.item)
            level[reached[level[reached] < 0]] = depth
            fresh = seen.take(paths)
            if int((level >= 0).sum()) > self.limits.items:
                incomplete.append("row_limit")
                break
        return self._walked(level, seen, incomplete)

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
        if any(not link.reasons <= KNOWN_REASONS for link in links):
            raise Barred
        first = len(self.told)
        self.told += links
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

    def _arrive(self, links: LinkColumns, rows: Ints) -> None:
        links = links.take(rows)
        self._tables.append(links)
        self._arrived.append(links.target if self.forward else links.source)
        self._came_from.append(links.source if self.forward else links.target)

    # -- the answer

    def _walked(self, level: Ints, seen: Seen, incomplete: list[str]) -> Walked:
        empty = np.zeros(0, dtype=np.int64)
        if not self._tables or not sum(len(t) for t in self._tables):
            none = plain_out_of(self.graph, empty)
            return Walked(empty, level, empty, empty, none, self.told, empty, empty, incomplete)
        paths = seen.paths
        if not self.forward:
            labels = closed(paths)
        else:
            labels = paths.labels
            if self.at_us is not None:
                shown = ~paths.in_chain | ((paths.chain_from_us <= self.at_us) & (self.at_us < paths.chain_to_us))
                paths, labels = paths.take(shown), labels[shown]
        order = np.argsort(paths.item, kind="stable")
        item, labels, consistent = paths.item[order], labels[order], paths.consistent[order]
        starts = first_of_each(item)
        if not len(starts):
            return Walked(empty, level, empty, empty, joined(self._tables), self.told, empty, empty, incomplete)
        return Walked(
            item[starts],
            level,
            np.bitwise_or.reduceat(labels, starts),
            np.bitwise_or.reduceat(np.where(consistent, labels, 0), starts),
            joined(self._tables),
            self.told,
            np.concatenate(self._arrived),
            np.concatenate(self._came_from),
            incomplete,
        )


A = TypeVar("A", bound=NDArray[Any])


def _grown(values: A, count: int, fill: object) -> A:
    """As long as there are items now: links told by the domain may name ones that are newer than the graph."""
    more = np.full(count - len(values), fill, dtype=values.dtype)
    return np.concatenate([values, more]) if len(more) else values  # type: ignore[return-value]


def _matched(paths: Ints, links: Ints) -> tuple[Ints, Ints]:
    """Every pair of a path and a link that leaves its item: (row of paths, row of links)."""
    order = np.argsort(links, kind="stable")
    sorted_links = links[order]
    first, end = np.searchsorted(sorted_links, paths), np.searchsorted(sorted_links, paths, side="right")
    counts = end - first
    on = np.repeat(np.arange(len(paths)), counts)
    within = np.arange(len(on)) - np.repeat(np.cumsum(counts) - counts, counts)
    return on, order[np.repeat(first, counts) + within]
