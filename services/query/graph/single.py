"""Links of single items as the domain has them, told by the arrays and remembered with them: nobody changes either."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from domain.facts import Role
from domain.ids import ItemId
from domain.links import Link, Relation
from domain.state import Whereabouts
from services.query import rendering
from services.query.graph.graph import Graph
from services.query.graph.groups import Groups

MOST_LINKS = 400
"""Of one item: with more it is left to the walk over columns."""
MOST_REMEMBERED = 30_000
"""Links that are remembered at least, a kilobyte each; with more all are forgotten. The same of how items stand."""
REMEMBERED_OF_ALL = 100
"""Of a large graph one link of so many is remembered: it takes a twentieth of the room of the graph itself."""
_INPUT, _OUTPUT, _COMPONENT = (int(role) for role in (Role.INPUT, Role.OUTPUT, Role.COMPONENT))


class TooMuch(Exception):
    """More than a few links, or some that only the domain knows."""


@dataclass(frozen=True, eq=False)
class Told:
    """A link of an item, and which item is at its other end. Each link is told once, so it is equal to itself alone."""

    other: int
    link: Link

    @cached_property
    def sort_key(self) -> tuple[Any, ...]:
        return self.link.sort_key

    @cached_property
    def document(self) -> dict[str, Any]:
        """The link as JSON data."""
        return rendering.link_json(self.link)


class SingleItems:
    """The plain links of items of a graph, one item at a time, and how these stand."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._ids: dict[int, ItemId] = {}
        self._known: dict[tuple[int, bool], tuple[Told, ...]] = {}
        self._documents: dict[int, Told] = {}
        self._links = 0
        self.most_remembered = max(MOST_REMEMBERED, len(graph.mentions.item) // REMEMBERED_OF_ALL)
        self.stands: dict[ItemId, tuple[int, Whereabouts]] = {}
        """by id: which item it is, and how it stands"""
        self._standing: dict[int, tuple[Whereabouts, dict[str, Any]]] = {}
        """by identity of one of these: it, and it as JSON data"""

    def stand(self, item: ItemId, index: int, state: Whereabouts) -> None:
        """Remember how an item stands."""
        if len(self.stands) >= self.most_remembered:
            self.stands.clear()
            self._standing.clear()
        self.stands[item] = index, state
        self._standing[id(state)] = state, rendering.standing_json(state)

    def standing_json(self, state: Whereabouts) -> dict[str, Any]:
        """How an item stands as JSON data, made once if it is remembered here; nobody changes it."""
        known = self._standing.get(id(state))
        return known[1] if known is not None else rendering.standing_json(state)

    def link_json(self, link: Link) -> dict[str, Any]:
        """The link as JSON data, made once if it was told here; nobody changes it."""
        told = self._documents.get(id(link))
        return told.document if told is not None and told.link is link else rendering.link_json(link)

    def id(self, item: int) -> ItemId:
        found = self._ids.get(item)
        if found is None:
            found = self._ids[item] = ItemId(self._graph.names[item])
        return found

    def links(self, item: int, *, forward: bool) -> tuple[Told, ...]:
        """The links that leave an item (forward) or arrive at it, each once. Raises TooMuch."""
        found = self._known.get((item, forward))
        if found is None:
            each = dict.fromkeys(self._out_of(item) if forward else self._into(item))
            found = self._remember((item, forward), tuple(Told(other, link) for other, link in each))
        return found

    def _remember(self, key: tuple[int, bool], found: tuple[Told, ...]) -> tuple[Told, ...]:
        self._links += len(found) + 1
        if self._links > self.most_remembered:
            self._known.clear()
            self._documents.clear()
            self._ids.clear()
            self._links = len(found) + 1
        self._known[key] = found
        self._documents |= {id(told.link): told for told in found}
        return found

    # -- links, as `links.py` has them for columns

    def _out_of(self, item: int) -> list[tuple[int, Link]]:
        graph, found = self._graph, list[tuple[int, Link]]()
        m, events = graph.mentions, graph.events
        for row in _rows(graph.by_item, item):
            event, role = int(m.event[row]), m.role[row]
            if role == _INPUT and events.flow[event] >= 0:
                for made in _rows(graph.outputs, int(events.flow[event]), beside=len(found)):
                    found.append((int(m.item[made]), self._derivation(row, made)))
            elif role == _COMPONENT and events.parent[event] >= 0:
                found.append((int(events.parent[event]), self._part(row)))
        for row in _rows(graph.members.by_one, item):
            found.append((int(graph.members.other[row]), self._member(row)))
        return found + self._identities(item, forward=True)

    def _into(self, item: int) -> list[tuple[int, Link]]:
        graph, found = self._graph, list[tuple[int, Link]]()
        m, events = graph.mentions, graph.events
        fitted: dict[int, None] = {}
        for row in _rows(graph.made, item):
            event, role = int(m.event[row]), m.role[row]
            if role == _OUTPUT and events.flow[event] >= 0:
                for used in _rows(graph.inputs, int(events.flow[event]), beside=len(found)):
                    found.append((int(m.item[used]), self._derivation(used, row)))
            else:
                fitted |= {r: None for r in _rows(graph.by_event, event) if m.role[r] == _COMPONENT}
        found += [(int(m.item[row]), self._part(row)) for row in fitted if events.parent[int(m.event[row])] >= 0]
        for row in _rows(graph.members.by_other, item):
            found.append((int(graph.members.one[row]), self._member(row)))
        return found + self._identities(item, forward=False)

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
            source=self.id(int(m.item[used])),
            target=self.id(int(m.item[made])),
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
            source=self.id(int(graph.mentions.item[fitted])),
            target=self.id(int(graph.events.parent[event])),
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
            source=self.id(int(graph.members.one[row])),
            target=self.id(int(graph.members.other[row])),
            event_id=graph.events.ids[event],
            since_us=at_us,
            leave_us=at_us,
            leave_until_us=at_us,
            reach_us=at_us,
        )

    def _identities(self, item: int, *, forward: bool) -> list[tuple[int, Link]]:
        same, found = self._graph.same, list[tuple[int, Link]]()
        for rows, others in ((same.by_one, same.other), (same.by_other, same.one)):
            for row in _rows(rows, item):
                other, event = int(others[row]), int(same.event[row])
                near, far = self.id(item), self.id(other)
                link = Link(
                    relation=Relation.IDENTIFIED_AS,
                    source=near if forward else far,
                    target=far if forward else near,
                    event_id=self._graph.events.ids[event],
                    since_us=int(self._graph.events.latest_us[event]),
                )
                found.append((other, link))
        return found


def _rows(groups: Groups, key: int, *, beside: int = 0) -> list[int]:
    """The rows of one key. Raises TooMuch where there are many with those that are there `beside`."""
    first, end = int(groups.start[key]), int(groups.start[key + 1])
    if end - first + beside > MOST_LINKS:
        raise TooMuch
    rows: list[int] = groups.order[first:end].tolist()
    return rows
