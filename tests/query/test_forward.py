"""The walk forward without a date comes to the same as the walk that knows all of a path, for any links."""

from collections.abc import Iterable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.answers import Limits, Way
from domain.links import ALWAYS_US, NEVER_US
from services.query.graph.forward import ForwardWalk
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import IDENTIFIED_AS, PART_OF, LinkColumns, bit_of
from services.query.graph.loading import drawn
from services.query.graph.raw import EVENT_TYPES, MENTION_TYPES, Raw
from services.query.graph.texts import Texts
from services.query.graph.tracing import GraphWalk
from services.query.graph.walked import Walked

ITEMS, INSTANTS = 7, 6


def _nothing() -> Graph:
    """The graph of an empty record."""
    none = np.zeros(0, dtype=np.int64)

    def empty(types: Iterable[str]) -> dict[str, Ints]:
        return dict.fromkeys(types, none)

    return drawn(
        Raw(
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
            declared=none,
            ranges=[],
            recalled=none,
            texts={},
            mounted=none,
            loaded=frozenset(),
            made_there=none,
            acts=empty(("item", "act")),
        )
    )


class _Odd:
    """Names of items that are all told by the domain."""

    count = ITEMS

    def barred(self, items: Ints) -> bool:
        return False

    def odd(self, items: Ints, *, forward: bool) -> Bools:
        return np.ones(len(items), dtype=np.bool_)

    def indexes(self, ids: object) -> Ints:
        return np.zeros(0, dtype=np.int64)


class _Told:
    """Links that are given."""

    def __init__(self, links: LinkColumns, born: Ints) -> None:
        self._links, self._born, self.beside = links, born, dict[object, None]()

    def unknown(self, items: Ints) -> Ints:
        return items[:0]

    async def ask(self, items: Ints) -> None:
        return

    def links(self, items: Ints) -> LinkColumns:
        return self._links.take(np.flatnonzero(np.isin(self._links.source, items)))

    def born_us(self, items: Ints) -> Ints:
        return self._born[items]

    def with_event(self, numbers: Ints) -> Bools:
        return np.ones(len(numbers), dtype=np.bool_)


@st.composite
def links(draw: st.DrawFn) -> LinkColumns:
    """Links between a few items: parts over windows, what leaves its item at an instant, other names."""
    rows = draw(st.lists(st.tuples(*(st.integers(0, ITEMS - 1),) * 2, st.integers(0, 5)), min_size=1, max_size=14))
    count = len(rows)
    instants = st.lists(st.integers(0, INSTANTS), min_size=count, max_size=count)

    def pair(low: int, high: int) -> tuple[Ints, Ints]:
        """Two instants, one not after the other; or none of them where they are left open."""
        one, other = (np.array(draw(instants), dtype=np.int64) for _ in range(2))
        open_ = np.array(draw(instants)) < 2
        return np.where(open_, low, np.minimum(one, other)), np.where(open_, high, np.maximum(one, other))

    relation = np.array([r for _, _, r in rows], dtype=np.int64)
    interval, named = (relation == PART_OF) | (relation == 3), relation >= IDENTIFIED_AS
    leave, leave_until = pair(0, INSTANTS)
    reach, reach_until = pair(0, NEVER_US)
    first, sure_first = pair(NEVER_US, NEVER_US)
    sure_end, end = pair(ALWAYS_US, ALWAYS_US)
    reasons = np.array(
        draw(st.lists(st.sampled_from([0, 0, bit_of("basis"), bit_of("inferred")]), min_size=count, max_size=count))
    )
    never, always = np.full(count, NEVER_US), np.full(count, ALWAYS_US)
    return LinkColumns(
        source=np.array([s for s, _, _ in rows], dtype=np.int64),
        target=np.array([t for _, t, _ in rows], dtype=np.int64),
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
        against=np.array(draw(instants)) == 0,
        reasons=reasons.astype(np.int64),
        event=np.full(count, -1),
        mention=np.full(count, -1),
        told=np.arange(count),
    )


@given(
    table=links(),
    born=st.lists(st.sampled_from([NEVER_US, *range(INSTANTS)]), min_size=ITEMS, max_size=ITEMS),
    starts=st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=2, unique=True),
    depth=st.sampled_from([1, 3, 50]),
)
@settings(max_examples=100, deadline=None)
async def test_both_walks_reach_the_same_by_the_same_links(
    *, table: LinkColumns, born: list[int], starts: list[int], depth: int
) -> None:
    told, limits = _Told(table, np.array(born, dtype=np.int64)), Limits(depth, 1_000)
    begin = np.array(sorted(starts), dtype=np.int64)
    graph = _nothing()
    one = await ForwardWalk(graph, _Odd(), told, limits=limits).run(begin)  # type: ignore[arg-type]
    other = await GraphWalk(graph, _Odd(), told, way=Way.FORWARD, at_us=None, limits=limits).run(begin)  # type: ignore[arg-type]
    assert _said(one) == _said(other)
    assert one.incomplete == other.incomplete
    assert one.level is not None
    arrived = _hops(other)
    assert dict(zip(one.nodes.tolist(), one.level.tolist(), strict=True)) == {
        node: min(hops for (_, to), hops in arrived.items() if to == node) for node in one.nodes.tolist()
    }
    assert _hops(one) == arrived


def _said(walked: Walked) -> list[tuple[int, ...]]:
    columns = (walked.nodes, walked.labels, walked.consistent_labels, walked.ordered_labels)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def _hops(walked: Walked) -> dict[tuple[int, int], int]:
    """How many hops each link was met after, at least."""
    found: dict[tuple[int, int], int] = {}
    for told, node, hops in zip(walked.links.told.tolist(), walked.arrived.tolist(), walked.hops.tolist(), strict=True):
        found[told, node] = min(hops, found.get((told, node), hops))
    return found
