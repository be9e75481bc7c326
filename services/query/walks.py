"""One walk in one snapshot: over the tenant's graph where that answers alike, else by the domain (SEMANTICS §3).

What traces, exposures and the scopes of cases share.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from domain.answers import Gap, Limits, Node, Trace, Way
from domain.exposure import Seed
from domain.genealogy import trace
from domain.ids import ItemId
from domain.links import Link
from domain.state import Whereabouts
from domain.walk import Mode
from services.query import rendering
from services.query.answering import answered
from services.query.dressing import STATE_CHUNK, Stand, listed
from services.query.graph.answer import OverGraph
from services.query.graph.keeper import Graphs, Known, reaches
from services.query.graph.memory import Memory
from services.query.graph.single import TooMuch
from services.query.graph.small import SmallWalk
from services.query.graph.stood import StoodSingly
from services.query.snapshot import Asked, MoreThanFew
from services.query.totals import counted_once
from services.settings import Settings

FEW_STARTS = 20
"""Up to so many items are traced link by link."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a walk begins: the items asked about, gaps that are known already, and what was exposed."""

    items: Sequence[ItemId]
    gaps: Sequence[Gap] = ()
    seeds: Sequence[Seed] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How to walk. `at_us` None: now."""

    way: Way
    mode: Mode = Mode.EVER
    at_us: int | None = None
    follow_all: bool = False
    follow_removed: bool = False


@dataclass(slots=True)
class Walked:
    """What a walk found. Without `over_graph`, `trace.nodes` has them all; `stand` tells where these are."""

    trace: Trace
    over_graph: OverGraph | None = None
    stand: Stand | None = None
    """None: the domain"""
    link_json: Callable[[Link], dict[str, Any]] = rendering.link_json
    standing_json: Callable[[Whereabouts], dict[str, Any]] = rendering.standing_json

    def __len__(self) -> int:
        return len(self.over_graph) if self.over_graph is not None else len(self.trace.nodes)

    async def counted(self, starts: Sequence[ItemId]) -> Set[ItemId]:
        """The items that count, one a thing: of the starts, then of the nodes."""
        if self.over_graph is not None:
            return self.over_graph.counted(starts)
        return counted_once(self.trace.nodes, starts)

    def chunks(self) -> AsyncIterator[list[Node]]:
        """The nodes by (level, item), some at a time. Those that the domain found are let go of as they come."""
        if self.over_graph is not None:
            return self.over_graph.chunks(STATE_CHUNK)
        nodes, self.trace.nodes = self.trace.nodes, []
        return listed(nodes)


async def walked(
    graphs: Graphs, settings: Settings, *, asked: Asked, walk: Walk, start: Start, few: bool = True
) -> Walked:
    """Walk from the start. `few`: it may lead to a few links only; where it does not, raises MoreThanFew at once."""
    limits = Limits(settings.trace_depth_limit, settings.trace_row_limit)
    few = few and not start.seeds and len(start.items) <= FEW_STARTS
    found = await _over_graph(graphs, asked, walk=walk, start=start, limits=limits, few=few)
    if found is not None:
        return found
    question = trace(
        start.items,
        way=walk.way,
        mode=walk.mode,
        at_us=walk.at_us,
        now_us=asked.fresh.now_us,
        follow_all=walk.follow_all,
        follow_removed=walk.follow_removed,
        seeds=start.seeds,
        limits=limits,
    )
    return Walked(await answered(question, asked.record()))


async def _over_graph(
    graphs: Graphs, asked: Asked, *, walk: Walk, start: Start, limits: Limits, few: bool
) -> Walked | None:
    """The walk over the tenant's graph; None where there is none, or where the question is more than it covers."""
    if walk.follow_all or walk.follow_removed or walk.mode is Mode.AS_BUILT or asked.scope:
        return None
    kept = await known_graph(graphs, asked)
    if kept is None:
        return None
    at_us = asked.fresh.now_us if walk.at_us is None else walk.at_us
    maintained_us = at_us if walk.mode is Mode.AS_MAINTAINED else None
    over = OverGraph(asked, *kept, at_us=at_us)
    if few:
        with contextlib.suppress(TooMuch):
            single = kept.remembered.single
            told = kept.changed.told if asked.vector is None else Memory()
            small = SmallWalk(kept.graph, kept.changed, single, told, way=walk.way, at_us=maintained_us, limits=limits)
            found = small.run(start.items)
            stood = StoodSingly(over, [*start.items, *(node.item for node in found.nodes)])
            return Walked(
                found, stand=stood.whereabouts, link_json=single.link_json, standing_json=single.standing_json
            )
        if asked.at_once:
            raise MoreThanFew
    done = await over.walk(
        start.items,
        start.seeds,
        way=walk.way,
        maintained_us=maintained_us,
        contents_at_us=walk.at_us,
        limits=limits,
    )
    return Walked(over.trace, over, over.whereabouts) if done else None


async def known_graph(graphs: Graphs, asked: Asked) -> Known | None:
    """The tenant's graph, and of which items it may tell otherwise than what is known: the record is asked of these.

    What came after the graph is asked of the record as of then; so is what the graph knows and is not known yet.
    """
    kept = asked.known or await graphs.graph(asked.connection, asked.tenant_id, asked.fresh)
    if kept is None or asked.vector is None or reaches(asked.vector, kept.graph.vector):
        return kept
    return await graphs.earlier(asked.connection, asked.tenant_id, asked.fresh, known=asked.vector)
