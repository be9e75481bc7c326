"""The arrays of one tenant's record at one position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from services.query.graph.drawn import Odd
from services.query.graph.facts import Standing
from services.query.graph.groups import Bools, Groups, Ints, picked, positions
from services.query.graph.lookup import Lookup
from services.query.graph.texts import Texts

Told = tuple[Decimal | None, str | None, str | None]
"""quantity, unit of measure, basis"""


@dataclass(frozen=True, slots=True)
class Events:
    """Events that count, by number. Instants are microseconds; `parent` is an item (-1: none), `flow` the
    transformation (-1: none), numbered from 0. `nos` are their numbers in the views, ascending.
    """

    ids: Texts
    nos: Ints
    latest_us: Ints
    earliest_us: Ints
    begins_us: Ints
    rank: Ints
    parent: Ints
    flow: Ints

    def __len__(self) -> int:
        return len(self.latest_us)


@dataclass(frozen=True, slots=True)
class Mentions:
    """Every item in every role of every event that counts. `several`: its derivation links have `several_inputs`.

    `told`: a row of the graph's `told`; a component's has no basis. `status` is a code of STATUSES.
    """

    event: Ints
    item: Ints
    role: Ints
    action: Ints
    sure_basis: Bools
    several: Bools
    told: Ints
    flow: Ints
    status: Ints


@dataclass(frozen=True, slots=True)
class Relations:
    """Pairs of items that one event relates: lot and unit, or two names of one thing."""

    event: Ints
    one: Ints
    other: Ints
    by_one: Groups
    by_other: Groups


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of the views, sorted, and the item that has each."""

    sorted_nos: Ints
    item: Ints

    def items(self, numbers: Ints) -> Ints:
        """The item of each number; -1 where the graph does not know it."""
        return picked(self.item, positions(self.sorted_nos, numbers))


@dataclass(frozen=True, slots=True)
class Graph:
    """One tenant's record. Items are rows of `names`, which are sorted; `odd` ones are for the domain.

    Units that only a range of serials names have no number in the views.
    """

    vector: Mapping[int, int]
    applied_us: Mapping[int, int]
    """append time of the newest record of each partition"""
    settled_us: int
    """latest instant of any event: from here on the state of an item does not change but by newer events"""
    names: Texts
    lookup: Lookup
    numbers: Numbers
    material: Ints
    odd: Odd
    barred: Bools
    """the domain must answer a question that comes to one of these, from its beginning"""
    events: Events
    mentions: Mentions
    told: Sequence[Told]
    by_item: Groups
    used: Groups
    """mentions as input of a transformation, by item"""
    fitted: Groups
    """mentions as component of a unit, by item"""
    made: Groups
    """mentions as output or whole, by item: few, where a lot is used without end"""
    is_parent: Bools
    """whether it was ever used as a container"""
    received: Bools
    """whether it was ever received"""
    inputs: Groups
    """mentions as input, by transformation"""
    outputs: Groups
    by_event: Groups
    below: Groups
    """mentions as child or component, by the container or unit"""
    members: Relations
    same: Relations
    declared: Ints
    """items that an event declares to be of another class than their id shows"""
    renamed: tuple[Ints, Ints]
    """ids of things that were relabelled, and those that they got then"""
    doubted: tuple[Ints, Ints]
    """(upper, lower): by events that a void or a rival names, which no other column knows (`doubted.py`)"""
    standing: Standing
    loaded: frozenset[str]
    """equipment on which something was ever mounted"""
    leads: Ints
    """by item, what leaves it: bits (`leads.py`)"""
    reasoned: bool
    """whether any derivation is only possible for what its event says"""
    born_us: Ints
    """by when each item came forth, where that is known (domain.uses.born_us); NEVER elsewhere"""

    def __len__(self) -> int:
        return len(self.names)

    def named(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are of items which an event names. A lot may be known by its units alone."""
        found = self.lookup.find(ids)
        counts = [by.start[found + 1] - by.start[found] for by in (self.by_item, self.members.by_one)]
        named = (found >= 0) & (np.maximum(*counts) > 0)
        return {text for text, known in zip(ids, named.tolist(), strict=True) if known}
