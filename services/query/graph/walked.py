"""What a walk over a graph begins with, and what it reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from domain.answers import Conflict, Gap, Superseded
from domain.ids import ItemId
from domain.links import Link
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import CERTAIN_BIT, KNOWN_REASONS, LinkColumns, bits_of


class Barred(Exception):
    """The walk came to an item that only the domain can answer about."""


def label_of(reasons: frozenset[str]) -> int:
    """The label of a path that is only possible for these reasons; certain without any. Raises Barred."""
    if not reasons <= KNOWN_REASONS:
        raise Barred
    return bits_of(reasons) or CERTAIN_BIT


@dataclass(frozen=True, slots=True)
class Seeded:
    """Exposed items, each once, and the label of each."""

    items: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    labels: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a walk begins with beside the items asked about: members one hop away, and exposed items.

    `links` lead to the members from `came_from`; exposed items have none.
    """

    members: Sequence[ItemId] = ()
    reasons: Sequence[frozenset[str]] = ()
    links: Sequence[Link] = ()
    came_from: Sequence[ItemId] = ()
    seeded: Seeded = field(default_factory=Seeded)

    def __len__(self) -> int:
        return len(self.members) + len(self.seeded)

    def beginning(self, members: Ints) -> tuple[Ints, Ints]:
        """(items, labels) that paths begin with, where the members are at these positions. Raises Barred."""
        labels = np.array([label_of(reasons) for reasons in self.reasons], dtype=np.int64)
        return np.concatenate([members, self.seeded.items]), np.concatenate([labels, self.seeded.labels])


class ByNumber(Protocol):
    """Links that the domain told, by their numbers."""

    def __getitem__(self, number: int, /) -> Link: ...


@dataclass(frozen=True, slots=True)
class Arrived:
    """The links that paths end with, each as it was first met.

    `node` is what a link leads to, `came_from` where from, `hops` how many links at least.
    """

    links: LinkColumns
    node: Ints
    came_from: Ints
    hops: Ints


@dataclass(frozen=True, slots=True)
class SameThings:
    """Links that surely equate two names, and the node each leads to. `most`: links that lead to nodes, at most."""

    source: Ints
    target: Ints
    node: Ints
    most: Callable[[Ints], Ints]


@dataclass(kw_only=True)
class Walked:
    """What a walk reached: nodes by item. Their links are made into columns when somebody looks at them.

    `told` are the links that the domain told. `seeded` are nodes that nothing needs to lead to. `level` and `timed`
    (some link tells when it was reached) are by node, None where only the links tell. `gaps`, `conflicts` and
    `superseded` came to light with the links.
    """

    nodes: Ints
    labels: Ints
    consistent_labels: Ints
    ordered_labels: Ints
    arrive: Callable[[], Arrived]
    seeded: Ints
    told: ByNumber = field(default_factory=tuple)
    level: Ints | None = None
    timed: Bools | None = None
    names: Callable[[], SameThings] | None = None
    """links that equate two names; None: to be found among all links"""
    gaps: list[Gap] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    superseded: list[Superseded] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)

    @cached_property
    def _arrived(self) -> Arrived:
        return self.arrive()

    @property
    def links(self) -> LinkColumns:
        return self._arrived.links

    @property
    def arrived(self) -> Ints:
        """The node that each link leads to."""
        return self._arrived.node

    @property
    def came_from(self) -> Ints:
        return self._arrived.came_from

    @property
    def hops(self) -> Ints:
        return self._arrived.hops
