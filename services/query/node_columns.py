"""Very many nodes at once, column by column, and what they read like: the same bytes as one by one.

What many nodes have in common (how they stand, what an event says of its links) is written once and put in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
import orjson

from domain.links import Link
from domain.state import Whereabouts
from domain.walk import CERTAIN
from services.query import node_cells as cells
from services.query import rendering


@dataclass(frozen=True, slots=True)
class Head:
    """What a node says of itself before its links."""

    kind: str
    level: int
    certainty: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a link says beside its ends; quantities as text."""

    relation: str
    event_id: str
    since: str | None
    told: tuple[Any, str | None, str | None]
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Written:
    """How the distinct values of a column read, each written when it is first met."""

    write: Callable[[Any], str]
    known: dict[int, str] = field(default_factory=dict)

    def all(self, codes: Sequence[int], table: Sequence[Any]) -> list[str]:
        """What each code reads like."""
        known = self.known
        for code in set(codes) - known.keys():
            known[code] = self.write(table[code])
        return [known[code] for code in codes]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeColumns:
    """Nodes in the order of the answer. Lists with `…_bounds` hold what nodes have several of, one after the other."""

    items: list[str]
    heads: list[int]
    head_table: Sequence[Head]
    came_from: list[str]
    from_bounds: list[int]
    from_counts: list[int]
    sources: list[str]
    targets: list[str]
    said: list[int]
    said_table: Sequence[Said]
    links_told: dict[int, Link]
    """by place among the links: those that need more columns than there are"""
    link_bounds: list[int]
    link_counts: list[int]
    occurred_at: list[str | None]
    standing: list[int]
    """by code of `stands`; below 0 one of `own`, counted from -1"""
    stands: "Stands"
    own: "Stands"

    def __len__(self) -> int:
        return len(self.items)


class Stands:
    """How things stand, each way once; kept as long as codes mean the same."""

    def __init__(self) -> None:
        self.table: list[Whereabouts] = []
        self.json = Written(_standing_json)
        self.csv = Written(cells.standing_cells)
        self._lock = Lock()

    def add(self, state: Whereabouts) -> int:
        """The code of a new way."""
        with self._lock:
            self.table.append(state)
            return len(self.table) - 1


def json_lines(nodes: NodeColumns) -> list[str]:
    """Each node as JSON, without the braces around it."""
    items, sources = _escaped(nodes.items), _escaped(nodes.sources)
    targets = _escaped(nodes.targets)
    said = Written(_said_json).all(nodes.said, nodes.said_table)
    links = [
        f'{{"relation":"{said_table_relation}","from":"{source}","to":"{target}",{tail}}}'
        for said_table_relation, source, target, tail in zip(
            (nodes.said_table[c].relation for c in nodes.said), sources, targets, said, strict=True
        )
    ]
    for at, link in nodes.links_told.items():
        links[at] = orjson.dumps(rendering.link_json(link)).decode()
    came_from = [f'"{name}"' for name in _escaped(nodes.came_from)]
    heads = Written(_head_json).all(nodes.heads, nodes.head_table)
    tails = _standing(nodes, lambda stands: stands.json)
    times = ["null" if time is None else f'"{time}"' for time in nodes.occurred_at]
    columns = (
        items,
        heads,
        _grouped(came_from, nodes.from_bounds, ","),
        nodes.from_counts,
        _grouped(links, nodes.link_bounds, ","),
        nodes.link_counts,
        times,
        tails,
    )
    return [
        f'"item":"{item}",{head},"from":[{froms}],"from_count":{from_count},"links":[{linked}],'
        f'"link_count":{link_count},"occurred_at":{time},{tail}'
        for item, head, froms, from_count, linked, link_count, time, tail in zip(*columns, strict=True)
    ]


def csv_lines(nodes: NodeColumns) -> list[str]:
    """Each node as a row of formats.COLUMNS, with its line end."""
    events = Written(lambda said: f" by {said.event_id}").all(nodes.said, nodes.said_table)
    relations = [nodes.said_table[c].relation for c in nodes.said]
    links = [
        f"{relation} {source} > {target}{event}"
        for relation, source, target, event in zip(relations, nodes.sources, nodes.targets, events, strict=True)
    ]
    for at, link in nodes.links_told.items():
        links[at] = cells.link_text(rendering.link_json(link))
    columns = (
        cells.written(nodes.items),
        Written(cells.head_cells).all(nodes.heads, nodes.head_table),
        cells.written(_grouped(nodes.came_from, nodes.from_bounds, "; ")),
        nodes.from_counts,
        cells.written(_grouped(links, nodes.link_bounds, "; ")),
        nodes.link_counts,
        [time or "" for time in nodes.occurred_at],
        _standing(nodes, lambda stands: stands.csv),
    )
    return [
        f"{item},{head},{froms},{from_count},{linked},{link_count},{time},{tail}\r\n"
        for item, head, froms, from_count, linked, link_count, time, tail in zip(*columns, strict=True)
    ]


def _standing(nodes: NodeColumns, form: Callable[[Stands], Written]) -> list[str]:
    shared = iter(form(nodes.stands).all([c for c in nodes.standing if c >= 0], nodes.stands.table))
    own = iter(form(nodes.own).all([-1 - c for c in nodes.standing if c < 0], nodes.own.table))
    return [next(shared) if code >= 0 else next(own) for code in nodes.standing]


def _grouped(texts: list[str], bounds: list[int], between: str) -> list[str]:
    """The texts of each group in one."""
    if len(bounds) == len(texts) + 1 and all(b - a == 1 for a, b in pairwise(bounds)):
        return texts
    return [between.join(texts[a:b]) for a, b in pairwise(bounds)]


def _escaped(texts: list[str]) -> list[str]:
    """As they stand between the quotes of JSON."""
    together = "".join(texts)
    if not ('"' in together or "\\" in together or _any_control(together)):
        return texts
    return [orjson.dumps(text).decode()[1:-1] for text in texts]


def _any_control(text: str) -> bool:
    return bool((np.frombuffer(text.encode(), dtype=np.uint8) < ord(" ")).any())


def _inner(document: dict[str, Any]) -> str:
    return orjson.dumps(document).decode()[1:-1]


def _head_json(head: Head) -> str:
    return _inner({"kind": head.kind, "level": head.level, "certainty": head.certainty, "reasons": list(head.reasons)})


def _standing_json(state: Whereabouts) -> str:
    return _inner(rendering.standing_json(state))


def _said_json(said: Said) -> str:
    quantity, uom, basis = said.told
    return _inner(
        {
            "event_id": said.event_id,
            "since": said.since,
            "until": None,
            "quantity": rendering.text(quantity),
            "uom": uom,
            "basis": basis,
            "share": None,
            "certainty": rendering.POSSIBLE if said.reasons else CERTAIN,
            "reasons": list(said.reasons),
        }
    )
