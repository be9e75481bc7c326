"""A trace of few items over a graph: the domain's own walk, link by link, over links that the arrays tell.

For a handful of items whole columns cost more than they save. Whatever is not plain, or more than a few links, is left
to the walk over columns.
"""

from collections.abc import Sequence
from functools import partial

from domain.answers import Gap, Limits, Node, Trace, Way, node_of
from domain.facts import Role
from domain.ids import ItemId
from domain.links import Link, Relation
from domain.walk import (
    ONLY_CERTAIN,
    START_BACKWARD,
    START_FORWARD,
    Fresh,
    Mode,
    Path,
    Reached,
    at_birth,
    closed,
    extend_backward,
    extend_forward,
    merge,
    outcome,
    shown_forward,
)
from services.query.graph.graph import Graph
from services.query.graph.groups import Groups
from services.query.graph.kinds import CLASS
from services.query.graph.newer import Changed

MOST_LINKS = 400
_INPUT, _OUTPUT, _COMPONENT = (int(role) for role in (Role.INPUT, Role.OUTPUT, Role.COMPONENT))


class TooMuch(Exception):
    """More than a few links, or some that only the domain knows."""


class SmallWalk:
    """One trace, forward or backward; `at_us`: as maintained then, None: ever. Raises TooMuch."""

    def __init__(self, graph: Graph, changed: Changed, *, way: Way, at_us: int | None, limits: Limits) -> None:
        self._graph, self._changed, self._limits = graph, changed, limits
        self._forward = way is Way.FORWARD
        self._mode, self._at_us = (Mode.EVER, 0) if at_us is None else (Mode.AS_MAINTAINED, at_us)
        self._ids: dict[int, ItemId] = {}
        self._links = 0
        self._reached: dict[int, Reached] = {}
        self._arrivals: dict[int, dict[Link, tuple[ItemId, int]]] = {}
        self._has_upstream: set[int] = set()

    def run(self, items: Sequence[ItemId]) -> Trace:
        """The whole answer, with its nodes."""
        graph = self._graph
        starts = [graph.names.find(item) for item in dict.fromkeys(items)]
        if any(start < 0 or graph.standing.kind[start] == CLASS or graph.is_parent[start] for start in starts):
            raise TooMuch
        first = START_FORWARD if self._forward else START_BACKWARD
        for start in starts:
            self._reached[start] = Reached({first: ONLY_CERTAIN}, {first: ONLY_CERTAIN})
        frontier, level = set(starts), 0
        while frontier:
            level += 1
            if level > self._limits.depth or len(self._reached) > self._limits.items:
                raise TooMuch
            touched: set[int] = set()
            fresh = {item: self._take_fresh(item) for item in sorted(frontier)}
            for item, states in fresh.items():
                touched |= self._expand(item, states, level)
            frontier = touched
        return self._answer(items, frozenset(starts))

    def _id(self, item: int) -> ItemId:
        if item not in self._ids:
            self._ids[item] = ItemId(self._graph.names[item])
        return self._ids[item]

    # -- the walk, as `domain.genealogy` has it

    def _take_fresh(self, item: int) -> Fresh:
        fresh, self._reached[item].fresh = self._reached[item].fresh, {}
        return fresh

    def _expand(self, item: int, fresh: Fresh, level: int) -> set[int]:
        graph, changed = self._graph, self._changed
        odd = graph.odd.out if self._forward else graph.odd.into
        if odd[item] or graph.odd.state[item] or graph.barred[item] or changed.links[item]:
            raise TooMuch
        born_us = int(graph.born_us[item])
        extend = extend_forward if self._forward else partial(extend_backward, born_us=born_us)
        fresh = at_birth(fresh, born_us) if self._forward else fresh
        touched = set()
        for other, link in self._out_of(item) if self._forward else self._into(item):
            extended = [
                extend(path, labels, link, mode=self._mode, at_us=self._at_us) for path, labels in fresh.items()
            ]
            walked = [e for e in extended if e is not None]
            if not walked:
                continue
            if any(self._shown(path) is not None for path, _ in walked):
                self._arrivals.setdefault(other, {}).setdefault(link, (self._id(item), level))
                if not self._forward and link.target != link.source:
                    self._has_upstream.add(item)
            there = self._reached.setdefault(other, Reached())
            news = [merge(there, path, labels, forward=self._forward) for path, labels in walked]
            if any(news):
                touched.add(other)
        return touched

    def _shown(self, path: Path) -> Path | None:
        return shown_forward(path, mode=self._mode, at_us=self._at_us) if self._forward else path

    def _answer(self, items: Sequence[ItemId], starts: frozenset[int]) -> Trace:
        answer = Trace(tuple(dict.fromkeys(items)))
        for item, reached in self._reached.items():
            if self._forward:
                found = ((self._shown(path), labels) for path, labels in reached.states.items())
                states = [(path, labels) for path, labels in found if path is not None]
            else:
                states = [closed(path, labels) for path, labels in reached.states.items()]
            if item not in starts and states:
                answer.nodes.append(self._node(item, *outcome(states)))
        answer.nodes.sort(key=lambda n: (n.level, n.item))
        if not self._forward:
            shown = starts | {i for i in self._reached if i in self._arrivals}
            bare = [self._id(i) for i in shown - self._has_upstream if self._is_bare(i)]
            if bare:
                detail = "the record does not say what these came from"
                answer.gaps.append(Gap("no_upstream", tuple(sorted(bare)), detail))
        return answer

    def _node(self, item: int, certainty: str, reasons: tuple[str, ...]) -> Node:
        return node_of(self._id(item), self._arrivals.get(item, {}), certainty=certainty, reasons=reasons)

    def _is_bare(self, item: int) -> bool:
        return bool(self._graph.standing.kind[item] != CLASS and not self._graph.received[item])

    # -- links, as `links.py` has them for columns

    def _out_of(self, item: int) -> list[tuple[int, Link]]:
        graph, found = self._graph, list[tuple[int, Link]]()
        m, events = graph.mentions, graph.events
        for row in _rows(graph.by_item, item):
            event, role = int(m.event[row]), m.role[row]
            if role == _INPUT and events.flow[event] >= 0:
                for made in _rows(graph.outputs, int(events.flow[event])):
                    found.append((int(m.item[made]), self._derivation(row, made)))
            elif role == _COMPONENT and events.parent[event] >= 0:
                found.append((int(events.parent[event]), self._part(row)))
        for row in _rows(graph.members.by_one, item):
            found.append((int(graph.members.other[row]), self._member(row)))
        return self._counted(found + self._identities(item))

    def _into(self, item: int) -> list[tuple[int, Link]]:
        graph, found = self._graph, list[tuple[int, Link]]()
        m, events = graph.mentions, graph.events
        fitted: dict[int, None] = {}
        for row in _rows(graph.made, item):
            event, role = int(m.event[row]), m.role[row]
            if role == _OUTPUT and events.flow[event] >= 0:
                for used in _rows(graph.inputs, int(events.flow[event])):
                    found.append((int(m.item[used]), self._derivation(used, row)))
            else:
                fitted |= {r: None for r in _rows(graph.by_event, event) if m.role[r] == _COMPONENT}
        found += [(int(m.item[row]), self._part(row)) for row in fitted if events.parent[int(m.event[row])] >= 0]
        for row in _rows(graph.members.by_other, item):
            found.append((int(graph.members.one[row]), self._member(row)))
        return self._counted(found + self._identities(item))

    def _counted(self, links: list[tuple[int, Link]]) -> list[tuple[int, Link]]:
        self._links += len(links)
        if self._links > MOST_LINKS:
            raise TooMuch
        return links

    def _derivation(self, used: int, made: int) -> Link:
        graph = self._graph
        m, events = graph.mentions, graph.events
        taking, making = int(m.event[used]), int(m.event[made])
        begins_us = int(events.begins_us[taking])
        against = begins_us > events.latest_us[making]
        why = (("basis", not m.sure_basis[used]), ("several_inputs", m.several[used]), ("against_time", against))
        quantity, uom, basis = graph.told[m.told[used]]
        return Link(
            relation=Relation.DERIVATION,
            source=self._id(int(m.item[used])),
            target=self._id(int(m.item[made])),
            event_id=events.ids[taking],
            since_us=int(events.latest_us[taking]),
            leave_us=begins_us,
            leave_until_us=int(events.latest_us[taking]),
            reach_us=max(begins_us, int(events.begins_us[making])),
            reach_until_us=int(events.latest_us[making]),
            against_time=bool(against),
            quantity=quantity,
            uom=uom,
            basis=basis,
            reasons=frozenset(reason for reason, holds in why if holds),
        )

    def _part(self, fitted: int) -> Link:
        graph = self._graph
        event = int(graph.mentions.event[fitted])
        quantity, uom, _ = graph.told[graph.mentions.told[fitted]]
        return Link(
            relation=Relation.PART_OF,
            source=self._id(int(graph.mentions.item[fitted])),
            target=self._id(int(graph.events.parent[event])),
            event_id=graph.events.ids[event],
            since_us=int(graph.events.latest_us[event]),
            since_from_us=int(graph.events.begins_us[event]),
            quantity=quantity,
            uom=uom,
        )

    def _member(self, row: int) -> Link:
        graph = self._graph
        event = int(graph.members.event[row])
        at_us = int(graph.events.begins_us[event])
        return Link(
            relation=Relation.MEMBER_OF_LOT,
            source=self._id(int(graph.members.one[row])),
            target=self._id(int(graph.members.other[row])),
            event_id=graph.events.ids[event],
            since_us=at_us,
            leave_us=at_us,
            leave_until_us=at_us,
            reach_us=at_us,
        )

    def _identities(self, item: int) -> list[tuple[int, Link]]:
        same, found = self._graph.same, list[tuple[int, Link]]()
        for rows, others in ((same.by_one, same.other), (same.by_other, same.one)):
            for row in _rows(rows, item):
                other, event = int(others[row]), int(same.event[row])
                near, far = self._id(item), self._id(other)
                link = Link(
                    relation=Relation.IDENTIFIED_AS,
                    source=near if self._forward else far,
                    target=far if self._forward else near,
                    event_id=self._graph.events.ids[event],
                    since_us=int(self._graph.events.latest_us[event]),
                )
                found.append((other, link))
        return found


def _rows(groups: Groups, key: int) -> list[int]:
    """The rows of one key. Raises TooMuch."""
    first, end = int(groups.start[key]), int(groups.start[key + 1])
    if end - first > MOST_LINKS:
        raise TooMuch
    rows: list[int] = groups.order[first:end].tolist()
    return rows
