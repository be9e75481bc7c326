"""The walks without a date come to the same as the walk that knows all of a path, for any links."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import asyncpg
import numpy as np
import pytest

from domain.answers import Limits, Way
from domain.facts import Role
from domain.ids import ItemId
from domain.links import ALWAYS_US, NEVER_US
from services.query.graph.backward import BackwardWalk
from services.query.graph.drawn import Odd
from services.query.graph.forward import ForwardWalk
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.leads import ODD
from services.query.graph.links import (
    CERTAIN_BIT,
    CONTAINED_IN,
    DERIVATION,
    IDENTIFIED_AS,
    MEMBER_OF_LOT,
    PART_OF,
    LinkColumns,
    bit_of,
)
from services.query.graph.loading import drawn
from services.query.graph.names import Names
from services.query.graph.raw import EVENT_TYPES, MENTION_TYPES, Raw
from services.query.graph.texts import Texts
from services.query.graph.told import Told
from services.query.graph.tracing import GraphWalk
from services.query.graph.walked import Opened, Seeded, Walked
from services.query.record import SqlRecord

ITEMS, INSTANTS = 6, 10
OPEN, RARE = 0.2, 0.1


def _nothing() -> Graph:
    """The graph of an empty record."""
    return drawn(_empty())


def _empty() -> Raw:
    none = np.zeros(0, dtype=np.int64)

    def empty(types: Iterable[str]) -> dict[str, Ints]:
        return dict.fromkeys(types, none)

    return Raw(
        vector={},
        applied_us={},
        names=Texts.of([]),
        items=empty(("no", "kind", "material")),
        events=empty(EVENT_TYPES),
        event_ids=Texts.of([]),
        voided=none,
        mentions=empty(MENTION_TYPES),
        told={},
        members=empty(("event", "one", "other", "at_making")),
        same=empty(("event", "one", "other")),
        renamed=empty(("one", "other")),
        declared=none,
        ranges=[],
        recalled=none,
        texts={},
        mounted=none,
        loaded=frozenset(),
        made_there=none,
        acts=empty(("item", "act")),
    )


class _Odd:
    """Names of items that are all told by the domain."""

    count = ITEMS

    def barred(self, items: Ints) -> bool:
        return False

    def odd(self, items: Ints, *, forward: bool) -> Bools:
        return np.ones(len(items), dtype=np.bool_)

    def leads(self, items: Ints) -> Ints:
        return np.full(len(items), ODD, dtype=np.int8)

    def indexes(self, ids: object) -> Ints:
        return np.zeros(0, dtype=np.int64)


class _Told:
    """Links that are given."""

    def __init__(self, links: LinkColumns, born: Ints, *, forward: bool) -> None:
        self._links, self._born, self._forward, self.beside = links, born, forward, dict[object, None]()

    def unknown(self, items: Ints) -> Ints:
        return items[:0]

    async def ask(self, items: Ints) -> None:
        return

    def links(self, items: Ints) -> LinkColumns:
        ends = self._links.source if self._forward else self._links.target
        return self._links.take(np.flatnonzero(np.isin(ends, items)))

    def born_us(self, items: Ints) -> Ints:
        return self._born[items]

    def with_event(self, numbers: Ints) -> Bools:
        return np.ones(len(numbers), dtype=np.bool_)


def _links(dice: np.random.Generator, count: int) -> LinkColumns:
    """Links between a few items: parts over windows, what leaves its item at an instant, other names."""

    def pair(low: int, high: int, *, after: int = 0) -> tuple[Ints, Ints]:
        """Two instants, one not after the other; or none of them where they are left open."""
        one, other = dice.integers(after, after + INSTANTS, size=(2, count))
        left_open = dice.random(count) < OPEN
        return np.where(left_open, low, np.minimum(one, other)), np.where(left_open, high, np.maximum(one, other))

    relation = dice.choice([DERIVATION, PART_OF, PART_OF, MEMBER_OF_LOT, CONTAINED_IN, IDENTIFIED_AS], size=count)
    interval, named = (relation == PART_OF) | (relation == CONTAINED_IN), relation >= IDENTIFIED_AS
    leave, leave_until = pair(0, INSTANTS)
    reach, reach_until = pair(0, NEVER_US)
    first, sure_first = pair(NEVER_US, NEVER_US)
    sure_end, end = pair(ALWAYS_US, ALWAYS_US, after=INSTANTS // 2)
    never, always = np.full(count, NEVER_US), np.full(count, ALWAYS_US)
    return LinkColumns(
        source=dice.integers(0, ITEMS, size=count),
        target=dice.integers(0, ITEMS, size=count),
        relation=relation,
        since_us=np.where(named, never, leave),
        until_us=always,
        leave_us=np.where(interval | named, never, leave),
        leave_until_us=np.where(interval | named, always, leave_until),
        reach_us=np.where(interval | named, never, reach),
        reach_until_us=np.where(interval | named, never, reach_until),
        first_us=np.where(interval, first, never),
        end_us=np.where(interval, end, always),
        sure_first_us=np.where(interval, sure_first, never),
        sure_end_us=np.where(interval, sure_end, always),
        against=dice.random(count) < RARE,
        reasons=dice.choice([0, 0, 0, bit_of("basis"), bit_of("inferred")], size=count),
        event=np.full(count, -1),
        mention=np.full(count, -1),
        told=np.arange(count),
    )


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("seed", range(120))
async def test_both_walks_reach_the_same_by_the_same_links(seed: int, way: Way) -> None:
    dice = np.random.default_rng(seed)
    table, born = _links(dice, int(dice.integers(4, 18))), dice.choice([NEVER_US, *range(INSTANTS)], size=ITEMS)
    starts, depth = dice.choice(ITEMS, size=2, replace=False).tolist(), int(dice.choice([2, 50, 50]))
    told, limits = _Told(table, born, forward=way is Way.FORWARD), Limits(depth, 1_000)
    begin = np.array(sorted(starts), dtype=np.int64)
    graph, lean = _nothing(), ForwardWalk if way is Way.FORWARD else BackwardWalk
    one = await lean(graph, _Odd(), told, limits=limits).run(begin)  # type: ignore[arg-type]
    other = await GraphWalk(graph, _Odd(), told, way=way, at_us=None, limits=limits).run(begin)  # type: ignore[arg-type]
    assert _said(one) == _said(other)
    assert one.incomplete == other.incomplete
    arrived = _hops(other)
    assert _hops(one) == arrived
    if way is Way.BACKWARD:
        return
    assert one.level is not None
    assert dict(zip(one.nodes.tolist(), one.level.tolist(), strict=True)) == {
        node: min(hops for (_, to), hops in arrived.items() if to == node) for node in one.nodes.tolist()
    }


@pytest.mark.parametrize("way", Way)
async def test_however_few_items_a_walk_begins_with_it_keeps_no_other_request_waiting(way: Way) -> None:
    """Who was made of one lot may be a hundred thousand, which the lot does not tell."""
    dice, walking = np.random.default_rng(1), set[int]()

    class Watched(_Told):
        def links(self, items: Ints) -> LinkColumns:
            walking.add(threading.get_ident())
            return super().links(items)

    told = Watched(_links(dice, 8), np.full(ITEMS, NEVER_US), forward=way is Way.FORWARD)
    lean = ForwardWalk if way is Way.FORWARD else BackwardWalk
    await lean(_nothing(), _Odd(), told, limits=Limits(50, 1_000)).run(np.arange(2))  # type: ignore[arg-type]
    assert walking
    assert threading.get_ident() not in walking


def _plain(dice: np.random.Generator) -> Graph:
    """A graph whose few items are all plain: made, also together and of parts, members of lots, with other names."""
    count = int(dice.integers(3, 12))
    no, begins, lasts, vague = np.arange(count), *dice.integers(0, (INSTANTS, 3, 3), size=(count, 3)).T
    events = dict.fromkeys(EVENT_TYPES, np.zeros(count, dtype=np.int64)) | {"no": no, "key": no, "begins": begins}
    events |= {"earliest": begins + lasts, "latest": begins + lasts + vague, "mixed": dice.random(count) < RARE}
    fits, shared = dice.random(count) < OPEN, dice.integers(0, 3, size=count)
    events |= {"flows": ~fits, "own": ~fits & (shared == 0), "flow": shared}
    events["parent"] = np.where(fits, dice.integers(0, ITEMS, size=count), -1)
    mentions = [(n, int(events["parent"][n]), Role.WHOLE) for n in np.flatnonzero(fits).tolist()]
    for n, one, other in zip(no.tolist(), *dice.integers(0, ITEMS, size=(2, count)).tolist(), strict=True):
        mentions += [(n, one, Role.COMPONENT)] if fits[n] else [(n, one, Role.INPUT), (n, other, Role.OUTPUT)]
        if dice.random() < OPEN:
            mentions.append((n, one, Role.COMPONENT if fits[n] else dice.choice([Role.INPUT, Role.OUTPUT])))
    event, item, role = np.array(mentions, dtype=np.int64).T
    named = dict.fromkeys(MENTION_TYPES, np.zeros(len(event), dtype=np.int64))
    named |= {"event": event, "item": item, "role": role, "sure": dice.random(len(event)) > RARE}
    pairs = {
        name: dict(
            zip(("event", "one", "other"), dice.integers(0, (count, ITEMS, ITEMS), size=(rows, 3)).T, strict=True)
        )
        for name, rows in (("members", 3), ("same", 2))
    }
    pairs["members"]["at_making"] = np.ones(3, dtype=np.int64)
    ids, nobody = [f"urn:x:{n}".encode() for n in range(ITEMS)], np.zeros(ITEMS, dtype=np.bool_)
    graph = drawn(
        replace(
            _empty(),
            names=Texts.of(ids),
            items={"no": np.arange(ITEMS), "kind": np.ones(ITEMS, dtype=np.int64), "material": np.arange(ITEMS) % 3},
            events=events,
            event_ids=Texts.of([f"e{n}".encode() for n in range(count)]),
            mentions=named,
            **pairs,
        )
    )
    return replace(graph, odd=Odd(nobody, nobody, nobody), leads=graph.leads & ~ODD)


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("seed", range(200))
async def test_both_walks_take_the_plain_links_of_a_graph_alike(seed: int, way: Way) -> None:
    dice, nobody = np.random.default_rng(seed), cast(asyncpg.Connection, None)
    graph, found = _plain(dice), []
    starts, limits = np.unique(dice.integers(0, ITEMS, size=2)), Limits(int(dice.choice([2, 50, 50])), 1_000)
    names = Names(graph)
    told = Told(names, SqlRecord(nobody, 1), base=ITEMS, forward=way is Way.FORWARD, memory=None)
    lean = ForwardWalk if way is Way.FORWARD else BackwardWalk
    for walk in (
        lean(graph, names, told, limits=limits),
        GraphWalk(graph, names, told, way=way, at_us=None, limits=limits),
    ):
        walked = await walk.run(starts)
        k = walked.links
        columns = (k.source, k.target, k.relation, k.event, k.mention, walked.arrived, walked.came_from, walked.hops)
        met = sorted(set(zip(*(c.tolist() for c in columns), strict=True)))
        least = {link: hops for *link_, hops in reversed(met) for link in (tuple(link_),)}
        found.append((_said(walked), least, walked.incomplete))
    assert found[0] == found[1]


def _said(walked: Walked) -> list[tuple[int, ...]]:
    columns = (walked.nodes, walked.labels, walked.consistent_labels, walked.ordered_labels)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def _hops(walked: Walked) -> dict[tuple[int, int], int]:
    """How many hops each link was met after, at least."""
    found: dict[tuple[int, int], int] = {}
    for told, node, hops in zip(walked.links.told.tolist(), walked.arrived.tolist(), walked.hops.tolist(), strict=True):
        found[told, node] = min(hops, found.get((told, node), hops))
    return found


async def test_exposed_items_that_the_graph_does_not_know_may_be_all_that_there_is_room_for() -> None:
    """They are nodes before any link was looked at."""
    graph, nobody = _nothing(), cast(asyncpg.Connection, None)
    names = Names(graph)
    told = Told(names, SqlRecord(nobody, 1), base=0, forward=True, memory=None)
    exposed = [ItemId("urn:t:1"), ItemId("urn:t:2")]
    opened = Opened(seeded=Seeded(names.indexes(exposed), np.full(2, CERTAIN_BIT)))
    walked = await ForwardWalk(graph, names, told, limits=Limits(200, 1)).run(np.zeros(0, dtype=np.int64), opened)
    assert names.ids(walked.nodes) == exposed
    assert walked.incomplete == ["row_limit"]
