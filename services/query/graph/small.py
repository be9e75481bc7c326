"""A trace of few items over a graph: the domain's own walk, link by link, over links that the arrays tell.

For a handful of items whole columns cost more than they save. Whatever is not plain, or more than a few links, is left
to the walk over columns.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from domain.answers import Gap, Limits, Node, Trace, Way, node_reached
from domain.ids import ItemId
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
from services.query.graph.kinds import CLASS, LOT
from services.query.graph.links import leaving, led_to
from services.query.graph.memory import Memory
from services.query.graph.newer import Changed
from services.query.graph.single import SingleItems, Told, TooMuch

MOST_LINKS = 150
"""Links of a walk: with more it is left to the walk over columns, which takes as long as some two hundred of these."""


_LOOK_AHEAD = 3
"""Hops from a lot: to what was drawn from it, to another name of that, and to what it was made into."""


class SmallWalk:
    """One trace, forward or backward; `at_us`: as maintained then, None: ever. Raises TooMuch.

    `told`: what the domain told of links in this state of the views.
    """

    def __init__(  # noqa: PLR0917
        self,
        graph: Graph,
        changed: Changed,
        single: SingleItems,
        told: Memory,
        *,
        way: Way,
        at_us: int | None,
        limits: Limits,
    ) -> None:
        self._graph, self._changed, self._single, self._limits = graph, changed, single, limits
        self._forward = way is Way.FORWARD
        self._odd = graph.odd.out if self._forward else graph.odd.into
        self._by_domain = told.forward if self._forward else told.backward
        self._mode, self._at_us = (Mode.EVER, 0) if at_us is None else (Mode.AS_MAINTAINED, at_us)
        self._links = 0
        self._told: dict[int, Sequence[Told]] = {}
        """of items walked from: each link is the same in all of a walk, also if `single` forgets it meanwhile"""
        self._reached: dict[int, Reached] = {}
        self._arrivals: dict[int, dict[Told, tuple[ItemId, int]]] = {}
        self._has_upstream: set[int] = set()

    def run(self, items: Sequence[ItemId]) -> Trace:
        """The whole answer, with its nodes."""
        graph = self._graph
        starts: list[int] = graph.lookup.find(list(dict.fromkeys(items))).tolist()
        if any(start < 0 or graph.standing.kind[start] == CLASS or graph.is_parent[start] for start in starts):
            raise TooMuch
        if self._forward and any(graph.standing.kind[start] == LOT for start in starts) and self._goes_far(starts):
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

    def _goes_far(self, starts: list[int]) -> bool:
        """Whether plain links lead to too many within a few hops, or a lot is used as often though little came of it.

        To see that takes less than to walk half the way: links are counted before they are followed.
        """
        items, links = np.array(starts), 0
        for _ in range(_LOOK_AHEAD):
            links += leaving(self._graph, items, most=MOST_LINKS)
            if not 0 < links <= MOST_LINKS:
                break
            items = led_to(self._graph, items)
        return links > MOST_LINKS

    # -- the walk, as `domain.genealogy` has it

    def _take_fresh(self, item: int) -> Fresh:
        fresh, self._reached[item].fresh = self._reached[item].fresh, {}
        return fresh

    def _expand(self, item: int, fresh: Fresh, level: int) -> set[int]:
        graph, changed = self._graph, self._changed
        if graph.odd.state[item] or graph.barred[item] or changed.links[item]:
            raise TooMuch
        links = self._links_of(item)
        born_us = self._by_domain.born[item] if self._odd[item] else int(graph.born_us[item])
        extend = extend_forward if self._forward else partial(extend_backward, born_us=born_us)
        fresh = at_birth(fresh, born_us) if self._forward else fresh
        touched = set()
        here, forward, mode, at_us, reached = (
            self._single.id(item),
            self._forward,
            self._mode,
            self._at_us,
            self._reached,
        )
        for told in links:
            link, other = told.link, told.other
            there, shown = reached.get(other), False
            for path, labels in fresh.items():
                walked = extend(path, labels, link, mode=mode, at_us=at_us)
                if walked is None:
                    continue
                shown = shown or self._shown(walked[0]) is not None
                if there is None:
                    there = reached[other] = Reached()
                if merge(there, *walked, forward=forward):
                    touched.add(other)
            if shown:
                arrivals = self._arrivals.get(other)
                if arrivals is None:
                    arrivals = self._arrivals[other] = {}
                arrivals.setdefault(told, (here, level))
                if not forward and link.target != link.source:
                    self._has_upstream.add(item)
        return touched

    def _links_of(self, item: int) -> Sequence[Told]:
        links = self._told.get(item)
        if links is None:
            if self._odd[item]:
                links = self._by_domain.of(item, forward=self._forward)
                if links is None:
                    raise TooMuch
            else:
                links = self._single.links(item, forward=self._forward)
            self._told[item] = links
        self._links += len(links)
        if self._links > MOST_LINKS:
            raise TooMuch
        return links

    def _shown(self, path: Path) -> Path | None:
        maintained = self._forward and self._mode is Mode.AS_MAINTAINED
        return shown_forward(path, mode=self._mode, at_us=self._at_us) if maintained else path

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
            bare = [self._single.id(i) for i in shown - self._has_upstream if self._is_bare(i)]
            if bare:
                detail = "the record does not say what these came from"
                answer.gaps.append(Gap("no_upstream", tuple(sorted(bare)), detail))
        return answer

    def _node(self, item: int, certainty: str, reasons: tuple[str, ...]) -> Node:
        arrivals = self._arrivals.get(item, {})
        in_order = sorted(arrivals, key=lambda told: told.sort_key) if len(arrivals) > 1 else arrivals
        links = [told.link for told in in_order if told.link.event_id]
        return node_reached(self._single.id(item), links, arrivals.values(), certainty=certainty, reasons=reasons)

    def _is_bare(self, item: int) -> bool:
        return bool(self._graph.standing.kind[item] != CLASS and not self._graph.received[item])
