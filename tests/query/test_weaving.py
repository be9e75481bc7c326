"""What is woven by columns reads like what is written row by row, whatever the texts."""

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.answers import Node
from domain.distribution import Where
from domain.facts import Status
from domain.ids import ItemId
from domain.links import Link, Relation
from domain.moments import iso
from domain.state import Whereabouts
from services.query.formats import NODES, AsCsv, AsJson, AsNdjson, Format
from services.query.graph.groups import alike, positions, told_apart
from services.query.graph.texts import Texts
from services.query.graph.times import iso_texts
from services.query.node_columns import Head, NodeColumns, Said, Stands
from services.query.rendering import node_json
from services.query.weaving import Column, Several, but, follows, taken, where, woven

TEXTS = st.lists(st.text(max_size=40), min_size=1, max_size=12)
INSTANTS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
PLAIN = ["https://id.gs1.org/01/1/21/A", "urn:x:1"]
STRANGE = ['say "no"', "a,b", "=1+1", "＝1", "-", "é:1", "line\nline", "back\\slash", "\x01"]
IDS = st.sampled_from(PLAIN) | st.sampled_from(STRANGE)


@settings(deadline=None)
@given(one=TEXTS, other=TEXTS, data=st.data())
def test_rows_are_their_texts_side_by_side(one: list[str], other: list[str], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 30))
    picks = [data.draw(st.lists(st.integers(0, len(t) - 1), min_size=count, max_size=count)) for t in (one, other)]
    swapped = data.draw(st.dictionaries(st.integers(0, count - 1), st.text(max_size=9))) if count else {}
    first, second = (
        Column.of(Texts.of([t.encode() for t in texts]), np.array(rows, dtype=np.int64))
        for texts, rows in zip((one, other), picks, strict=True)
    )
    lines = woven((b"<", first, b"", second.but({at: t.encode() for at, t in swapped.items()}), b">\n"), count)
    expected = [f"<{one[a]}{swapped.get(n, other[b])}>\n" for n, (a, b) in enumerate(zip(*picks, strict=True))]
    assert [piece.decode() for piece in lines.pieces()] == expected
    assert taken(first).pieces() == [one[a].encode() for a in picks[0]]


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_rows_of_a_group_are_listed_with_a_sign_between(sizes: list[int]) -> None:
    bounds = np.array([0, *accumulate(sizes)])
    texts = [str(n).encode() for n in range(int(bounds[-1]))]
    lines = Several((where(follows(bounds), b"; "), Column.of(Texts.of(texts))), bounds)
    expected = [b"; ".join(texts[end - size : end]) for size, end in zip(sizes, bounds[1:].tolist(), strict=True)]
    assert taken(lines).pieces() == expected
    around = woven((b"[", lines, b"]"), len(sizes))
    assert around.pieces() == [b"[%b]" % text for text in expected]


def test_rows_are_left_out_of_a_column_and_of_what_is_the_same_in_all() -> None:
    column = Column.of(Texts.of([b"a", b"b", b"c"]))
    pieces = [but(piece, [1], 3) for piece in (b"<", column, b">")]
    assert woven(pieces, 3).pieces() == [b"<a>", b"", b"<c>"]


@settings(deadline=None)
@given(instants=st.lists(st.one_of(INSTANTS, INSTANTS.map(lambda us: us // 1_000_000 * 1_000_000)), max_size=9))
def test_instants_read_as_the_domain_writes_them(instants: list[int]) -> None:
    texts = iso_texts(np.array(instants, dtype=np.int64))
    assert [text.decode() for text in texts.pieces()] == [iso(us) for us in instants]


@settings(deadline=None)
@given(values=st.lists(st.one_of(st.integers(-5, 20), st.integers(-(1 << 62), 1 << 62)), max_size=30))
def test_values_are_told_apart(values: list[int]) -> None:
    found, which = told_apart(np.array(values, dtype=np.int64))
    assert found.tolist() == sorted(set(values))
    assert found[which].tolist() == values


@settings(deadline=None)
@given(rows=st.lists(st.tuples(st.integers(-1, 2), st.sampled_from([0, 7, 1 << 60]), st.just(3)), max_size=20))
def test_rows_that_are_alike_in_all_columns_are_one_combination(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([row[n] for row in rows], dtype=np.int64) for n in range(3)]
    found, which = alike(columns)
    assert len(found) == len(set(rows))
    assert [rows[row] for row in found[which].tolist()] == rows


STATE = Whereabouts(
    item=ItemId(""),
    kind="unit",
    status=Status.IN_STOCK,
    disposition=None,
    site="urn:site:1",
    container=None,
    containers=(),
    wholes=(),
    holder=None,
    owner=None,
    where=(),
    holds=(),
    recalls=(),
    occurred_at=None,
    order_uncertain=False,
    gaps=(),
    conflicts=(),
)
STATES = [
    STATE,
    replace(STATE, status=Status.SOLD, holder='"Bob", Ltd', containers=(ItemId("box"),), container=ItemId("box")),
    replace(
        STATE, kind="lot", occurred_at="2026-01-01", where=(Where("=s", None, None, Status.IN_STOCK, None, "KGM"),)
    ),
]


@st.composite
def linked(draw: st.DrawFn) -> Link:
    return Link(
        relation=draw(st.sampled_from(list(Relation))),
        source=ItemId(draw(IDS)),
        target=ItemId(draw(IDS)),
        event_id=draw(IDS),
        since_us=draw(st.sampled_from([0, 1_700_000_000_000_000, 1_700_000_000_000_001])),
        until_us=draw(st.sampled_from([None, None, 1_800_000_000_000_000])),
        basis=draw(st.sampled_from([None, "scanned"])),
        reasons=draw(st.sampled_from([frozenset(), frozenset({"basis", "inferred"})])),
    )


@st.composite
def nodes(draw: st.DrawFn) -> tuple[Node, int]:
    """A node, and which of STATES it has."""
    links = draw(st.lists(linked(), max_size=3))
    came_from = draw(st.lists(IDS.map(ItemId), max_size=3))
    certain = draw(st.booleans())
    node = Node(
        item=ItemId(draw(IDS)),
        level=draw(st.integers(1, 3)),
        certainty="certain" if certain else "possible",
        reasons=() if certain else ("basis", "touched"),
        came_from=tuple(came_from),
        from_count=len(came_from),
        links=tuple(links),
        link_count=len(links),
        reached_us=draw(st.sampled_from([None, 0, 1_700_000_000_000_000])),
    )
    return node, draw(st.integers(0, len(STATES) - 1))


def columns_of(rows: list[tuple[Node, int]]) -> NodeColumns:
    """The nodes by columns: every other state is one of `own`, links that end or are by no event are told."""
    stands, own = Stands(), Stands()
    codes = [stands.add(s) if n % 2 else -1 - own.add(s) for n, s in enumerate(STATES)]
    links = [link for node, _ in rows for link in node.links]
    told = {n: link for n, link in enumerate(links) if link.until_us is not None}
    said = [Said(str(link.relation), (None, None, link.basis), tuple(sorted(link.reasons))) for link in links]
    heads = [Head(STATES[state].kind, node.level, node.certainty, node.reasons) for node, state in rows]

    def column(texts: list[str]) -> Column:
        return Column.of(Texts.of([text.encode() for text in texts]))

    def ints(values: list[int]) -> "np.typing.NDArray[np.int64]":
        return np.array(values, dtype=np.int64)

    return NodeColumns(
        items=column([node.item for node, _ in rows]),
        heads=np.arange(len(heads)),
        head_table=heads,
        came_from=column([i for node, _ in rows for i in node.came_from]),
        from_bounds=ints([0, *accumulate(len(node.came_from) for node, _ in rows)]),
        from_counts=ints([node.from_count for node, _ in rows]),
        sources=column([link.source for link in links]),
        targets=column([link.target for link in links]),
        said=np.arange(len(said)),
        said_table=said,
        events=column(["" if n in told else link.event_id for n, link in enumerate(links)]),
        since_us=ints([link.since_us or 0 for link in links]),
        links_told=told,
        link_bounds=ints([0, *accumulate(len(node.links) for node, _ in rows)]),
        link_counts=ints([node.link_count for node, _ in rows]),
        reached_us=ints([node.reached_us or 0 for node, _ in rows]),
        reached_otherwise={
            n: STATES[state].occurred_at for n, (node, state) in enumerate(rows) if node.reached_us is None
        },
        standing=ints([codes[state] for _, state in rows]),
        stands=stands,
        own=own,
    )


FORMS: dict[str, Callable[[], Format]] = {
    "json": lambda: AsJson(NODES),
    "ndjson": lambda: AsNdjson(NODES),
    "csv": lambda: AsCsv(NODES, for_spreadsheet=False),
}


ENDED = Link(relation=Relation.PART_OF, source=ItemId("u"), target=ItemId("v"), event_id="a,b", since_us=0, until_us=9)
BY_STRANGE = Node(
    item=ItemId("v"),
    level=1,
    certainty="certain",
    reasons=(),
    came_from=(ItemId("u"),),
    from_count=1,
    links=(ENDED,),
    link_count=1,
    reached_us=0,
)
"""Only the event of a link that is told has a sign of CSV in its id."""


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(deadline=None)
@example(chunks=[[(BY_STRANGE, 0)]])
@given(chunks=st.lists(st.lists(nodes(), max_size=4), max_size=3))
def test_columns_of_nodes_read_like_the_nodes_one_by_one(
    form: Callable[[], Format], chunks: list[list[tuple[Node, int]]]
) -> None:
    one_by_one, by_columns = form(), form()
    for rows in chunks:
        expected = one_by_one.rows([node_json(node, STATES[state]) for node, state in rows])
        assert by_columns.columns(columns_of(rows)) == expected
    tail = {"complete": True}
    assert by_columns.end(tail) == one_by_one.end(tail)


def test_a_number_that_is_too_wide_for_those_it_is_looked_for_among_is_none_of_them() -> None:
    held = np.array([1, 5], dtype=np.int32)
    assert positions(held, np.array([5, (1 << 32) + 5, -1, 1], dtype=np.int64)).tolist() == [1, -1, -1, 0]
