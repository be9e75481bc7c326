"""Evaluating scope rules: each leaf walked from its seeds, the sets combined as the rule says.

A rule of one leaf goes by as it is walked. Where leaves are combined, why each item is in is kept until all are walked,
some 400 bytes an item; where they are is read after that, some at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import asyncpg

from domain.answers import Gap, Node, Trace, Way
from domain.cases.scope import AllOf, AnyOf, Except, FailedComponentLots, Leaf, Product, Rule, leaves_of
from domain.cases.sets import CERTAIN, Why, all_of, any_of, but_not
from domain.ids import ItemId
from domain.links import Relation
from services.database import tenant_transaction
from services.query.dressing import STATE_CHUNK, Stand
from services.query.evaluation import Chunks, Evaluation, Sieve, Sieved
from services.query.freshness import freshness
from services.query.graph.affected import AffectedMembers
from services.query.graph.answer import OverGraph
from services.query.graph.groups import Ints
from services.query.graph.keeper import Graphs
from services.query.graph.links import CERTAIN_BIT
from services.query.graph.members import WAYS_SHOWN, MemberColumns
from services.query.graph.nodes import reasons_of
from services.query.points import newest_us
from services.query.seeding import Seeding
from services.query.set_lines import SetLines, SpooledLines
from services.query.snapshot import Asked
from services.query.totals import one_a_thing
from services.query.walks import Start, Walk, Walked, known_graph, walked
from services.settings import Settings

GRAPH_WITHIN_SECONDS = 900.0
"""How long a job waits for a graph that is being drawn, before it asks the domain."""


@asynccontextmanager
async def snapshot_at(
    pool: asyncpg.Pool, settings: Settings, *, tenant_id: int, vector: Mapping[int, int] | None, now_us: int
) -> AsyncIterator[Asked]:
    """A snapshot as known at `vector` (None: all that is applied), for the instant `now_us`; it may last.

    What was recorded by then has happened: a clock that is behind the log's makes the instant no earlier.
    """
    async with tenant_transaction(pool, tenant_id) as connection:
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        fresh = await freshness(connection, stale_after_seconds=3 * settings.heartbeat_seconds + 2)
        known = dict(vector) if vector is not None else None
        now_us = max(now_us, await newest_us(connection, tenant_id, fresh.vector if known is None else known))
        yield Asked(connection, tenant_id, replace(fresh, now_us=now_us), known)


@dataclass(slots=True)
class _Told:
    """What leaves tell beside their members: gaps, why it may be incomplete, and pairs of names of one thing."""

    gaps: list[Gap] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    same: list[tuple[ItemId, ItemId]] = field(default_factory=list)

    def take(self, start: Start, walk: Walked) -> None:
        self.gaps += [*start.gaps, *walk.trace.gaps]
        self.incomplete += [code for code in walk.trace.incomplete if code not in self.incomplete]


class Evaluator:
    """Evaluates rules over the graphs of this process."""

    def __init__(self, graphs: Graphs, settings: Settings) -> None:
        self.graphs, self.settings = graphs, settings

    async def begin(self, rule: Rule, asked: Asked) -> Evaluation:
        """Walk the rule. Raises Problem for an exposure that cannot be asked."""
        told, rule = _Told(), _alone(rule)
        if not isinstance(rule, AnyOf | AllOf | Except) and rule.follow == "forward":
            start, walk = await self._walk(rule, asked, told)
            return await self._of_leaf(rule, asked, told, start=start, walk=walk)
        chosen = await self._chosen(rule, asked, told)
        ordered = sorted(chosen.items(), key=lambda one: (one[1].level, one[0]))
        items = [ItemId(item) for item, _ in ordered]
        return Evaluation(
            asked=asked,
            count=len(ordered),
            affected=one_a_thing(items, [(a, b) for a, b in told.same if a in chosen and b in chosen]),
            chunks=_sliced(items, [why for _, why in ordered]),
            stand=await self._standing(asked),
            gaps=list(dict.fromkeys(told.gaps)),
            incomplete=told.incomplete,
        )

    async def upstream(self, rule: Rule, asked: Asked) -> AsyncIterator[list[ItemId]]:
        """What is behind the failed items of the rule, some at a time: its seeds are found by way of it."""
        for leaf in leaves_of(rule):
            if isinstance(leaf, FailedComponentLots):
                async for some in Seeding(self.graphs, self.settings, asked).upstream(leaf):
                    yield some

    async def lines(self, rule: Rule, asked: Asked) -> SetLines:
        """The same as lines to be kept; a rule of one leaf by columns. Raises as `begin` does."""
        told, rule = _Told(), _alone(rule)
        if isinstance(rule, AnyOf | AllOf | Except) or rule.follow != "forward":
            return SpooledLines(await self.begin(rule, asked))
        start, walk = await self._walk(rule, asked, told)
        if walk.over_graph is None:
            return SpooledLines(await self._of_leaf(rule, asked, told, start=start, walk=walk))
        over = walk.over_graph if rule.at is None else await self._over_now(asked)
        assert over is not None
        columns = partial(MemberColumns, walk.over_graph, over.standings, gaps=told.gaps, incomplete=told.incomplete)
        return await asyncio.to_thread(columns)

    async def _of_leaf(self, leaf: Leaf, asked: Asked, told: _Told, *, start: Start, walk: Walked) -> Evaluation:
        affected: Container[ItemId]
        if (over := walk.over_graph) is not None:
            sieved = Sieved(over, lambda but: _members_of(leaf, start, walk, same=[], but=but))
            affected = await asyncio.to_thread(AffectedMembers, over)
        else:
            sieved, affected = None, await walk.counted(start.items)
        return Evaluation(
            asked=asked,
            count=len(start.items) + len(walk),
            affected=affected,
            chunks=_members_of(leaf, start, walk, same=[]),
            # Where members are is asked about now, whatever instant the leaf walks at.
            stand=walk.stand if leaf.at is None else await self._standing(asked),
            gaps=told.gaps,
            incomplete=told.incomplete,
            sieved=sieved,
        )

    async def _walk(self, leaf: Leaf, asked: Asked, told: _Told) -> tuple[Start, Walked]:
        start = await Seeding(self.graphs, self.settings, asked).start(leaf)
        start = replace(start, items=sorted(start.items))
        at_us = leaf.at.latest_us if leaf.at is not None else None
        how = Walk(way=Way.FORWARD, mode=leaf.mode, at_us=at_us)
        if leaf.follow == "none" and not start.seeds and not isinstance(leaf, Product):
            walk = Walked(Trace(tuple(start.items)))
        else:
            walk = await walked(self.graphs, self.settings, asked=asked, walk=how, start=start)
        told.take(start, walk)
        return start, walk

    async def _chosen(self, rule: Rule, asked: Asked, told: _Told) -> dict[str, Why]:
        match rule:
            case AnyOf(rules):
                return any_of([await self._chosen(r, asked, told) for r in rules])
            case AllOf(rules):
                return all_of([await self._chosen(r, asked, told) for r in rules])
            case Except(one, but):
                return but_not(await self._chosen(one, asked, told), await self._chosen(but, asked, told))
            case _:
                start, walk = await self._walk(rule, asked, told)
                chosen: dict[str, Why] = {}
                async for some in _members_of(rule, start, walk, same=told.same):
                    chosen |= some
                return chosen

    async def _standing(self, asked: Asked) -> Stand | None:
        """What tells where things are over the graph, where nothing was walked; None: the domain."""
        over = await self._over_now(asked)
        return over.whereabouts if over is not None else None

    async def _over_now(self, asked: Asked) -> OverGraph | None:
        kept = await known_graph(self.graphs, asked)
        return OverGraph(asked, *kept, at_us=asked.fresh.now_us) if kept is not None else None


def _alone(rule: Rule) -> Rule:
    """The one rule that is combined with nothing, if it is so."""
    while isinstance(rule, AnyOf | AllOf) and len(rule.rules) == 1:
        [rule] = rule.rules
    return rule


async def _members_of(
    leaf: Leaf, start: Start, walk: Walked, *, same: list[tuple[ItemId, ItemId]], but: Sieve | None = None
) -> Chunks:
    """The seeds, then what they went into; adds to `same` the names that are surely of one thing."""
    for some in _parts(start.items):
        yield [(item, Why(0, seed=True)) for item in some]
    opened = frozenset(start.items) if isinstance(leaf, Product) else frozenset()
    async for found in _reached(walk, same, but):
        if leaf.follow == "none":
            # An exposure's seeds are nodes without a predecessor; of a product its lots and units are seeds.
            found = [(i, w) for i, w in found if not w.came_from or not opened.isdisjoint(w.came_from)]
        if found:
            yield found


async def _reached(walk: Walked, same: list[tuple[ItemId, ItemId]], but: Sieve | None) -> Chunks:
    """What a walk reached, and why; adds to `same` the names that are surely of one thing."""
    over_graph = walk.over_graph
    if over_graph is None:
        async for nodes in walk.chunks():
            same += [pair for node in nodes for pair in _same_things(node)]
            yield [(node.item, _why(node)) for node in nodes]
        return
    same += over_graph.same_things()
    for start in range(0, len(over_graph), STATE_CHUNK):
        rows = over_graph.order[start : start + STATE_CHUNK]
        yield await asyncio.to_thread(_of_columns, over_graph, rows, but)


def _of_columns(over_graph: OverGraph, rows: Ints, but: Sieve | None) -> list[tuple[ItemId, Why]]:
    """As `_why`, from the columns of a graph's walk."""
    nodes = over_graph.nodes
    rows = rows if but is None else rows[~but(rows)]
    if not len(rows):
        return []
    came_from, event_ids = nodes.ways(rows, WAYS_SHOWN)
    items = over_graph.names.ids(nodes.walked.nodes[rows])
    verdicts, levels = nodes.verdict(rows).tolist(), nodes.level[rows].tolist()
    found = []
    for item, verdict, level, up, events in zip(items, verdicts, levels, came_from, event_ids, strict=True):
        certain = verdict == CERTAIN_BIT
        reasons = () if certain else reasons_of(verdict)
        found.append((item, Why(level, reasons, up, events, seed=not up, certain=certain)))
    return found


async def _sliced(items: Sequence[ItemId], whys: Sequence[Why]) -> Chunks:
    for start in range(0, len(items), STATE_CHUNK):
        end = start + STATE_CHUNK
        yield list(zip(items[start:end], whys[start:end], strict=True))


def _parts(items: Sequence[ItemId]) -> Iterable[Sequence[ItemId]]:
    return (items[start : start + STATE_CHUNK] for start in range(0, len(items), STATE_CHUNK))


def _why(node: Node) -> Why:
    up = node.came_from[:WAYS_SHOWN]
    events = dict.fromkeys(link.event_id for link in node.links if link.source in up or link.target in up)
    return Why(
        level=node.level,
        reasons=node.reasons,
        came_from=tuple(map(str, up)),
        event_ids=tuple(events)[:WAYS_SHOWN],
        seed=not node.came_from,
        certain=node.certainty == CERTAIN,
    )


def _same_things(node: Node) -> list[tuple[ItemId, ItemId]]:
    """Pairs of names that are surely of one thing."""
    links = [link for link in node.links if link.relation is Relation.IDENTIFIED_AS and not link.reasons]
    return [(link.source, link.target) for link in links]
