"""A trace over a graph: walked, and told beside its nodes what the domain would tell."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence, Set

import numpy as np

from domain.answers import LINKS_SHOWN, Gap, Limits, Node, Trace, Way
from domain.exposure import Seed
from domain.ids import ItemId
from domain.kinds import kind_of
from domain.linking import Linker
from domain.links import ALWAYS_US
from domain.record import Known, Need
from domain.state import Whereabouts
from services.query.answering import answered
from services.query.graph.backward import BackwardWalk
from services.query.graph.forward import ForwardWalk
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, once, positions
from services.query.graph.kinds import CLASS
from services.query.graph.links import CERTAIN_BIT, IDENTIFIED_AS, bit_of
from services.query.graph.names import Names
from services.query.graph.newer import Changed
from services.query.graph.nodes import Nodes
from services.query.graph.opening import Openings
from services.query.graph.seen import Collision
from services.query.graph.stance import Remembered
from services.query.graph.standings import Standings
from services.query.graph.told import Told
from services.query.graph.tracing import GraphWalk
from services.query.graph.walked import Barred, Opened, Walked
from services.query.snapshot import Asked
from services.query.totals import one_a_thing
from services.turns import give_way

_PENDING = bit_of("replacement_pending")
_RECEIVED_RANK = 4
_SLICE = 2_000
_FEW_NODES = 2_000
_FEW_LEVELS = 20_000
"""So many nodes whose levels are known are put in order in a tenth of a millisecond: no thread is woken for that."""


class OverGraph:
    """The answer to one trace. `trace` has everything but the nodes; `order` are the rows of `nodes` that are shown."""

    def __init__(self, asked: Asked, graph: Graph, changed: Changed, remembered: Remembered, *, at_us: int) -> None:  # noqa: PLR0917
        self._asked, self.graph, self.changed = asked, graph, changed
        self.names = Names(graph, changed=changed)
        self.standings = Standings(asked, graph, changed, remembered=remembered, at_us=at_us)
        self.trace = Trace(())
        self.nodes: Nodes
        self.order: Ints = np.zeros(0, dtype=np.int64)
        self._pending = self.order
        """nodes for which a replacement is still to come"""

    async def walk(
        self,
        items: Sequence[ItemId],
        seeds: Sequence[Seed],
        *,
        way: Way,
        maintained_us: int | None,
        contents_at_us: int | None,
        limits: Limits,
    ) -> bool:
        """Walk; False if the domain must answer. `maintained_us`: as maintained then; None: ever."""
        asked, indexes = self._asked, self.names.indexes(items)
        starts = once(indexes)
        if self.names.barred(starts):
            return False
        openings = Openings(self.graph, self.names, changed=self.changed, record=asked.record())
        try:
            opened, gaps = await openings.open(
                items, seeds, indexes=indexes, at_us=contents_at_us, now_us=asked.fresh.now_us
            )
            walked = await self._walk(starts, opened, way=way, at_us=maintained_us, limits=limits)
            if len(walked.nodes) < (_FEW_NODES if walked.level is None else _FEW_LEVELS):
                self._order(walked)
            else:
                await asyncio.to_thread(self._order, walked)
        except (Barred, Collision):
            return False
        gaps += walked.gaps
        self.trace = Trace(tuple(items), [], gaps, walked.conflicts, walked.incomplete, walked.superseded)
        await self._tell(starts, walked, way)
        return True

    async def _walk(self, starts: Ints, opened: Opened, *, way: Way, at_us: int | None, limits: Limits) -> Walked:
        record, forward = self._asked.record(), way is Way.FORWARD
        memory = self.changed.told if self._asked.vector is None else None
        told = Told(self.names, record, base=len(self.graph), forward=forward, memory=memory)
        if forward and at_us is None:
            return await ForwardWalk(self.graph, self.names, told, limits=limits).run(starts, opened)
        if at_us is None:
            return await BackwardWalk(self.graph, self.names, told, limits=limits).run(starts, opened)
        return await GraphWalk(self.graph, self.names, told, way=way, at_us=at_us, limits=limits).run(starts, opened)

    def _order(self, walked: Walked) -> None:
        self.nodes = Nodes(self.graph, self.names, walked)
        give_way()
        self.order = self.nodes.ordered()
        give_way()
        maybe = np.flatnonzero(walked.labels & _PENDING)
        verdicts = self.nodes.verdict(maybe)
        self._pending = walked.nodes[maybe[(verdicts != CERTAIN_BIT) & (verdicts & _PENDING > 0)]]

    def narrow(self, *, since_us: int | None, until_us: int | None, after: tuple[int, str] | None) -> None:
        """Show only nodes reached in [since, until), after the node (level, id)."""
        if since_us is None and until_us is None and after is None:
            return
        nodes, rows = self.nodes, self.order
        reached = nodes.reached_us[rows]
        told = reached != ALWAYS_US
        shown = np.ones(len(rows), dtype=np.bool_)
        if since_us is not None:
            shown &= ~told | (reached >= since_us)
        if until_us is not None:
            shown &= ~told | (reached < until_us)
        if after is not None:
            level, item = after
            begins = np.searchsorted(nodes.level[rows], level)
            ends = np.searchsorted(nodes.level[rows], level, side="right")
            ids = self.names.texts(nodes.walked.nodes[rows[begins:ends]])
            shown[: begins + sum(one <= item for one in ids)] = False
        self.order = rows[shown]

    def last(self, count: int) -> tuple[int, str] | None:
        """The last node of a page of so many; None if there are no more."""
        if len(self.order) <= count:
            return None
        row = self.order[count - 1 : count]
        return int(self.nodes.level[row][0]), self.names.texts(self.nodes.walked.nodes[row])[0]

    def same_things(self) -> list[tuple[ItemId, ItemId]]:
        """The same pairs by id."""
        one, other = self._same()
        return list(zip(self.names.ids(one), self.names.ids(other), strict=True))

    def _same(self) -> tuple[Ints, Ints]:
        """Pairs of ids that are surely of one thing, by the links of the nodes shown."""
        if (told := self._same_at_once()) is not None:
            return told
        links = self.nodes.walked.links
        _, rows, _ = self.nodes.shown_links(self.order)
        rows = rows[(links.relation[rows] == IDENTIFIED_AS) & (links.reasons[rows] == 0)]
        return links.source[rows], links.target[rows]

    def _same_at_once(self) -> tuple[Ints, Ints] | None:
        """The same without the links of all nodes; None where a node that has another name has more than are shown."""
        walked = self.nodes.walked
        if walked.names is None:
            return None
        names = walked.names()
        rows = positions(walked.nodes, names.node)
        shown = np.zeros(len(self.nodes), dtype=np.bool_)
        shown[self.order] = True
        kept = rows >= 0
        kept[kept] = shown[rows[kept]]
        nodes = np.unique(names.node[kept])
        if len(nodes) and int(names.most(nodes).max()) > LINKS_SHOWN:
            return None
        return names.source[kept], names.target[kept]

    def counts(self) -> Bools:
        """By row of the nodes, whether it counts: of ids that are surely of one thing the first that is shown, and none
        of a thing that was asked about.
        """
        counts = np.zeros(len(self.nodes), dtype=np.bool_)
        counts[self.order] = True
        several, kept = self._counted_once()
        if not several.any():
            return counts
        rows = self.order[several]
        counts[rows] = np.isin(self.names.ranks(self.nodes.walked.nodes[rows]), list(kept))
        return counts

    def starts_counted(self) -> Bools:
        """By item that was asked about, whether it counts: of several names of one thing the first alone."""
        _, kept = self._counted_once()
        return np.isin(self.names.ranks(self.names.indexes(self.trace.items)), list(kept))

    def _counted_once(self) -> tuple[Bools, set[int]]:
        """(which nodes shown have another name; ranks of the starts, and of these nodes, that count)."""
        one, other = self._same()
        named, nodes = np.zeros(len(self.nodes), dtype=np.bool_), self.nodes.walked.nodes
        rows = positions(nodes, np.concatenate([one, other]))
        named[rows[rows >= 0]] = True
        several = named[self.order]
        starts = self.names.ranks(self.names.indexes(self.trace.items))
        ranks = self.names.ranks(nodes[self.order[several]])
        same = list(zip(*(self.names.ranks(end).tolist() for end in (one, other)), strict=True))
        return several, one_a_thing([*starts.tolist(), *ranks.tolist()], same)

    # -- the same item by item

    def __len__(self) -> int:
        return len(self.order)

    def counted(self, starts: Sequence[ItemId]) -> Set[ItemId]:
        """The items that count, one a thing: of the starts, then of the nodes."""
        one, other = self._same()
        shown = [*starts, *self.names.ids(self.nodes.walked.nodes[self.order])]
        return one_a_thing(shown, list(zip(self.names.ids(one), self.names.ids(other), strict=True)))

    async def chunks(self, size: int) -> AsyncIterator[list[Node]]:
        """The nodes in the order of answers."""
        for start in range(0, len(self.order), size):
            yield await asyncio.to_thread(self.nodes.some, self.order[start : start + size])

    async def whereabouts(self, items: Sequence[ItemId]) -> tuple[Mapping[ItemId, Whereabouts], Collection[int]]:
        """Where each item is, and the keys of events about them that have a void or a rival."""
        return await self.standings.whereabouts(self.names, items)

    # -- what is told beside the nodes

    async def _tell(self, starts: Ints, walked: Walked, way: Way) -> None:
        pending = self._pending
        everything = once(np.concatenate([walked.nodes, starts])) if way is Way.BACKWARD else starts
        if way is Way.BACKWARD:
            await self._tell_two_parents(everything)
        if len(pending):
            detail = "an event about these was voided, and what replaces it is not in the log yet"
            self.trace.gaps.append(Gap("replacement_pending", tuple(sorted(self.names.ids(pending))), detail))
        if way is Way.BACKWARD:
            await self._tell_upstream(everything, walked)

    async def _tell_two_parents(self, everything: Ints) -> None:
        doubtful = everything[self._doubtful(everything)]
        remembered = self.changed.told.two_parents if self._asked.vector is None else {}
        told = {item: remembered[item] for item in doubtful.tolist() if item in remembered}
        for some in _slices(np.array([item for item in doubtful.tolist() if item not in told], dtype=np.int64)):
            ids = self.names.ids(some)
            question = Linker(Known(), follow_all=False).in_two(frozenset(ids))
            found = await answered(question, self._asked.record())
            fresh = {item: found.get(i, []) for item, i in zip(some.tolist(), ids, strict=True)}
            told |= fresh
            remembered |= {item: conflicts for item, conflicts in fresh.items() if item < len(self.graph)}
        known = self.trace.conflicts
        for item in doubtful.tolist():
            known += [c for c in told[item] if c not in known]

    async def _tell_upstream(self, everything: Ints, walked: Walked) -> None:
        """Where nothing says what a thing came from, and no receipt says from whom."""
        has_upstream = walked.links.target[walked.links.target != walked.links.source]
        ends = everything[positions(once(has_upstream), everything) < 0]
        doubtful = self._doubtful(ends)
        bare = self.names.ids(self._never_received(ends[~doubtful]))
        for some in _slices(ends[doubtful]):
            ids = self.names.ids(some)
            found = await self._asked.record().look_up(Need(named=frozenset(ids)))
            namings = {i: found.namings.get(i, []) for i in ids}
            bare += [
                i
                for i in ids
                if kind_of(i, namings[i]) != "class"
                and not any(n.event.facts.rank == _RECEIVED_RANK for n in namings[i])
            ]
        if bare:
            detail = "the record does not say what these came from"
            self.trace.gaps.append(Gap("no_upstream", tuple(sorted(bare)), detail))

    def _doubtful(self, items: Ints) -> Bools:
        """Items of which more is known than the arrays tell; of a class nothing more is asked."""
        graph, found = self.graph, items >= len(self.graph)
        known = items[~found]
        odd = graph.odd.state[known] & (graph.standing.kind[known] != CLASS)
        found[~found] = odd | self.changed.links[known]
        return found

    def _never_received(self, items: Ints) -> Ints:
        found: Ints = items[(self.graph.standing.kind[items] != CLASS) & ~self.graph.received[items]]
        return found


def _slices(items: Ints) -> list[Ints]:
    return [items[start : start + _SLICE] for start in range(0, len(items), _SLICE)]
