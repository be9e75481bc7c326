"""What a key limited to sites may see of an answer (docs/semantics.md, "Keys limited to sites").

An item is its own if an event that counts, at one of its places, names it. Whatever else an answer tells, it tells
only where the events at these places alone say the same: by construction nothing of another place can show.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import asyncpg

from domain.corrections import Standing
from domain.genealogy import Conflict, Gap, Node, Trace, Way
from domain.ids import ItemId
from domain.linking import links_of
from domain.links import NEVER_US, Link
from domain.state import State, Whereabouts, states
from services.query.answering import answered
from services.query.record import SqlRecord
from services.query.standing import judged

T = TypeVar("T")

HIDDEN = "hidden:"
_TOKEN_BYTES = 16
AT_ONCE = 2_000
"""Items that one statement, or one look at their links, is about."""

_KNOWN = """
($4::int[] IS NULL OR e.log_offset <= coalesce(
    (SELECT v.known FROM unnest($4::int[], $5::bigint[]) AS v(part, known) WHERE v.part = e.log_partition), -1))
"""
_NAMES = """
SELECT x.event_no FROM views.event_items x WHERE x.item_no = i.item_no
UNION ALL SELECT m.event_no FROM views.memberships m WHERE m.lot_no = i.item_no
UNION ALL SELECT m.event_no FROM views.memberships m WHERE m.unit_no = i.item_no
UNION ALL SELECT m.event_no FROM views.item_materials m WHERE m.material_no = i.item_no
UNION ALL SELECT r.event_no FROM views.serial_ranges r WHERE r.lot_no = i.item_no
"""
# Row-level security shows places of these sites alone; the condition on them says the same once more.
_AT_OWN = f"""
FROM ({_NAMES}) AS n JOIN views.event_places p USING (event_no) JOIN views.events e USING (event_no)
WHERE p.place = ANY($3) AND {_KNOWN}
"""
_TROUBLED = """
(EXISTS (SELECT FROM views.voids v WHERE v.target_key_no = e.key_no)
 OR EXISTS (SELECT FROM views.events o WHERE o.key_no = e.key_no AND o.event_no <> e.event_no))
"""
_OWN_ITEMS = f"""
-- the items that an event at these places names which nobody voided or sent otherwise
SELECT i.uri FROM views.items i
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND EXISTS (SELECT {_AT_OWN} AND NOT {_TROUBLED})
"""
_MAYBE_OWN = f"""
-- of the rest, the events that must be judged
SELECT i.uri, t.event_no, t.key_no FROM views.items i
CROSS JOIN LATERAL (SELECT e.event_no, e.key_no {_AT_OWN} AND {_TROUBLED}) AS t
WHERE i.tenant_id = $1 AND i.uri = ANY($2)
"""
_OWN_EVENTS = """
-- the event ids whose every content lies at these places
SELECT k.event_id FROM views.event_keys k WHERE k.tenant_id = $1 AND k.event_id = ANY($2)
AND EXISTS (SELECT FROM views.events e WHERE e.key_no = k.key_no)
AND NOT EXISTS (
    SELECT FROM views.events e WHERE e.key_no = k.key_no
    AND NOT EXISTS (SELECT FROM views.event_places p WHERE p.event_no = e.event_no AND p.place = ANY($3)))
"""


W = TypeVar("W", bound=Whereabouts, covariant=True)


@dataclass(frozen=True, slots=True)
class Seen(Generic[W]):
    """An item's state as it is, by the ids that are shown (`full`, for counting), and what of it may be told."""

    full: W
    shown: W
    hidden: bool = False
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What one key may see in one snapshot. `places` are all of its places, `secret` makes ids opaque."""

    connection: asyncpg.Connection
    tenant_id: int
    vector: Mapping[int, int] | None
    places: frozenset[str]
    secret: bytes

    def opaque(self, name: str) -> ItemId:
        """The placeholder of an id: the same for the same key, and nothing can be read from it."""
        digest = hmac.new(self.secret, name.encode(), hashlib.sha256).digest()[:_TOKEN_BYTES]
        return ItemId(HIDDEN + urlsafe_b64encode(digest).decode().rstrip("="))

    def record(self) -> SqlRecord:
        """The record as the events at these places alone tell it."""
        return SqlRecord(self.connection, self.tenant_id, vector=self.vector, places=self.places)

    async def own_items(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the items that are its own."""
        wanted = sorted({str(n) for n in names})
        own: set[str] = set()
        for start in range(0, len(wanted), AT_ONCE):
            own |= await self._own_items(wanted[start : start + AT_ONCE])
        return frozenset(own)

    async def _own_items(self, names: list[str]) -> set[str]:
        vector = [list(self.vector), list(self.vector.values())] if self.vector is not None else [None, None]
        asked = [sorted(self.places), *vector]
        own = {r[0] for r in await self.connection.fetch(_OWN_ITEMS, self.tenant_id, names, *asked)}
        rest = [n for n in names if n not in own]
        rows = await self.connection.fetch(_MAYBE_OWN, self.tenant_id, rest, *asked) if rest else []
        verdicts = await judged(self.connection, [r["key_no"] for r in rows], vector=self.vector)
        counting = (Standing.COUNTS, Standing.PENDING)
        own |= {r["uri"] for r in rows if r["event_no"] in verdicts and verdicts[r["event_no"]].standing in counting}
        return own | await self.record().members_of_ranges(ItemId(n) for n in names if n not in own)

    async def own_events(self, event_ids: Iterable[str]) -> frozenset[str]:
        """Those of the event ids that it may know."""
        rows = await self.connection.fetch(
            _OWN_EVENTS, self.tenant_id, sorted(set(event_ids) - {""}), sorted(self.places)
        )
        return frozenset(r[0] for r in rows)

    async def names_of_events(self, event_ids: Iterable[str | None]) -> dict[str, str]:
        """What each event id is shown as: itself, or its placeholder."""
        wanted = {i for i in event_ids if i is not None}
        own = await self.own_events(wanted)
        return {i: i if i in own else str(self.opaque(i)) for i in wanted}

    async def veil(self, found: Trace, *, way: Way, follow_all: bool) -> "Veil":
        """The trace as this key may see it. Everything a trace names is looked up here, once."""
        real = {n.item for n in found.nodes}
        named = real | set(found.items) | {i for n in found.nodes for i in n.came_from}
        named |= {i for n in found.nodes for link in n.links for i in (link.source, link.target)}
        named |= {i for gap in found.gaps for i in gap.items} | {i for c in found.conflicts for i in c.items}
        names = await self.names_of(named)
        told = await self.own_events(i for c in found.conflicts for i in c.event_ids)
        own = sorted(i for i in {*found.items, *real} if names[i] == i)
        links: set[Link] = set()
        for start in range(0, len(own), AT_ONCE):
            question = links_of(
                frozenset(own[start : start + AT_ONCE]), forward=way is Way.FORWARD, follow_all=follow_all
            )
            links |= await answered(question, self.record())
        nodes = sorted((_node(n, names, links) for n in found.nodes), key=lambda n: (n.level, n.item))
        veiled = Trace(
            tuple(names[i] for i in found.items),
            nodes,
            [gap_within(g, names) for g in found.gaps],
            [conflict_within(c, names, told) for c in found.conflicts],
            found.incomplete,
        )
        return Veil(self, veiled, names, {names[i]: i for i in real})

    async def conflicts(self, found: Sequence[Conflict]) -> list[Conflict]:
        """The conflicts as this key may see them."""
        names = await self.names_of(i for c in found for i in c.items)
        told = await self.own_events(i for c in found for i in c.event_ids)
        return [conflict_within(c, names, told) for c in found]

    async def names_of(self, items: Iterable[ItemId]) -> dict[ItemId, ItemId]:
        """What each item is shown as: itself, or its placeholder."""
        everything = set(items)
        own = await self.own_items(everything)
        return {i: i if i in own else self.opaque(i) for i in everything}

    async def seen(self, full: Mapping[ItemId, State], *, at_us: int) -> dict[ItemId, Seen[State]]:
        """The states of its own items: what these places alone say, where that is still so."""
        theirs = await answered(states(list(full), at_us=at_us), self.record())
        related = {i for s in full.values() for i in (*s.ids, s.goes_by, *s.containers, *s.wholes)}
        related |= {i for s in full.values() for gap in s.gaps for i in gap.items}
        related |= {i for s in full.values() for c in s.conflicts for i in c.items}
        names = await self.names_of(related)
        told = await self.own_events(i for s in full.values() for c in s.conflicts for i in c.event_ids)
        return {item: _within(state, theirs[item], names=names, told=told) for item, state in full.items()}


@dataclass(frozen=True, slots=True)
class Veil:
    """A trace as one key may see it. `real` leads from the ids shown in it back to the items."""

    scope: Scope
    trace: Trace
    names: Mapping[ItemId, ItemId]
    real: Mapping[ItemId, ItemId]

    async def states(self, full: Mapping[ItemId, State], *, at_us: int) -> dict[ItemId, Seen[State]]:
        """By the id that is shown. `full` are states of items of the trace, by their real ids."""
        own = {item: state for item, state in full.items() if self.names[item] == item}
        seen = await self.scope.seen(own, at_us=at_us)
        related = {i for s in full.values() for i in (*s.containers, *s.wholes)}
        names = {**await self.scope.names_of(related), **self.names}
        for item, state in full.items():
            if item not in own:
                counted = _renamed(state, names[item], names)
                seen[names[item]] = Seen(counted, _nothing(counted), hidden=True)
        return seen


def marked(document: dict[str, Any], seen: Seen[Whereabouts]) -> dict[str, Any]:
    """An item's JSON, saying what is not told. That its own item is held is told, whoever holds it."""
    if seen.hidden:
        return document | {"hidden": True, "on_hold": None, "order_uncertain": None}
    return document | {"on_hold": seen.full.on_hold} | ({"withheld": True} if seen.withheld else {})


def gap_within(gap: Gap, names: Mapping[ItemId, ItemId]) -> Gap:
    """The gap without what its sentence may betray."""
    return Gap(gap.code, tuple(sorted(names[i] for i in gap.items)), _NO_DETAIL)


def conflict_within(conflict: Conflict, names: Mapping[ItemId, ItemId], told: frozenset[str]) -> Conflict:
    """The conflict, naming of its events those that may be known."""
    events = tuple(i for i in conflict.event_ids if i in told)
    return Conflict(conflict.code, tuple(sorted(names[i] for i in conflict.items)), events, _NO_DETAIL)


_NO_DETAIL = "details are not told to a key limited to sites"


def _node(node: Node, names: Mapping[ItemId, ItemId], links: Collection[Link]) -> Node:
    kept = [link for link in node.links if link in links]
    shown = {link if link in links else _bare(link, names) for link in node.links}
    reached = [link.reach_us if link.reach_us != NEVER_US else link.since_us for link in kept]
    return Node(
        item=names[node.item],
        level=node.level,
        certainty=node.certainty,
        reasons=node.reasons,
        came_from=tuple(sorted(names[i] for i in node.came_from)),
        from_count=node.from_count,
        links=tuple(sorted(shown, key=lambda link: link.sort_key)),
        link_count=node.link_count,
        reached_us=min((r for r in reached if r is not None), default=None),
    )


def _bare(link: Link, names: Mapping[ItemId, ItemId]) -> Link:
    """That there is a link, and why it is only possible; nothing of the event that made it."""
    source, target = names[link.source], names[link.target]
    return Link(relation=link.relation, source=source, target=target, event_id="", reasons=link.reasons)


def _within(full: State, theirs: State, *, names: Mapping[ItemId, ItemId], told: frozenset[str]) -> Seen[State]:
    """Each value that both records agree on. What it is doing (`status`), and that it must stop, are always told."""
    whereabouts = ("site", "container", "containers", "wholes", "holder", "owner", "destination", "where")
    kept = {name for name in whereabouts if getattr(full, name) == getattr(theirs, name)}
    shown = replace(
        _nothing(full),
        goes_by=names[full.goes_by],
        ids=tuple(sorted(names[i] for i in full.ids)),
        status=full.status,
        order_uncertain=full.order_uncertain,
        disposition=full.disposition if full.disposition == theirs.disposition else None,
        persistent_dispositions=_both(full.persistent_dispositions, theirs.persistent_dispositions),
        inherited_dispositions=_both(full.inherited_dispositions, theirs.inherited_dispositions),
        holds=_both(full.holds, theirs.holds),
        recalls=full.recalls,
        event_count=theirs.event_count,
        occurred_at=full.occurred_at if full.occurred_at == theirs.occurred_at else None,
        gaps=tuple(gap_within(g, names) for g in full.gaps),
        conflicts=tuple(conflict_within(c, names, told) for c in full.conflicts),
        **{name: getattr(full, name) for name in kept},
    )
    if "where" not in kept:
        shown = replace(shown, where=_both(full.where, theirs.where))
    return Seen(_renamed(full, full.item, names), shown, withheld=len(kept) < len(whereabouts))


def _both(full: Sequence[T], theirs: Sequence[T]) -> tuple[T, ...]:
    return tuple(one for one in full if one in theirs)


def _renamed(state: State, item: ItemId, names: Mapping[ItemId, ItemId]) -> State:
    """The state by the ids that are shown: good for counting, not for showing."""
    containers = tuple(names.get(i, i) for i in state.containers)
    return replace(state, item=item, containers=containers, wholes=tuple(names.get(i, i) for i in state.wholes))


def _nothing(state: State) -> State:
    """Of a state no more than whose it is and its kind."""
    return State(
        item=state.item,
        goes_by=state.item,
        ids=(),
        kind=state.kind,
        status=None,
        disposition=None,
        persistent_dispositions=(),
        inherited_dispositions=(),
        site=None,
        container=None,
        containers=(),
        wholes=(),
        holder=None,
        owner=None,
        destination=None,
        where=(),
        balances=(),
        holds=(),
        recalls=(),
        event_count=0,
        occurred_at=None,
        order_uncertain=False,
        gaps=(),
        conflicts=(),
    )
