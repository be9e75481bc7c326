"""Very many nodes at once, column by column, and what they read like: the same bytes as one by one.

What many nodes have in common (how they stand, what is said of their links) is written once; the rows are woven of that
and of the ids as they lie in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import orjson

from domain.links import Link
from domain.state import Whereabouts
from domain.walk import CERTAIN
from services.query import node_cells as cells
from services.query import rendering
from services.query.graph.groups import Ints, told_apart
from services.query.graph.kinds import KINDS
from services.query.graph.texts import Texts
from services.query.graph.times import iso_texts
from services.query.weaving import Column, Part, Several, but, each, escaped, follows, taken, where, woven


@dataclass(frozen=True, slots=True)
class Head:
    """What a node says of itself before its links."""

    kind: str
    level: int
    certainty: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a link says beside its ends, its event and its instant; quantities as text."""

    relation: str
    told: tuple[Any, str | None, str | None]
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Written:
    """How the distinct values of a column read, each written when it is first met."""

    write: Callable[[Any], bytes]
    known: dict[int, bytes] = field(default_factory=dict)

    def some(self, codes: Sequence[int], table: Sequence[Any]) -> list[bytes]:
        """What each code reads like."""
        known = self.known
        for code in codes:
            if code not in known:
                known[code] = self.write(table[code])
        return [known[code] for code in codes]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeColumns:
    """Nodes in the order of the answer. What has `…_bounds` holds what nodes have several of, one after the other."""

    items: Column
    heads: Ints
    head_table: Sequence[Head]
    came_from: Column
    from_bounds: Ints
    from_counts: Ints
    sources: Column
    targets: Column
    said: Ints
    said_table: Sequence[Said]
    events: Column
    since_us: Ints
    links_told: Mapping[int, Link]
    """by place among the links: those that need more columns than there are"""
    link_bounds: Ints
    link_counts: Ints
    reached_us: Ints
    reached_otherwise: Mapping[int, str | None]
    """by place: `occurred_at` of nodes whose links tell no instant"""
    standing: Ints
    """by code of `stands`; below 0 one of `own`, counted from -1"""
    stands: "Stands"
    own: "Stands"

    def __len__(self) -> int:
        return len(self.heads)


class Stands:
    """How things stand, each way once; kept as long as codes mean the same."""

    def __init__(self) -> None:
        self.table: list[Whereabouts] = []
        self._kinds = bytearray()
        self.json = Written(_standing_json)
        self.csv = Written(lambda state: cells.standing_cells(state).encode())
        self._lock = Lock()

    def add(self, state: Whereabouts) -> int:
        """The code of a new way."""
        with self._lock:
            self.table.append(state)
            self._kinds.append(KINDS.index(state.kind))
            return len(self.table) - 1

    def kinds(self) -> Ints:
        """The kind of each, as a place in KINDS."""
        return np.frombuffer(bytes(self._kinds), dtype=np.uint8).astype(np.int64)


def json_lines(nodes: NodeColumns, *, before: bytes, after: bytes) -> bytes:
    """Each node as JSON, between what stands before and after each in place of its braces."""
    froms = (where(follows(nodes.from_bounds), b","), b'"', escaped(nodes.came_from), b'"')
    pieces = (
        before + b'"item":"',
        escaped(nodes.items),
        each(nodes.heads, lambda code: b'",%b,"from":[' % _head_json(nodes.head_table[code])),
        Several(froms, nodes.from_bounds),
        each(nodes.from_counts, lambda count: b'],"from_count":%d,"links":[' % count),
        _links_json(nodes),
        each(nodes.link_counts, lambda count: b'],"link_count":%d,"occurred_at":' % count),
        _reached(nodes, before=b'"', after=b'"').but(
            {at: orjson.dumps(t) for at, t in nodes.reached_otherwise.items()}
        ),
        b",",
        _standing(nodes, lambda stands: stands.json),
        after,
    )
    return woven(pieces, len(nodes)).data


def _links_json(nodes: NodeColumns) -> Several:
    """By node, its links."""
    pieces = (
        each(nodes.said, lambda code: b'{"relation":"%b","from":"' % nodes.said_table[code].relation.encode()),
        escaped(nodes.sources),
        b'","to":"',
        escaped(nodes.targets),
        b'","event_id":"',
        escaped(nodes.events),
        b'","since":"',
        _instants(nodes.since_us),
        each(nodes.said, lambda code: b'",%b}' % _said_json(nodes.said_table[code])),
    )
    told = _told(nodes, lambda link: orjson.dumps(rendering.link_json(link)))
    return _with_told(nodes, pieces, told, sign=b",")


def csv_lines(nodes: NodeColumns) -> bytes:
    """Each node as a row of formats.COLUMNS, with its line end."""
    froms = Several((where(follows(nodes.from_bounds), b"; "), nodes.came_from), nodes.from_bounds)
    told = _told(nodes, lambda link: cells.link_text(rendering.link_json(link)).encode())
    pieces = (
        _cells(nodes.items, (nodes.items,)),
        each(nodes.heads, lambda code: b",%b," % cells.head_cells(nodes.head_table[code]).encode()),
        _cells(froms, (nodes.came_from,)),
        each(nodes.from_counts, b",%d,".__mod__),
        _cells(_links_csv(nodes, told), (nodes.sources, nodes.targets, nodes.events, *told)),
        each(nodes.link_counts, b",%d,".__mod__),
        _reached(nodes).but({at: (text or "").encode() for at, text in nodes.reached_otherwise.items()}),
        b",",
        _standing(nodes, lambda stands: stands.csv),
        b"\r\n",
    )
    return woven(pieces, len(nodes)).data


def _links_csv(nodes: NodeColumns, told: Sequence[Column]) -> Several:
    """By node, its links."""
    pieces = (
        each(nodes.said, lambda code: b"%b " % nodes.said_table[code].relation.encode()),
        nodes.sources,
        b" > ",
        nodes.targets,
        b" by ",
        nodes.events,
    )
    return _with_told(nodes, pieces, told, sign=b"; ")


def _told(nodes: NodeColumns, write: Callable[[Link], bytes]) -> tuple[Column, ...]:
    """The links that were told, each at its place among the others; none where there are none."""
    rows = np.array(list(nodes.links_told), dtype=np.int64)
    if not len(rows):
        return ()
    texts = Texts.of([write(link) for link in nodes.links_told.values()])
    return (Column(int(nodes.link_bounds[-1]), (Part(texts, np.arange(len(rows)), rows),)),)


def _with_told(nodes: NodeColumns, pieces: Sequence[Column | bytes], told: Sequence[Column], *, sign: bytes) -> Several:
    """Links by node, a sign between them; those that were told stand in place of what is woven."""
    bounds, rows = nodes.link_bounds, list(nodes.links_told)
    kept = (but(piece, rows, int(bounds[-1])) for piece in pieces)
    return Several((where(follows(bounds), sign), *kept, *told), bounds)


def _reached(nodes: NodeColumns, *, before: bytes = b"", after: bytes = b"") -> Column:
    return _instants(nodes.reached_us, before, after)


def _instants(instants_us: Ints, before: bytes = b"", after: bytes = b"") -> Column:
    """As RFC 3339, each instant written once."""
    found, which = told_apart(instants_us)
    return Column.of(woven((before, Column.of(iso_texts(found)), after), len(found)), which)


def _standing(nodes: NodeColumns, form: Callable[[Stands], Written]) -> Column | bytes:
    shared, own = form(nodes.stands), form(nodes.own)
    codes, which = told_apart(nodes.standing)
    owned = -1 - codes[codes < 0]
    texts = own.some(owned.tolist(), nodes.own.table) + shared.some(codes[len(owned) :].tolist(), nodes.stands.table)
    return texts[0] if len(texts) == 1 else Column.of(Texts.of(texts), which)


def _cells(piece: Column | Several, made_of: Sequence[Column]) -> Column | Several:
    """As they stand between commas. `made_of`: the columns of ids in them."""
    if all(column.plain for column in made_of):
        return piece
    texts = taken(piece)
    if texts.plain:
        return Column.of(texts)
    return Column.of(Texts.of([cells.written(text.decode()).encode() for text in texts.pieces()]))


def _inner(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document)[1:-1]


def _head_json(head: Head) -> bytes:
    return _inner({"kind": head.kind, "level": head.level, "certainty": head.certainty, "reasons": list(head.reasons)})


def _standing_json(state: Whereabouts) -> bytes:
    return _inner(rendering.standing_json(state))


def _said_json(said: Said) -> bytes:
    quantity, uom, basis = said.told
    return _inner(
        {
            "until": None,
            "quantity": rendering.text(quantity),
            "uom": uom,
            "basis": basis,
            "share": None,
            "certainty": rendering.POSSIBLE if said.reasons else CERTAIN,
            "reasons": list(said.reasons),
        }
    )
