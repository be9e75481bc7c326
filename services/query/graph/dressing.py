"""Nodes of a walk over a graph dressed with how they stand: counted, and made into columns, some at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial

import numpy as np

from domain.ids import ItemId
from domain.links import ALWAYS_US
from services.query.dressing import Dressing
from services.query.graph.answer import OverGraph
from services.query.graph.counting import Counting
from services.query.graph.groups import Ints, alike, picked
from services.query.graph.kinds import KINDS
from services.query.graph.links import CERTAIN_BIT, RELATIONS
from services.query.graph.nodes import reasons_of
from services.query.graph.standings import Stood
from services.query.node_columns import Head, NodeColumns, Said
from services.query.pieces import one_ahead
from services.query.weaving import Column, Part
from services.turns import give_way

Form = Callable[[NodeColumns], bytes]

CHUNK = 5_000
"""Nodes that are written at once."""
COUNTED_AT_ONCE = 100_000
QUIET_SECONDS = 15.0
"""So long an answer may be sent, to a slow client perhaps, with nothing asked of the database."""
_FEW, _FEW_COUNTED = 500, 20_000
"""So few nodes that are shown, of so few that are looked through to count these, are no work for another thread."""


class ColumnDressing:
    """Dresses what a walk reached; `dressing` gathers what an answer ends with."""

    def __init__(self, dressing: Dressing, over: OverGraph, *, tells: bool) -> None:
        """`tells`: the answer tells of all of them together, too: totals, gaps, conflicts."""
        self.dressing, self._over = dressing, over
        self._nodes, self._remembered = over.nodes, over.standings.remembered
        self._counting = Counting(over) if tells else None

    async def about(self, items: Sequence[ItemId]) -> None:
        """What must be told of items that are asked about and are no nodes."""
        names = self._over.names
        for start in range(0, len(items), CHUNK):
            some = items[start : start + CHUNK]
            stood = await self._over.standings.stand(names, names.indexes(some))
            for at in np.flatnonzero(stood.by_domain).tolist():
                for gap in stood.state(at).gaps:
                    if gap.code == "unaccounted":
                        self.dressing.gather_gap(gap)
            if stood.troubled:
                strange = [i for i, odd in zip(some, stood.by_domain.tolist(), strict=True) if odd]
                await self.dressing.look(strange, troubled=stood.troubled)

    async def pieces(self, form: Form | None, *, show: int | None) -> AsyncIterator[bytes]:
        """All nodes, in the order of answers; the first `show` of them in the form, if there is one."""
        order = self._over.order
        works = self._works(form, show=show)
        if len(order) < _FEW and len(self._nodes) < _FEW_COUNTED:
            async for work in works:
                yield work()
        else:
            async with aclosing(one_ahead(works)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _works(self, form: Form | None, *, show: int | None) -> AsyncIterator[Callable[[], bytes]]:
        """What makes the pieces; to be done one after the other."""
        order, size = self._over.order, CHUNK if form is not None else COUNTED_AT_ONCE
        left = 0 if form is None else len(order) if show is None else show
        if self._counting is None:  # who is neither shown nor counted is not looked at
            order = order[:left]
        loop = asyncio.get_running_loop()
        asked = loop.time()
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            if loop.time() - asked > QUIET_SECONDS:
                await self.dressing.asked.stay()
                asked = loop.time()
            stood = await self._stand(rows, coded=left > 0)
            last = start + size >= len(order)
            yield partial(self._take, rows, stood, form=form, show=min(left, len(rows)), last=last)
            left = max(0, left - len(rows))

    async def _stand(self, rows: Ints, *, coded: bool) -> Stood:
        items, tells = self._nodes.walked.nodes[rows], self._counting is not None
        stood = await self._over.standings.stand(
            self._over.names, items, timed=self._nodes.timeless(rows) if coded else None, counted=tells, coded=coded
        )
        if tells and stood.troubled:
            await self.dressing.look(self._over.names.ids(items[stood.by_domain]), troubled=stood.troubled)
        return stood

    # -- counted, and as columns

    def _take(self, rows: Ints, stood: Stood, *, form: Form | None, show: int, last: bool) -> bytes:
        give_way()
        if self._counting is not None:
            self._counting.gather(rows, stood, self.dressing)
            if self.dressing.totals is not None:
                self._counting.take(rows, stood)
                if last:
                    self._counting.finish(self.dressing.totals)
        return form(self._columns(rows[:show], stood)) if show and form is not None else b""

    def _columns(self, rows: Ints, stood: Stood) -> NodeColumns:
        nodes, names = self._nodes, self._over.names
        codes = stood.codes[: len(rows)]
        from_bounds, came_from, from_counts = nodes.shown_from(rows)
        link_bounds, links, link_counts = nodes.shown_links(rows)
        give_way()
        heads, head_table = self._heads(rows, stood)
        c = nodes.walked.links
        said, said_table = self._said(links)
        reached, told = nodes.reached_us[rows], c.told[links]
        without_time = reached == ALWAYS_US
        return NodeColumns(
            items=names.column(nodes.walked.nodes[rows]),
            heads=heads,
            head_table=head_table,
            came_from=names.column(came_from),
            from_bounds=from_bounds,
            from_counts=from_counts,
            sources=names.column(c.source[links]),
            targets=names.column(c.target[links]),
            said=said,
            said_table=said_table,
            events=self._events(c.event[links]),
            since_us=np.where(told >= 0, 0, c.since_us[links]),
            links_told={at: nodes.walked.told[told[at]] for at in np.flatnonzero(told >= 0).tolist()},
            link_bounds=link_bounds,
            link_counts=link_counts,
            reached_us=np.where(without_time, 0, reached),
            reached_otherwise={at: stood.occurred_at(at) for at in np.flatnonzero(without_time).tolist()},
            standing=codes,
            stands=self._remembered.stands,
            own=stood.own,
        )

    def _heads(self, rows: Ints, stood: Stood) -> tuple[Ints, list[Head]]:
        nodes = self._nodes
        items = nodes.walked.nodes[rows]
        kind = np.zeros(len(rows), dtype=np.int64)
        base = items < len(self._over.graph)
        kind[base] = self._over.graph.standing.kind[items[base]]
        kind[kind == 0] = 1
        strange = np.flatnonzero(stood.by_domain[: len(rows)])
        kind[strange] = stood.kinds(strange)
        columns = (kind, nodes.level[rows], nodes.verdict(rows))
        first, which = alike(columns)
        table = [
            Head(
                KINDS[kind],
                level,
                "certain" if verdict == CERTAIN_BIT else "possible",
                () if verdict == CERTAIN_BIT else reasons_of(verdict),
            )
            for kind, level, verdict in zip(*(c[first].tolist() for c in columns), strict=True)
        ]
        return which, table

    def _said(self, links: Ints) -> tuple[Ints, list[Said]]:
        """What each link says beside its ends, its event and its instant; those the domain told say it themselves."""
        c, graph = self._nodes.walked.links, self._over.graph
        columns = (c.relation[links], picked(graph.mentions.told, c.mention[links], 0), c.reasons[links])
        first, which = alike(columns)
        table = [
            Said(RELATIONS[relation], graph.told[told], reasons_of(bits))
            for relation, told, bits in zip(*(column[first].tolist() for column in columns), strict=True)
        ]
        return which, table

    def _events(self, events: Ints) -> Column:
        """The id of each event; none where the domain tells the link."""
        plain = np.flatnonzero(events >= 0)
        return Column(len(events), (Part(self._over.graph.events.ids, events[plain], plain),))
