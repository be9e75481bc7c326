"""What a walk reached, as nodes of an answer: columns of them, some at a time, in the order of answers."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from domain.answers import FROM_SHOWN, LINKS_SHOWN, Node
from domain.links import ALWAYS_US, NEVER_US, Link, Relation
from domain.walk import ORDER_UNCERTAIN
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, first_of_each, in_order, in_order_of, pairs, picked, positions
from services.query.graph.links import CERTAIN_BIT, REASONS, RELATIONS, bit_of
from services.query.graph.names import Names
from services.query.graph.seen import Collision, mixed
from services.query.graph.walked import Walked
from services.turns import give_way

_UNCERTAIN = bit_of(ORDER_UNCERTAIN)
_BY_WORD = np.argsort(np.argsort(np.array(RELATIONS)))
"""The place of each relation in the order of the words."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """Levels, predecessors and links of all nodes; `…_start` is where those of each begin."""

    level: Ints
    came_from: Ints
    from_start: Ints
    reached_us: Ints
    links: Ints
    link_start: Ints


class Nodes:
    """The nodes of one walk, by (level, id). Rows are those of `walked.nodes`. Raises Collision."""

    def __init__(self, graph: Graph, names: Names, walked: Walked) -> None:
        self.graph, self.names, self.walked = graph, names, walked
        self.level = self._laid.level if walked.level is None else walked.level

    @cached_property
    def _laid(self) -> _Laid:
        """Made when somebody looks at it: who only counts needs none of it."""
        walked = self.walked
        rows = positions(walked.nodes, walked.arrived)
        give_way()
        links = np.flatnonzero(rows >= 0)
        order = in_order(rows[links])
        give_way()
        links = links[order]
        rows = rows[links]
        give_way()
        level = self._levels(rows, links) if walked.level is None else walked.level
        came_from, from_start = self._came_from(rows, links, level)
        give_way()
        rows, links = self._once(rows, links)
        give_way()
        with_event = self._has_event(links)
        rows, links = rows[with_event], links[with_event]
        give_way()
        starts = np.searchsorted(rows, np.arange(len(self) + 1))
        reached_us = self._reached(rows, links)
        give_way()
        return _Laid(level, came_from, from_start, reached_us, self._sorted(rows, links), starts)

    @property
    def came_from(self) -> Ints:
        """Predecessors one level up of each node, one after the other, by id."""
        return self._laid.came_from

    @property
    def from_start(self) -> Ints:
        return self._laid.from_start

    @property
    def reached_us(self) -> Ints:
        """Instant at which each is first reached; ALWAYS_US where its links tell none."""
        return self._laid.reached_us

    @property
    def links(self) -> Ints:
        """Rows of `walked.links`, node by node."""
        return self._laid.links

    @property
    def link_start(self) -> Ints:
        return self._laid.link_start

    def timeless(self, rows: Ints) -> Bools:
        """Of which nodes no link tells when they were reached."""
        return self.reached_us[rows] == ALWAYS_US if self.walked.timed is None else ~self.walked.timed[rows]

    def __len__(self) -> int:
        return len(self.walked.nodes)

    def ordered(self) -> Ints:
        """Rows of the nodes in the order of answers."""
        ranks = self.names.ranks(self.walked.nodes)
        if ranks is self.walked.nodes:  # by id already
            return in_order(self.level)
        by_id = np.argsort(ranks, kind="stable")
        return by_id[np.argsort(self.level[by_id], kind="stable")]

    def _levels(self, rows: Ints, links: Ints) -> Ints:
        """Hops of the shortest path; of what was exposed itself 1."""
        level = np.zeros(len(self), dtype=np.int64)
        if len(rows):
            first = first_of_each(rows)
            level[rows[first]] = np.minimum.reduceat(self.walked.hops[links], first)
        level[np.isin(self.walked.nodes, self.walked.seeded)] = 1
        return level

    def _came_from(self, rows: Ints, links: Ints, level: Ints) -> tuple[Ints, Ints]:
        """Predecessors one level up, each once, by id; and where those of each node begin."""
        near = self.walked.hops[links] == level[rows]
        rows, items = rows[near], self.walked.came_from[links[near]]
        give_way()
        ranks = self.names.ranks(items)
        order = in_order_of(rows, ranks)
        give_way()
        rows, items = rows[order], items[order]
        first = first_of_each(pairs(rows, items))
        return items[first], np.searchsorted(rows[first], np.arange(len(self) + 1))

    def _once(self, rows: Ints, links: Ints) -> tuple[Ints, Ints]:
        """Links that say the same once, as first met."""
        some = self._maybe_again(rows, links)
        if not len(some):
            return rows, links
        known: dict[Link, int] = {}
        c, at = self.walked.links, links[some]
        by_domain = c.told[at] >= 0
        canon = np.zeros(len(at), dtype=np.int64)
        for n in np.flatnonzero(by_domain).tolist():
            canon[n] = known.setdefault(self.walked.told[int(c.told[at[n]])], len(known) + 1)
        columns = [
            rows[some],
            canon,
            *(np.where(by_domain, 0, values[at]) for values in (c.relation, c.source, c.target, c.event)),
            *(
                np.where(by_domain, 0, values[at])
                for values in (c.reach_us, c.reach_until_us, c.first_us, c.reasons, c.against)
            ),
            np.where(by_domain | (c.mention[at] < 0), 0, self._told(at)),
        ]
        give_way()
        mixes = mixed(columns)
        give_way()
        _, first, which = np.unique(mixes, return_index=True, return_inverse=True)
        give_way()
        if not all(np.array_equal(values, values[first[which]]) for values in columns):
            raise Collision
        keep = np.ones(len(rows), dtype=np.bool_)
        keep[some] = False
        keep[some[first]] = True
        return rows[keep], links[keep]

    def _maybe_again(self, rows: Ints, links: Ints) -> Ints:
        """Which links may say what another one of their node does: both have its ends and its event."""
        c = self.walked.links
        again = np.flatnonzero(rows[1:] == rows[:-1])
        if not len(again):
            return again
        mixes = mixed([rows, c.source[links], c.target[links], c.event[links]])
        order = np.argsort(mixes)
        same = np.flatnonzero(mixes[order[1:]] == mixes[order[:-1]])
        found = np.zeros(len(rows), dtype=np.bool_)
        found[order[same]] = True
        found[order[same + 1]] = True
        return np.flatnonzero(found)

    def _told(self, links: Ints) -> Ints:
        mention = self.walked.links.mention[links]
        return picked(self.graph.mentions.told, mention, 0)

    def _has_event(self, links: Ints) -> Bools:
        told = self.walked.links.told[links]
        found = told < 0
        for at in np.flatnonzero(~found).tolist():
            found[at] = bool(self.walked.told[int(told[at])].event_id)
        return found

    def _reached(self, rows: Ints, links: Ints) -> Ints:
        reach, since = self.walked.links.reach_us[links], self.walked.links.since_us[links]
        give_way()
        at = np.where(reach != NEVER_US, reach, np.where(since != NEVER_US, since, ALWAYS_US))
        found = np.full(len(self), ALWAYS_US, dtype=np.int64)
        if len(rows):
            first = first_of_each(rows)
            found[rows[first]] = np.minimum.reduceat(at, first)
        return found

    def _sorted(self, rows: Ints, links: Ints) -> Ints:
        """In the order in which answers list the links of a node (`Link.sort_key`)."""
        c = self.walked.links
        ends = [self.names.ranks(end[links]) for end in (c.target, c.source)]
        give_way()
        keys = [*ends, _BY_WORD[c.relation[links]]]
        same = rows[1:] == rows[:-1]
        if not same.any():
            return links
        give_way()
        order = in_order_of(rows, *reversed(keys))
        give_way()
        links, keys = links[order], [k[order] for k in keys]
        for key in keys:
            same &= key[1:] == key[:-1]
        for row in np.unique(rows[1:][same]).tolist():  # alike but for their event: few
            begin, end = np.searchsorted(rows, (row, row + 1))
            told = {at: self.link(at).sort_key for at in links[begin:end].tolist()}
            links[begin:end] = sorted(told, key=lambda at: told[at])
        return links

    def link(self, at: int) -> Link:
        """A link as the domain tells it."""
        c, graph = self.walked.links, self.graph
        if c.told[at] >= 0:
            return self.walked.told[int(c.told[at])]
        source, target = self.names.ids(np.array([c.source[at], c.target[at]]))
        quantity, uom, basis = graph.told[graph.mentions.told[c.mention[at]]] if c.mention[at] >= 0 else graph.told[0]
        return Link(
            relation=Relation(RELATIONS[c.relation[at]]),
            source=source,
            target=target,
            event_id=graph.events.ids[int(c.event[at])],
            since_us=int(c.since_us[at]),
            until_us=None if c.until_us[at] == ALWAYS_US else int(c.until_us[at]),
            leave_us=int(c.leave_us[at]),
            leave_until_us=int(c.leave_until_us[at]),
            reach_us=int(c.reach_us[at]),
            reach_until_us=int(c.reach_until_us[at]),
            since_from_us=None if c.first_us[at] == NEVER_US else int(c.first_us[at]),
            against_time=bool(c.against[at]),
            quantity=quantity,
            uom=uom,
            basis=basis,
            reasons=frozenset(reasons_of(int(c.reasons[at]))),
        )

    def verdict(self, rows: Ints) -> Ints:
        """Certainty and reasons as one number (`domain.walk.outcome`): CERTAIN_BIT, or the bits of the reasons."""
        labels, consistent = self.walked.labels[rows], self.walked.consistent_labels[rows]
        ordered = self.walked.ordered_labels[rows]
        consistent = np.where((consistent > 0) & (ordered == 0), consistent | _UNCERTAIN, consistent)
        bits = np.where(ordered > 0, ordered, np.where(consistent > 0, consistent, labels)) & ~CERTAIN_BIT
        return np.where(ordered & CERTAIN_BIT, CERTAIN_BIT, bits)

    def some(self, rows: Ints) -> list[Node]:
        """The nodes at these rows, as the domain tells them."""
        link_bounds, links, link_counts = self.shown_links(rows)
        from_bounds, came_from, from_counts = self.shown_from(rows)
        told, names = [self.link(at) for at in links.tolist()], self.names.ids(came_from)
        found = []
        for n, (item, verdict, level, reached_us) in enumerate(
            zip(
                self.names.ids(self.walked.nodes[rows]),
                *(column.tolist() for column in (self.verdict(rows), self.level[rows], self.reached_us[rows])),
                strict=True,
            )
        ):
            certain = verdict == CERTAIN_BIT
            found.append(
                Node(
                    item=item,
                    level=level,
                    certainty="certain" if certain else "possible",
                    reasons=() if certain else reasons_of(verdict),
                    came_from=tuple(names[from_bounds[n] : from_bounds[n + 1]]),
                    from_count=int(from_counts[n]),
                    links=tuple(told[link_bounds[n] : link_bounds[n + 1]]),
                    link_count=int(link_counts[n]),
                    reached_us=None if reached_us == ALWAYS_US else reached_us,
                )
            )
        return found

    def ways(self, rows: Ints, most: int) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Of each node the first `most` predecessors, and the ids of events of links with these, each once."""
        from_bounds, came_from, bounds, links = self.leading(rows, most)
        events = self.event_ids(links)
        names, starts = self.names.texts(came_from), from_bounds.tolist()
        return (
            [tuple(names[a:b]) for a, b in pairwise(starts)],
            [tuple(dict.fromkeys(events[a:b]))[:most] for a, b in pairwise(bounds.tolist())],
        )

    def leading(self, rows: Ints, most: int) -> tuple[Ints, Ints, Ints, Ints]:
        """(bounds, the first `most` predecessors of each node; bounds, its links with these)."""
        from_bounds, came_from, _ = _some(self.from_start, self.came_from, rows, most)
        link_bounds, links, _ = self.shown_links(rows)
        c = self.walked.links
        node = np.repeat(np.arange(len(rows)), np.diff(link_bounds))
        up = pairs(np.repeat(np.arange(len(rows)), np.diff(from_bounds)), came_from)
        leads = np.isin(pairs(node, c.source[links]), up) | np.isin(pairs(node, c.target[links]), up)
        return from_bounds, came_from, np.searchsorted(node[leads], np.arange(len(rows) + 1)), links[leads]

    def event_ids(self, links: Ints) -> list[str]:
        """The id of the event of each link; what several have in common is read once."""
        c = self.walked.links
        event, told = c.event[links], c.told[links]
        keys, which = np.unique(np.where(told >= 0, -1 - told, event), return_inverse=True)
        plain = self.graph.events.ids.some(keys[keys >= 0])
        ids = [self.walked.told[-1 - key].event_id for key in keys[keys < 0].tolist()] + plain
        return [ids[at] for at in which.tolist()]

    def shown_links(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """(bounds, links, how many there are) of these nodes, at most LINKS_SHOWN each."""
        return _some(self.link_start, self.links, rows, LINKS_SHOWN)

    def shown_from(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        return _some(self.from_start, self.came_from, rows, FROM_SHOWN)


def _some(start: Ints, values: Ints, rows: Ints, most: int) -> tuple[Ints, Ints, Ints]:  # noqa: PLR0917
    counts = start[rows + 1] - start[rows]
    shown = np.minimum(counts, most)
    bounds = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(shown, out=bounds[1:])
    within = np.arange(bounds[-1]) - np.repeat(bounds[:-1], shown)
    return bounds, values[np.repeat(start[rows], shown) + within], counts


def reasons_of(bits: int) -> tuple[str, ...]:
    """The reasons of these bits, sorted."""
    return tuple(r for r in REASONS if bits & bit_of(r))
