"""Counting what is affected while it goes by (SEMANTICS §7): nothing is kept of a node but its name."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from domain.answers import Node
from domain.facts import Status
from domain.ids import ItemId
from domain.links import Relation
from domain.state import Whereabouts

Id = TypeVar("Id", ItemId, int)


class Totals:
    """Two names of one thing count once; top units are not in, nor used up in, another affected one."""

    def __init__(self, affected: Container[ItemId]) -> None:
        """Of all nodes that are shown, those that count (`counted_once`); each is to be added with its state."""
        self._affected = affected
        self._kinds: Counter[str] = Counter()
        self._sure: Counter[str] = Counter()
        self._by: dict[str, Counter[str]] = {"status": Counter(), "site": Counter(), "holder": Counter()}
        self._quantities: dict[str, Decimal] = {}
        self._no_units: set[ItemId] = set()
        self._top_units = 0
        self._top_unless_units: Counter[tuple[ItemId, ...]] = Counter()

    def add(self, item: ItemId, certainty: str, *, state: Whereabouts, shown: Whereabouts) -> None:
        """Count one node; by status, site and holder, and with its quantities, only as far as it is `shown`."""
        if item not in self._affected:
            return
        self._count(state.kind, certainty, shown)
        if state.kind == "unit":
            if not any(w in self._affected for w in state.wholes):
                self._count_top(state, 1)
        else:
            self._no_units.add(item)
            self._weigh(shown)

    def add_told(self, certainty: str, *, state: Whereabouts, top: bool) -> None:
        """Count one node that counts, of which it is known whether it is a top unit."""
        self._count(state.kind, certainty, state)
        self._top_units += top
        self._weigh(state)

    def count(self, kind: str, certainties: Mapping[str, int]) -> None:
        """Nodes of one kind that count, by certainty."""
        for certainty, count in certainties.items():
            self._kinds[kind] += count
            self._sure[certainty] += count

    def count_by(self, name: str, counts: Mapping[str, int]) -> None:
        """The same nodes by `status`, `site` or `holder`."""
        self._by[name].update(counts)

    def count_tops(self, count: int) -> None:
        """How many of them are top units."""
        self._top_units += count

    def _count(self, kind: str, certainty: str, shown: Whereabouts) -> None:
        self._kinds[kind] += 1
        self._sure[certainty] += 1
        for name, value in (("status", shown.status), ("site", shown.site), ("holder", shown.holder)):
            if value is not None:
                self._by[name][str(value)] += 1

    def _count_top(self, state: Whereabouts, count: int) -> None:
        if state.status is Status.CONSUMED or not count:
            return
        around = tuple(c for c in state.containers if c in self._affected)
        if around:
            self._top_unless_units[around] += count  # a container it is in may be a unit: known at the end
        else:
            self._top_units += count

    def _weigh(self, state: Whereabouts) -> None:
        for row in state.where if state.kind in ("lot", "class") else ():
            if row.quantity is not None:
                uom = row.uom or "pieces"
                self._quantities[uom] = self._quantities.get(uom, Decimal(0)) + row.quantity

    def json(self) -> dict[str, Any]:
        """The totals in the shape of DESIGN §7, once every node was added."""
        tops = self._top_units + sum(
            count for around, count in self._top_unless_units.items() if all(c in self._no_units for c in around)
        )
        return {
            "items": sum(self._kinds.values()),
            "units": self._kinds["unit"],
            "lots": self._kinds["lot"],
            "top_units": tops,
            "certain": self._sure["certain"],
            "possible": self._sure["possible"],
            **{f"by_{name}": dict(sorted(counted.items())) for name, counted in self._by.items()},
            "quantities": {uom: format(q, "f") for uom, q in sorted(self._quantities.items())},
        }


def counted_once(nodes: Sequence[Node], starts: Sequence[ItemId] = ()) -> set[ItemId]:
    """One item a thing: of ids that are surely of one thing, the first of `starts`, else the first that is shown."""
    links = [link for node in nodes for link in node.links]
    same = [(k.source, k.target) for k in links if k.relation is Relation.IDENTIFIED_AS and not k.reasons]
    return one_a_thing([*starts, *(node.item for node in nodes)], same)


def one_a_thing(items: Sequence[Id], same: Sequence[tuple[Id, Id]]) -> set[Id]:
    """The first of the ids of each thing; `same` are pairs of ids of one thing. Or of numbers in the order of ids."""
    other: dict[Id, Id] = {}

    def first_of(item: Id) -> Id:
        while item in other:
            item = other[item]
        return item

    for pair in same:
        ends = sorted({first_of(end) for end in pair})
        if len(ends) > 1:
            other[ends[1]] = ends[0]
    kept: dict[Id, Id] = {}
    for item in items:
        kept.setdefault(first_of(item), item)
    return set(kept.values())
