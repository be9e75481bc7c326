"""A trace over a graph, told in the domain's words: nodes and where they are, some at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from decimal import Decimal

import numpy as np

from domain.answers import Gap, Limits, Node, Trace, Way
from domain.distribution import Where
from domain.facts import Role, Status
from domain.fitting import two_parents
from domain.ids import ItemId
from domain.kinds import kind_of
from domain.linking import Linker
from domain.record import Known, Need, answer_async
from domain.state import SHIPPED_OUT, Whereabouts, states
from services.query.graph.beyond import beyond
from services.query.graph.facts import STATUSES
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import CERTAIN_BIT, IDENTIFIED_AS, bit_of
from services.query.graph.names import Names
from services.query.graph.newer import Changed
from services.query.graph.nodes import Nodes
from services.query.graph.plain import CLASS, CONTAINER
from services.query.graph.standing import Stood, stand
from services.query.graph.tracing import Barred, GraphWalk, Walked
from services.query.graph.walking import Collision
from services.query.snapshot import Asked
from services.query.totals import one_a_thing

KINDS = ("unit", "unit", "lot", "class", "container")
_PENDING = bit_of("replacement_pending")
_RECEIVED_RANK = 4
_SLICE = 2_000


class OverGraph:
    """The answer to one trace. `trace` has everything but the nodes; `affected` are those that count, by id."""

    def __init__(self, asked: Asked, graph: Graph, changed: Changed, *, at_us: int) -> None:
        self._asked, self._graph, self._changed, self._at_us = asked, graph, changed, at_us
        self._names = Names(asked.connection, asked.tenant_id, graph, changed=changed)
        self.trace = Trace(())
        self.affected: set[ItemId] = set()
        self._nodes: Nodes | None = None
        self._order: Ints = np.zeros(0, dtype=np.int64)
        self._walked: Walked | None = None

    async def walk(self, items: Sequence[ItemId], *, way: Way, maintained_us: int | None, limits: Limits) -> bool:
        """Walk; False if the domain must answer."""
        starts = await self._names.indexes(list(items))
        if not self._covers(starts):
            return False
        walk = GraphWalk(self._graph, self._asked.record(), self._names, way=way, at_us=maintained_us, limits=limits)
        try:
            walked = await walk.run(np.unique(starts))
        except (Barred, Collision):
            return False
        asked = self._asked
        if await beyond(
            asked.connection, asked.tenant_id, graph=self._graph, starts=starts, names=self._names, walked=walked
        ):
            return False
        self.trace = Trace(tuple(items), [], walked.gaps, walked.conflicts, walked.incomplete)
        self._nodes = Nodes(self._asked.connection, self._graph, names=self._names, walked=walked)
        self._order = await self._nodes.ordered()
        self._walked = walked
        await self._tell(starts, walked, way)
        return True

    def _covers(self, starts: Ints) -> bool:
        """Classes and containers stand for what they hold: the domain opens them."""
        if (starts >= len(self._graph.item_nos)).any() or self._changed.links[starts].any():
            return False
        return not np.isin(self._graph.standing.kind[starts], (CLASS, CONTAINER)).any() and not self._parents(starts)

    def _parents(self, items: Ints) -> bool:
        _, rows = self._graph.by_item.expand(items)
        return bool((self._graph.mentions.role[rows] == Role.PARENT).any())

    def __len__(self) -> int:
        return len(self._order)

    async def chunks(self, size: int) -> AsyncIterator[list[Node]]:
        """The nodes in the order of answers."""
        assert self._nodes is not None
        for start in range(0, len(self._order), size):
            yield await self._nodes.some(self._order[start : start + size])

    # -- what is told beside the nodes

    async def _tell(self, starts: Ints, walked: Walked, way: Way) -> None:
        possible = (walked.consistent_labels & CERTAIN_BIT) == 0
        bits = np.where(walked.consistent_labels > 0, walked.consistent_labels, walked.labels)
        pending = walked.nodes[possible & (bits & _PENDING > 0)]
        if len(pending):
            detail = "an event about these was voided, and what replaces it is not in the log yet"
            items = tuple(sorted(await self._names.ids(pending)))
            self.trace.gaps.append(Gap("replacement_pending", items, detail))
        if way is Way.BACKWARD:
            await self._tell_upstream(starts, walked)
        self.affected = await self.counted(())

    async def _tell_upstream(self, starts: Ints, walked: Walked) -> None:
        everything = np.union1d(walked.nodes, starts)
        odd = self._names.odd(everything)
        for some in _slices(everything[odd]):
            question = Linker(Known(), follow_all=False).out_of(frozenset(await self._names.ids(some)))
            linked = await answer_async(question, self._asked.record().look_up)
            told = two_parents(linked.parts)
            self.trace.conflicts += [c for c in told if c not in self.trace.conflicts]
        has_upstream = walked.links.target[walked.links.target != walked.links.source]
        ends = np.setdiff1d(everything, has_upstream)
        bare = await self._names.ids(self._never_received(ends[~self._names.odd(ends)]))
        for some in _slices(ends[self._names.odd(ends)]):
            ids = await self._names.ids(some)
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

    def _never_received(self, items: Ints) -> Ints:
        on, rows = self._graph.by_item.expand(items)
        received = np.zeros(len(items), dtype=np.bool_)
        received[on[self._graph.events.rank[self._graph.mentions.event[rows]] == _RECEIVED_RANK]] = True
        return items[~received]

    async def counted(self, starts: Sequence[ItemId]) -> set[ItemId]:
        """One item a thing: of ids surely of one thing the first of `starts`, else the first that is shown."""
        assert self._walked is not None
        links = self._walked.links
        shown = [*starts, *await self._names.ids(self._walked.nodes[self._order])]
        rows = np.flatnonzero((links.relation == IDENTIFIED_AS) & (links.reasons == 0))
        one, other = await self._names.ids(links.source[rows]), await self._names.ids(links.target[rows])
        return one_a_thing(shown, list(zip(one, other, strict=True)))

    # -- where they are

    async def whereabouts(self, items: Sequence[ItemId]) -> tuple[dict[ItemId, Whereabouts], Collection[int]]:
        """Where each item is, and the keys of events about them that have a void or a rival."""
        indexes = await self._names.indexes(list(items))
        odd = self._odd_standing(indexes)
        found: dict[ItemId, Whereabouts] = {}
        plain = indexes[~odd]
        if len(plain):
            stood = await asyncio.to_thread(stand, self._graph.standing, plain, self._at_us)
            found |= await self._told(stood)
        strange = [item for item, is_odd in zip(items, odd.tolist(), strict=True) if is_odd]
        record = self._asked.record()
        found |= await answer_async(states(strange, at_us=self._at_us), record.look_up) if strange else {}
        return found, record.troubled

    def _odd_standing(self, items: Ints) -> Bools:
        base = len(self._graph.item_nos)
        odd = np.ones(len(items), dtype=np.bool_)
        known = items < base
        odd[known] = self._graph.standing.odd[items[known]] | self._changed.state[items[known]]
        return odd

    async def _told(self, stood: Stood) -> dict[ItemId, Whereabouts]:
        ids = await self._names.ids(stood.items)
        containers = await self._chains(stood.container, self._graph.standing.stays.inside)
        wholes = await self._chains(stood.whole, self._graph.standing.parts.inside)
        text = self._graph.standing.texts
        columns = (
            self._graph.standing.kind[stood.items].tolist(),
            stood.status.tolist(),
            *(c.tolist() for c in (stood.disposition, stood.site, stood.holder, stood.owner)),
            stood.container.tolist(),
            stood.whole.tolist(),
        )
        found = {}
        for item, kind, status_code, disposition, site, holder, owner, box, whole in zip(ids, *columns, strict=True):
            status = STATUSES[status_code]
            around = containers.get(box, ())
            where = Where(text.get(site), text.get(holder), around[0] if around else None, status, Decimal(1), None)
            nowhere = status is None and where.site is None and where.holder is None and not around
            found[item] = Whereabouts(
                item=item,
                kind=KINDS[kind],
                status=status,
                disposition=text.get(disposition),
                site=where.site,
                container=where.container,
                containers=around,
                wholes=wholes.get(whole, ()),
                holder=where.holder,
                owner=text.get(owner),
                where=() if nowhere else (where,),
                holds=(),
                recalls=(),
                occurred_at=None,
                order_uncertain=False,
                gaps=(Gap("shipped_out", (item,), SHIPPED_OUT),) if status is Status.IN_TRANSIT else (),
                conflicts=(),
            )
        return found

    async def _chains(self, inner: Ints, inside: Callable[[Ints, int], Ints]) -> dict[int, tuple[ItemId, ...]]:
        """For each container (or unit), it and what it is in, innermost first."""
        chain: dict[int, list[int]] = {}
        above: dict[int, int] = {}
        todo = np.unique(inner[inner >= 0])
        while len(todo):
            parents = inside(todo, self._at_us)
            above |= dict(zip(todo.tolist(), parents.tolist(), strict=True))
            todo = np.array(sorted({p for p in parents.tolist() if p >= 0} - above.keys()), dtype=np.int64)
        for first in np.unique(inner[inner >= 0]).tolist():
            here, seen = first, []
            while here >= 0 and here not in seen:
                seen.append(here)
                here = above[here]
            chain[first] = seen
        every = sorted({i for seen in chain.values() for i in seen})
        ids = dict(zip(every, await self._names.ids(np.array(every, dtype=np.int64)), strict=True))
        return {first: tuple(ids[i] for i in seen) for first, seen in chain.items()}


def _slices(items: Ints) -> list[Ints]:
    return [items[start : start + _SLICE] for start in range(0, len(items), _SLICE)]
