"""What events that are newer than a graph may have changed: those items are asked of the domain.

Everything that one look at an event gives concerns the items it names. What relates it to others is followed here:
copies and voids of older events, shared transformations, contents of what was taken, parts of what was emptied, lots of
a class used without a lot, lots that scans of serials may cover, and what a hold or recall, old or new, may reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg
import numpy as np

from domain.facts import Action, Role
from domain.ids import other_levels
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.kinds import BARRED_KINDS, LINKED_KINDS, LOT, PLAIN_KINDS, Uncovered
from services.query.graph.memory import Memory
from services.query.graph.reaching import beside, boxes_taken, contents_of, lots_into, names_of, reached
from services.query.ranges import Ranges

MOST_EVENTS = 50_000
"""Newer events that are looked at; with more the graph is of no use."""

_NEWER = """
SELECT e.event_no, e.key_no, e.kind
FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS known(partition, log_offset, appended_us)
JOIN views.events e ON e.log_partition = known.partition AND e.appended_us >= known.appended_us
                   AND e.log_offset > known.log_offset
WHERE e.tenant_id = $1 LIMIT $5
"""
_SINCE = """
-- of each partition, among its newest records: when the last at or below a position was appended; how many there are
SELECT k.partition, s.appended_us, s.records
FROM unnest($2::int[], $3::bigint[]) AS k(partition, log_offset) CROSS JOIN LATERAL (
    SELECT max(n.appended_us) FILTER (WHERE n.log_offset <= k.log_offset) AS appended_us, count(*) AS records
    FROM (SELECT e.appended_us, e.log_offset FROM views.events e
          WHERE e.tenant_id = $1 AND e.log_partition = k.partition ORDER BY e.appended_us DESC LIMIT $4) AS n
) AS s
"""
_TOUCHED = """
-- these events, their copies, what they void, and all events of the transformations of any of them
WITH keys AS (
    SELECT unnest($2::bigint[]) AS key_no
    UNION SELECT target_key_no FROM views.voids WHERE event_no = ANY ($3)
    UNION SELECT v.target_key_no FROM views.voids v JOIN views.events e USING (event_no) WHERE e.key_no = ANY ($2)
    UNION SELECT v.target_key_no FROM views.voids v WHERE v.tenant_id = $1 AND v.replacement_key_nos && $2
), named AS (
    SELECT e.event_no, e.transformation FROM views.events e JOIN keys USING (key_no)
)
SELECT event_no FROM named
UNION
SELECT e.event_no FROM views.events e
WHERE e.tenant_id = $1 AND e.transformation IN (SELECT transformation FROM named WHERE transformation IS NOT NULL)
"""
_MATERIALS = """
-- hashes of classes that are named, and whether lots of them may have other links: the graph may not know these items
SELECT DISTINCT hashtextextended(i.uri, 0) AS material, x.role = 1 AS linked
FROM views.event_items x JOIN views.items i USING (item_no) WHERE x.event_no = ANY ($1) AND i.kind = 'class'
"""
_LATER = "SELECT item_no, uri FROM views.items WHERE item_no = ANY ($1)"
_LOADED = "SELECT DISTINCT equipment FROM views.loadings WHERE event_no = ANY ($1)"
_RESTRAINS = (
    "SELECT EXISTS (SELECT FROM views.events WHERE event_no = ANY ($1) AND (hold IS NOT NULL OR recall IS NOT NULL))"
)
_STATED = "SELECT EXISTS (SELECT FROM views.uom_factors WHERE event_no = ANY ($1))"
_NAMED = """
SELECT item_no, role, action, event_no = ANY ($2) AS newer, false AS related
FROM views.event_items WHERE event_no = ANY ($1)
UNION ALL SELECT lot_no, 0, 0, false, false FROM views.memberships WHERE event_no = ANY ($1)
UNION ALL SELECT unit_no, 0, 0, false, false FROM views.memberships WHERE event_no = ANY ($1)
UNION ALL SELECT one_no, 0, 0, false, true FROM views.identities WHERE event_no = ANY ($1)
UNION ALL SELECT other_no, 0, 0, false, true FROM views.identities WHERE event_no = ANY ($1)
UNION ALL SELECT old_no, 0, 0, false, true FROM views.renamings WHERE event_no = ANY ($1)
UNION ALL SELECT new_no, 0, 0, false, true FROM views.renamings WHERE event_no = ANY ($1)
UNION ALL SELECT item_no, 0, 0, false, true FROM views.item_materials WHERE event_no = ANY ($1)
UNION ALL SELECT lot_no, 0, 0, false, false FROM views.serial_ranges WHERE event_no = ANY ($1) AND lot_no IS NOT NULL
UNION ALL SELECT parent_no, 0, 0, false, false FROM views.events WHERE event_no = ANY ($1) AND parent_no IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """By item of the graph: whether its links, or its state, may be other than the graph says."""

    links: Bools
    state: Bools
    barred: frozenset[str] = frozenset()
    """items that newer events of a kind unknown here name"""
    events: int = 0
    """how many events are newer"""
    reaches_far: bool = False
    """one of them may change the state of items that it does not lead to: a hold, a recall, an equation of units, or a
    void of one"""
    told: Memory = field(default_factory=Memory)
    """what the domain told of links, with all of them in the views"""
    touched: frozenset[int] = frozenset()
    """numbers of older events that count otherwise now, or may; also those of newer ones"""


class TooNew(Exception):
    """More happened since the graph was built than is worth following: it must be built again."""


async def changed(
    connection: asyncpg.Connection,
    tenant_id: int,
    graph: Graph,
    *,
    since: Mapping[int, int] | None = None,
    skew_us: int = 0,
) -> Changed:
    """What may have changed in what the transaction of `connection` sees. Raises TooNew, Uncovered.

    `since` is a position before that of the graph, for a question as known there or later: what is newer than it is
    asked of the domain, whether the graph knows it or not. It changed the same items in either direction.

    `skew_us`: how far append times of a partition may run backwards, where another broker comes to lead it.
    """
    partitions = await connection.fetch("SELECT log_partition, applied_offset FROM views.checkpoints")
    none = np.zeros(len(graph), dtype=np.bool_)
    if since is None and all(graph.vector.get(p, -1) == offset for p, offset in partitions):
        return Changed(none, none)
    known = [(p, graph.vector.get(p, -1), graph.applied_us.get(p, 0)) for p, _ in partitions]
    if since is not None:
        known = await _known(connection, tenant_id, {p: since.get(p, -1) for p, _ in partitions})
    columns = list(zip(*((p, offset, us - skew_us) for p, offset, us in known), strict=True)) or [(), (), ()]
    rows = await connection.fetch(_NEWER, tenant_id, *columns, MOST_EVENTS + 1)
    if len(rows) > MOST_EVENTS:
        raise TooNew
    unknown = [r for r in rows if r["kind"] not in PLAIN_KINDS | LINKED_KINDS]
    if any(r["kind"] not in BARRED_KINDS for r in unknown):
        raise Uncovered
    if not rows:
        return Changed(none, none)
    newer = [r["event_no"] for r in rows]
    if not {r[0] for r in await connection.fetch(_LOADED, newer)} <= graph.loaded:
        raise TooNew  # what was made there before may have links now
    touched = [r[0] for r in await connection.fetch(_TOUCHED, tenant_id, [r["key_no"] for r in rows], newer)]
    named = await connection.fetch(_NAMED, touched, newer)
    found = _Found(graph, named, await _later(connection, graph, named))
    members = await _members(connection, tenant_id, graph, touched=touched)
    restrains = bool(await connection.fetchval(_RESTRAINS, touched))  # a void names no hold: what it voids does
    materials = await connection.fetch(_MATERIALS, touched)
    links, state = found.followed(members, materials=materials, restrains=restrains)
    barred = await connection.fetch(_NAMED, [r["event_no"] for r in unknown], newer) if unknown else []
    uris = await connection.fetch(_LATER, [r["item_no"] for r in barred])
    far = restrains or bool(await connection.fetchval(_STATED, touched))
    return Changed(links, state, frozenset(r["uri"] for r in uris), len(rows), far, touched=frozenset(touched))


async def _known(
    connection: asyncpg.Connection, tenant_id: int, since: Mapping[int, int]
) -> list[tuple[int, int, int]]:
    """(partition, offset, append time of the newest record up to there). Raises TooNew."""
    columns = list(since), list(since.values())
    rows = await connection.fetch(_SINCE, tenant_id, *columns, MOST_EVENTS + 1)
    if any(appended_us is None and records > MOST_EVENTS for _, appended_us, records in rows):
        raise TooNew
    return [(partition, since[partition], appended_us or 0) for partition, appended_us, _ in rows]


async def _later(connection: asyncpg.Connection, graph: Graph, named: list[asyncpg.Record]) -> dict[int, str]:
    """The ids of items that the graph knows no number of."""
    numbers = np.unique(np.array([r["item_no"] for r in named], dtype=np.int64))
    return dict(await connection.fetch(_LATER, numbers[graph.numbers.items(numbers) < 0].tolist()))


async def _members(connection: asyncpg.Connection, tenant_id: int, graph: Graph, *, touched: list[int]) -> Ints:
    """Units that ranges of these events name. Raises TooNew."""
    told = await Ranges(connection, tenant_id).of_events(touched)
    if sum(ranged.serials.count for _, ranged in told) > MOST_EVENTS:
        raise TooNew
    found = (graph.names.find(i) for _, ranged in told for i in ranged.serials.items())
    return np.array(sorted({i for i in found if i >= 0}), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Found:
    """What newer events name, and what they touch; `later`: ids of items that have no number in the graph."""

    graph: Graph
    named: list[asyncpg.Record]
    later: Mapping[int, str]

    def those(self, chosen: list[asyncpg.Record]) -> Ints:
        """The items of the graph that these rows name."""
        found = self.graph.numbers.items(np.array([r["item_no"] for r in chosen], dtype=np.int64)).tolist()
        later = (self.later.get(r["item_no"]) for r, i in zip(chosen, found, strict=True) if i < 0)
        found += [self.graph.names.find(uri) for uri in later if uri is not None]
        return np.array(sorted({i for i in found if i >= 0}), dtype=np.int64)

    def followed(self, members: Ints, *, materials: list[asyncpg.Record], restrains: bool) -> tuple[Bools, Bools]:
        """By item of the graph, whether its links and whether its state may be others now."""
        graph = self.graph
        links = np.zeros(len(graph), dtype=np.bool_)
        links[self.those(self.named)] = True
        links[members] = True
        opened = [r for r in self.named if _taken(r) or r["role"] == Role.CHILD]  # a box brings what is in it
        links[contents_of(graph, self.those(opened))] = True
        of_class = np.isin(graph.material, [r["material"] for r in materials if r["linked"]])
        links |= of_class & np.isin(graph.standing.kind, (LOT, 0))
        related = self.those([r for r in self.named if r["related"] or r["role"] == Role.PARENT])
        links[beside(graph, names_of(graph, related))] = True
        made = self.those([r for r in self.named if r["role"] in (Role.OUTPUT, Role.WHOLE)])
        links[lots_into(graph, np.union1d(made, members))] = True
        links[self._alike()] = True
        links[names_of(graph, np.flatnonzero(links))] = True
        state = links.copy()
        state[contents_of(graph, np.flatnonzero(links))] = True
        state[boxes_taken(graph, np.flatnonzero(links))] = True
        if restrains:
            state |= np.isin(graph.material, [r["material"] for r in materials])
            if materials:
                state[graph.declared] = True
            state[reached(graph, np.flatnonzero(state))] = True
        else:
            state[reached(graph, self._under_others(made))] = True
        return links, state

    def _under_others(self, made: Ints) -> Ints:
        """What an older hold or recall may reach only now, and what is below it: things that got another name or a
        material, lots among what was `made` that may have been split from what is held, and what came into, or out of,
        a container that is.
        """
        graph = self.graph
        same = self.those([r for r in self.named if r["related"]])
        used = self.those([r for r in self.named if r["role"] == Role.INPUT])
        odd = graph.standing.odd & ~graph.standing.stock
        lots = made[np.isin(graph.standing.kind[made], (LOT, 0))]
        of_any = np.union1d(same, used)
        if not (odd[same].any() or np.isin(of_any, graph.declared).any()):
            # a lot is split from what is of its material, or was declared to be
            lots = lots[odd[lots] | np.isin(graph.material[lots], graph.material[used[odd[used]]])]
        opened = self.those([r for r in self.named if _taken(r)])
        packed = self.those([r for r in self.named if r["role"] in (Role.CHILD, Role.PARENT)])
        moved = np.union1d(packed, opened[graph.is_parent[opened]])
        moved = contents_of(graph, moved) if odd[moved].any() else moved[:0]
        return np.union1d(np.union1d(same, lots), moved)

    def _alike(self) -> list[int]:
        """Lots of which another packaging level was named."""
        others = (other for uri in self.later.values() for other in other_levels(uri))
        return [i for other in others if (i := self.graph.names.find(other)) >= 0]


def _taken(r: asyncpg.Record) -> bool:
    fitted = r["role"] == Role.COMPONENT and r["action"] != Action.TAKE
    return bool(r["role"] == Role.INPUT or fitted or r["action"] == Action.TAKE_ALL)
