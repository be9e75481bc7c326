"""The arrays of one tenant's record at one position."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.query.graph.facts import Standing
from services.query.graph.groups import Bools, Groups, Ints, positions


@dataclass(frozen=True, slots=True)
class Events:
    """Events that count, by number. Instants are microseconds; `parent` is an item (-1: none), `flow` the
    transformation (-1: none), numbered from 0.
    """

    no: Ints
    latest_us: Ints
    earliest_us: Ints
    begins_us: Ints
    rank: Ints
    parent: Ints
    flow: Ints

    def __len__(self) -> int:
        return len(self.no)


@dataclass(frozen=True, slots=True)
class Mentions:
    """Every item in every role of every event that counts. `several`: its derivation links have `several_inputs`."""

    event: Ints
    item: Ints
    role: Ints
    action: Ints
    sure_basis: Bools
    several: Bools


@dataclass(frozen=True, slots=True)
class Relations:
    """Pairs of items that one event relates: lot and unit, or two names of one thing."""

    event: Ints
    one: Ints
    other: Ints
    by_one: Groups
    by_other: Groups


@dataclass(frozen=True, slots=True)
class Graph:
    """One tenant's record. Items are positions in `item_nos`; `odd` ones are for the domain to answer about."""

    vector: Mapping[int, int]
    applied_us: Mapping[int, int]
    """append time of the newest record of each partition"""
    item_nos: Ints
    material: Ints
    odd: Bools
    barred: Bools
    """the domain must answer a question that comes to one of these, from its beginning"""
    events: Events
    mentions: Mentions
    by_item: Groups
    inputs: Groups
    """mentions as input, by transformation"""
    outputs: Groups
    by_event: Groups
    below: Groups
    """mentions as child or component, by the container or unit"""
    members: Relations
    same: Relations
    standing: Standing

    def index(self, numbers: Ints) -> Ints:
        """Positions of items by their number; -1 for those that came later."""
        return positions(self.item_nos, numbers)
