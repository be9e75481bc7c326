"""What walks over a graph have in common: level by level, all paths of a level at once."""

import asyncio
from functools import partial
from typing import Generic

import numpy as np

from domain.answers import Conflict, Gap, Limits, Superseded
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, first_of_each, in_order, once
from services.query.graph.links import CERTAIN_BIT, LinkColumns
from services.query.graph.names import Names
from services.query.graph.seen import S, Seen, concatenated
from services.query.graph.told import Told
from services.query.graph.walked import Arrived, Barred, Opened, Walked
from services.turns import give_way

FEW = 2_000
"""Up to so many are looked at at once; more in a thread, since it takes longer than changing to one."""


class LevelWalk(Generic[S]):
    """One trace. `told` tells the links of odd items."""

    def __init__(self, graph: Graph, names: Names, told: Told, *, limits: Limits) -> None:
        self.graph, self.names, self.limits = graph, names, limits
        self._told = told

    async def run(self, starts: Ints, opened: Opened = Opened()) -> Walked:
        """Walk from the starting items. Raises Barred, and Collision."""
        fresh = self._starting(starts, np.full(len(starts), CERTAIN_BIT))
        seen = Seen(fresh.take(np.zeros(0, dtype=np.int64)), items=self.names.count)
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
            fresh = await self._advance(seen, fresh, frontier=frontier, depth=depth)
            if len(members):  # one hop away already
                fresh, members = concatenated([fresh, members]), members.take(np.zeros(0, dtype=np.int64))
            if seen.more_than(self.limits.items):
                incomplete.append("row_limit")
                break
        walked = partial(self._walked, starts, seen, seeded=seeded, incomplete=incomplete)
        if len(starts) + len(opened) < FEW and self._links_met() < FEW:
            return walked()
        return await asyncio.to_thread(walked)

    def _begin(self, opened: Opened) -> S:
        members = self.names.indexes(opened.members)
        items, labels = opened.beginning(members)
        if opened.links:
            self._record(self._told.opened(opened.links), self.names.indexes(opened.came_from), members, depth=1)
        return self._starting(items, labels)

    def _walked(self, starts: Ints, seen: Seen[S], *, seeded: Ints, incomplete: list[str]) -> Walked:
        give_way()
        arrived = self._arrived()
        paths = seen.paths
        asked = np.zeros(self.names.count, dtype=np.bool_)
        asked[starts] = True
        paths, consistent, ordered = self._ended(paths.take(~asked[paths.item]))
        order = in_order(paths.item)
        item, labels = paths.item.take(order), paths.labels.take(order)
        consistent, ordered = consistent.take(order), ordered.take(order)
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

    # -- what is a walk's own

    def _starting(self, items: Ints, labels: Ints) -> S:
        """Paths of no link yet."""
        raise NotImplementedError

    async def _advance(self, seen: Seen[S], fresh: S, *, frontier: Ints, depth: int) -> S:
        """Take the links of the frontier, the items of `fresh`; the paths that are new."""
        raise NotImplementedError

    def _ended(self, paths: S) -> tuple[S, Bools, Bools]:
        """Paths as they make their items nodes; which are consistent, and which of these surely in order."""
        raise NotImplementedError

    def _record(self, links: LinkColumns, came_from: Ints, to: Ints, *, depth: int) -> None:
        """Paths came to items by these links, which the domain told."""
        raise NotImplementedError

    def _links_met(self) -> int:
        raise NotImplementedError

    def _arrived(self) -> Arrived:
        """All links that were met, let go of here."""
        raise NotImplementedError
