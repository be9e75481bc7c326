"""From a walk's nodes to what is sent: each dressed with its state, some at a time, while the rest is gathered."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from domain.answers import Conflict, Gap, Node
from domain.ids import ItemId
from domain.links import Link
from domain.state import State, Whereabouts, states
from services.query import rendering
from services.query.answering import answered
from services.query.conflicts import ConflictsAbout
from services.query.scope import Seen, Veil, marked
from services.query.snapshot import Asked
from services.query.totals import Totals
from services.turns import give_way

STATE_CHUNK = 1_000
"""Nodes whose state is read at once."""
_FEW = 50
"""Up to so many are written while others wait: going to a thread would take longer."""


Stand = Callable[[Sequence[ItemId]], Awaitable[tuple[Mapping[ItemId, Whereabouts], Collection[int]]]]
"""Where items are, and the keys of events about them that have a void or a second version."""


async def listed(nodes: list[Node]) -> AsyncIterator[list[Node]]:
    """The nodes, some at a time. Empties the list as it goes."""
    nodes.reverse()
    while nodes:
        chunk = nodes[: -STATE_CHUNK - 1 : -1]
        del nodes[-STATE_CHUNK:]
        yield chunk


class Dressing:
    """Reads the state of nodes, and gathers what an answer ends with: gaps, conflicts and totals.

    `veil`: the nodes are shown to a key limited to sites (services/query/scope.py).
    """

    link_json: Callable[[Link], dict[str, Any]] = staticmethod(rendering.link_json)
    """writes a link as JSON data"""
    standing_json: Callable[[Whereabouts], dict[str, Any]] = staticmethod(rendering.standing_json)
    """writes how an item stands as JSON data"""

    def __init__(self, asked: Asked, *, at_us: int, totals: Totals | None, veil: Veil | None = None) -> None:
        self.asked, self.at_us, self.totals, self.veil = asked, at_us, totals, veil
        self._told = ConflictsAbout(asked.connection, asked.tenant_id, vector=asked.vector, quiet=asked.quiet)
        self._gaps: dict[Gap, list[ItemId]] = {}
        self._conflicts: list[Conflict] = []

    async def about(self, items: Sequence[ItemId], *, stand: Stand | None = None) -> None:
        """Gather the conflicts of items that are asked about and are no nodes, and what of them is unaccounted for."""
        for start in range(0, len(items), STATE_CHUNK):
            chunk = items[start : start + STATE_CHUNK]
            found, troubled = await (stand or self._states)(chunk)
            await self._told.look(chunk, troubled=troubled)
            missing = {i: s for i, s in found.items() if any(g.code == "unaccounted" for g in s.gaps)}
            if self.asked.scope is not None:
                full = {i: s for i, s in missing.items() if isinstance(s, State)}
                missing = {i: s.shown for i, s in (await self.asked.scope.seen(full, at_us=self.at_us)).items()}
            for gap in (g for s in missing.values() for g in s.gaps if g.code == "unaccounted"):
                self.gather_gap(gap)

    async def dressed(
        self, chunks: AsyncIterable[list[Node]], *, stand: Stand | None = None, show: int | None = None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The nodes as JSON data, in order, some at a time; past the first `show` they only count.

        `stand` tells where items are; the domain does where it is left out.
        """
        left = show
        async for chunk in chunks:
            seen = await self._seen([n.item for n in chunk], stand or self._states)
            shown = chunk if left is None else chunk[:left]
            left = None if left is None else max(0, left - len(chunk))
            if len(chunk) > _FEW:
                yield await asyncio.to_thread(self._take, chunk, seen, shown=shown)
            else:
                yield self._take(chunk, seen, shown=shown)

    async def _seen(self, items: Sequence[ItemId], stand: Stand) -> Mapping[ItemId, Seen[Whereabouts]]:
        if self.veil is not None:
            found, troubled = await self._full([self.veil.real[i] for i in items])
            await self._told.look(found, troubled=troubled)
            return await self.veil.states(found, at_us=self.at_us)
        whereabouts, troubled = await stand(items)
        await self._told.look(items, troubled=troubled)
        return {item: Seen(state, state) for item, state in whereabouts.items()}

    async def _states(self, items: Sequence[ItemId]) -> tuple[Mapping[ItemId, Whereabouts], Collection[int]]:
        return await self._full(items)

    async def _full(self, items: Sequence[ItemId]) -> tuple[dict[ItemId, State], Collection[int]]:
        record = self.asked.record()
        return await answered(states(items, at_us=self.at_us), record), record.troubled

    def _take(
        self, chunk: list[Node], seen: Mapping[ItemId, Seen[Whereabouts]], *, shown: list[Node]
    ) -> list[dict[str, Any]]:
        give_way()
        for node in chunk:
            state = seen[node.item].shown
            if self.totals is not None:
                self.totals.add(node.item, node.certainty, state=seen[node.item].full, shown=state)
            self.gather(state)
        link_json, standing_json = self.link_json, self.standing_json
        return [
            marked(rendering.node_json(n, seen[n.item].shown, linked=link_json, standing=standing_json), seen[n.item])
            for n in shown
        ]

    def gather(self, state: Whereabouts) -> None:
        """What the state of a node tells beside it."""
        for gap in state.gaps:
            self.gather_gap(gap)
        self._conflicts += state.conflicts

    async def look(self, items: Sequence[ItemId], *, troubled: Collection[int]) -> None:
        """Gather the conflicts of items; `troubled`: keys of their events that have a void or a second version."""
        await self._told.look(items, troubled=troubled)

    def gather_gap(self, gap: Gap) -> None:
        self._gaps.setdefault(replace(gap, items=()), []).extend(gap.items)

    def gaps(self) -> list[Gap]:
        """Those of the nodes' states: one a kind, which names every item it is about."""
        return [replace(gap, items=tuple(items)) for gap, items in self._gaps.items()]

    async def conflicts(self) -> list[Conflict]:
        told = self._told.found()
        return [*(told if self.asked.scope is None else await self.asked.scope.conflicts(told)), *self._conflicts]
