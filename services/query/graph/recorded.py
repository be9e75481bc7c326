"""The links that a walk without a date takes, by rows of the graph that tell them: columns only for who looks."""

import numpy as np

from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import (
    IDENTIFIED_AS,
    LinkColumns,
    derivations,
    identities,
    joined,
    members,
    most_into,
    parts,
    plain_reasons,
)
from services.query.graph.walked import Arrived, SameThings
from services.turns import give_way


class Rows:
    """Pairs of rows of the graph that tell links, and after how many hops each was met."""

    def __init__(self) -> None:
        self._ones: list[Ints] = []
        self._others: list[Ints] = []
        self._hops: list[tuple[int, int]] = []

    def add(self, ones: Ints, others: Ints, new: Bools, hops: int) -> None:  # noqa: PLR0917
        """Those of them that are new."""
        if not new.all():
            ones, others = ones[new], others[new]
        if len(ones):
            self._ones.append(ones)
            self._others.append(others)
            self._hops.append((hops, len(ones)))

    def all(self) -> tuple[Ints, Ints, Ints]:
        """(ones, others, hops)."""
        none = np.zeros(0, dtype=np.int64)
        hops, counts = ([pair[n] for pair in self._hops] for n in (0, 1))
        return (
            np.concatenate([none, *self._ones]),
            np.concatenate([none, *self._others]),
            np.repeat(np.array(hops, dtype=np.int64), counts),
        )

    def __len__(self) -> int:
        return sum(count for _, count in self._hops)


class Recorded:
    """All links of one walk, each once."""

    def __init__(self, graph: Graph, *, forward: bool = True) -> None:
        self._graph, self._forward = graph, forward
        self.derivations, self.parts, self.members, self.names = Rows(), Rows(), Rows(), Rows()
        self._told: list[LinkColumns] = []
        self._told_ends: list[tuple[Ints, Ints, int]] = []

    def add_told(self, links: LinkColumns, came_from: Ints, to: Ints, *, depth: int) -> None:
        """Links of the domain."""
        self._told.append(links)
        self._told_ends.append((came_from, to, depth))

    @property
    def count(self) -> int:
        """How many there are."""
        plain = (self.derivations, self.parts, self.members, self.names)
        return sum(map(len, plain)) + sum(map(len, self._told))

    def reasons(self, used: Ints, against: Bools) -> Ints | None:
        """The reasons of derivations; None where none has any."""
        if not self._graph.reasoned and not against.any():
            return None
        found = plain_reasons(self._graph, used, against)
        return found if found.any() else None

    def same_things(self) -> SameThings:
        """Links that surely equate two names."""
        names, turned, _ = self.names.all()
        ends = self._ends(names, turned)
        told = [(k, to, np.flatnonzero((k.relation == IDENTIFIED_AS) & (k.reasons == 0))) for k, to in self._told_to()]
        return SameThings(
            np.concatenate([ends[0], *(k.source[rows] for k, _, rows in told)]),
            np.concatenate([ends[1], *(k.target[rows] for k, _, rows in told)]),
            np.concatenate([ends[1], *(to[rows] for _, to, rows in told)]),
            self._most,
        )

    def _ends(self, names: Ints, turned: Ints) -> list[Ints]:
        same = self._graph.same
        return [np.where(turned == n, same.one[names], same.other[names]) for n in (0, 1)]

    def _told_to(self) -> list[tuple[LinkColumns, Ints]]:
        return [(k, to) for k, (_, to, _) in zip(self._told, self._told_ends, strict=True)]

    def _most(self, nodes: Ints) -> Ints:
        """How many links lead to each of the nodes, at most: plain ones, walked or not, and those that were told."""
        found, known = np.zeros(len(nodes), dtype=np.int64), nodes < len(self._graph)
        found[known] = most_into(self._graph, nodes[known])
        told = np.sort(np.concatenate([nodes[:0], *(to for _, to in self._told_to())]))
        return found + np.searchsorted(told, nodes, side="right") - np.searchsorted(told, nodes)

    def arrived(self) -> Arrived:
        """As columns."""
        graph = self._graph
        used, made, hops_d = self.derivations.all()
        fitted, _, hops_p = self.parts.all()
        rows, _, hops_m = self.members.all()
        names, turned, hops_n = self.names.all()
        ends = self._ends(names, turned)
        give_way()
        plain = joined(
            [
                derivations(graph, used, made),
                parts(graph, fitted),
                members(graph, rows),
                identities(graph, names, source=ends[0], target=ends[1]),
            ]
        )
        none = [np.zeros(0, dtype=np.int64)]
        near, far = (plain.source, plain.target) if self._forward else (plain.target, plain.source)
        return Arrived(
            links=joined([plain, *self._told]),
            node=np.concatenate([far, *(to for _, to, _ in self._told_ends)]),
            came_from=np.concatenate([near, *(came_from for came_from, _, _ in self._told_ends)]),
            hops=np.concatenate(
                [hops_d, hops_p, hops_m, hops_n, *none, *(np.full(len(to), d) for _, to, d in self._told_ends)]
            ),
        )
