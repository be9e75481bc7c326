"""How things stand at one instant, remembered: those that stand alike share one description, by its code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from domain.answers import Gap
from domain.distribution import Where
from domain.ids import ItemId
from domain.state import SHIPPED_OUT, Whereabouts
from services.query.graph.facts import STATUSES, Stays
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, picked, positions
from services.query.graph.kinds import KINDS
from services.query.graph.names import Names
from services.query.graph.seen import distinct
from services.query.graph.single import SingleItems
from services.query.graph.sparse import Sparse
from services.query.graph.standing import Stood, stand
from services.query.node_columns import Stands

_MOST_BY_DOMAIN = 200_000
"""Items told by the domain that are remembered; what is more is asked again each time."""


@dataclass(frozen=True, slots=True)
class Words:
    """Sites, holders and their like of a graph, and where among them each is that has a number."""

    texts: Sequence[str]
    """sorted: what is counted by them is told in this order"""
    _numbers: Ints
    _places: Ints

    @classmethod
    def of(cls, texts: Mapping[int, str]) -> "Words":
        words = sorted(texts, key=lambda number: texts[number])
        numbers = np.array(words, dtype=np.int64)
        by_number = np.argsort(numbers)
        return cls([texts[number] for number in words], numbers[by_number], by_number)

    def places(self, numbers: Ints) -> Ints:
        """Of each number; -1 where there is no such text."""
        return picked(self._places, positions(self._numbers, numbers))


MOST_OCCURRED = 200_000
"""Events of which it is remembered when they were, as they say it; of more it is asked each time."""


class Remembered:
    """Codes of items at one instant. Any thread may look and add; who is late only adds what is there already."""

    def __init__(self, graph: Graph, at_us: int, words: Words) -> None:
        self.single = SingleItems(graph)
        self._graph, self._standing, self._names = graph, graph.standing, graph.names
        self.at_us, self.words = at_us, words
        self.codes = Sparse(len(graph), np.int32)
        self.status = Sparse(len(graph), np.int8)
        """of plain items: codes of STATUSES; -1: not told yet"""
        self.site = Sparse(len(graph), np.int32)
        """of plain items: places among `words`; -1: none"""
        self.holder = Sparse(len(graph), np.int32)
        self.whole = Sparse(len(graph), np.int32)
        """the unit that a plain item is fitted in; -1: none"""
        self.container = Sparse(len(graph), np.int32)
        """what a plain item is inside; -1: nothing"""
        self.stands = Stands()
        self.troubled: dict[int, frozenset[int]] = {}
        """by code of one that the domain told: keys of its events that have a void or a rival"""
        self.occurred: dict[int, str] = {}
        """by number of an event: when it was, as it says it"""
        self._coded: dict[tuple[int, ...], int] = {}
        self._around_told: dict[int, tuple[Ints, Ints]] = {}
        """by code of one that the domain told: places of the units and containers that it is in"""

    def at(self, at_us: int) -> "Remembered":
        """The same of another instant, of which nothing is known yet."""
        return Remembered(self._graph, at_us, self.words)

    def untold(self, items: Ints, *, counted: bool, coded: bool) -> Ints:
        """Those of the items of which it is not known yet how they stand: as far as it counts, or their code."""
        fresh = np.zeros(len(items), dtype=np.bool_)
        for asked, told in ((counted, self.status), (coded, self.codes)):
            if asked:
                fresh |= told[items] < 0
        return items[fresh]

    def tell(self, items: Ints, *, counted: bool, coded: bool) -> None:
        """Have how plain items stand: as far as it counts, and their codes."""
        if not len(items):
            return
        stood = stand(self._standing, items, self.at_us)
        if counted:
            self._tell_counted(items, stood)
        if coded:
            self._tell_codes(items, stood)

    def _tell_counted(self, fresh: Ints, stood: Stood) -> None:
        self.whole[fresh] = stood.whole
        self.container[fresh] = stood.container
        self.site[fresh], self.holder[fresh] = self.words.places(stood.site), self.words.places(stood.holder)
        self.status[fresh] = stood.status

    def _tell_codes(self, fresh: Ints, stood: Stood) -> None:
        columns = (
            self._standing.kind[fresh],
            stood.status,
            *(stood.disposition, stood.site, stood.holder, stood.owner, stood.container),
        )
        first, which = distinct(columns)
        above, looks = self._above(stood.container[first]), zip(*(c[first].tolist() for c in columns), strict=True)
        told = np.array([self._code(look, above) for look in looks], dtype=np.int32)
        self.codes[fresh] = told[which]

    def _above(self, containers: Ints) -> dict[int, int]:
        """What these containers are in, and what that is in, up to the outermost."""
        found: dict[int, int] = {}
        asked = np.unique(containers[containers >= 0])
        while len(asked):
            above = self._standing.stays.inside(asked, self.at_us)
            found.update(zip(asked.tolist(), above.tolist(), strict=True))
            asked = np.array([box for box in np.unique(above[above >= 0]).tolist() if box not in found], dtype=np.int64)
        return found

    def keep(self, item: int, state: Whereabouts, troubled: frozenset[int]) -> int | None:
        """Remember what the domain told of an item: its code; None if that is too much to remember."""
        if len(self.troubled) >= _MOST_BY_DOMAIN:
            return None
        code = self.stands.add(state)
        self.troubled[code] = troubled
        self.codes[item] = code
        return code

    def _code(self, look: tuple[int, ...], above: Mapping[int, int]) -> int:
        if look not in self._coded:
            self._coded[look] = self.stands.add(self._described(look, above))
        return self._coded[look]

    def _described(self, look: tuple[int, ...], above: Mapping[int, int]) -> Whereabouts:
        """What items that look like this have in common; which of them it is, and its unit, is left out."""
        kind, status_code, disposition, site, holder, owner, container = look
        text, status = self._standing.texts, STATUSES[status_code]
        around = tuple(ItemId(self._names[box]) for box in _around(container, above))
        where = Where(text.get(site), text.get(holder), around[0] if around else None, status, Decimal(1), None)
        nowhere = status is None and where.site is None and where.holder is None and not around
        return Whereabouts(
            item=ItemId(""),
            kind=KINDS[kind],
            status=status,
            disposition=text.get(disposition),
            site=where.site,
            container=where.container,
            containers=around,
            wholes=(),
            holder=where.holder,
            owner=text.get(owner),
            where=() if nowhere else (where,),
            holds=(),
            recalls=(),
            occurred_at=None,
            order_uncertain=False,
            gaps=(),
            conflicts=(),
        )

    def wholes(self, items: Ints) -> list[list[int]]:
        """The units that each plain item is fitted in, innermost first."""
        found: list[list[int]] = [[] for _ in items]
        at, whole = np.arange(len(items)), self.whole[items]
        while len(at):
            fitted = np.flatnonzero((whole >= 0) & (whole != items[at]))
            climbs = [
                row
                for row, place, unit in zip(fitted.tolist(), at[fitted].tolist(), whole[fitted].tolist(), strict=True)
                if unit not in found[place]
            ]
            for row in climbs:
                found[at[row]].append(int(whole[row]))
            at, whole = at[climbs], self._standing.parts.inside(whole[climbs], self.at_us)
        return found

    def within(self, items: Ints, chosen: Bools) -> Bools:
        """Of which plain items the unit that they are fitted in, or that it is fitted in, is chosen."""
        return self._up(items, self.whole, chosen, self._standing.parts)

    def inside(self, items: Ints, chosen: Bools) -> Bools:
        """Of which plain items the container, or what that is inside, is chosen."""
        return self._up(items, self.container, chosen, self._standing.stays)

    def _up(self, items: Ints, first: Sparse, chosen: Bools, stays: Stays) -> Bools:  # noqa: PLR0917
        found = np.zeros(len(items), dtype=np.bool_)
        above = first[items]
        rows = np.flatnonzero(above >= 0)
        above = above[rows]
        for _ in range(100):
            if not len(rows):
                break
            hit = chosen[above]
            found[rows[hit]] = True
            ends, which = np.unique(above[~hit], return_inverse=True)
            above, rows = stays.inside(ends, self.at_us)[which], rows[~hit]
            rows, above = rows[above >= 0], above[above >= 0]
        return found

    def around(self, item: int, state: Whereabouts, names: Names) -> tuple[Ints, Ints]:
        """(units that it is fitted in, containers) of an item that the domain told of, by their places."""
        code = int(self.codes[item]) if item < len(self.codes) else -1
        kept = self._around_told.get(code) if code >= 0 and self.stands.table[code] is state else None
        if kept is None:
            kept = names.indexes(state.wholes), names.indexes(state.containers)
            if code >= 0 and self.stands.table[code] is state and max((-1, *kept[0], *kept[1])) < len(self.codes):
                self._around_told[code] = kept
        return kept


def _around(container: int, above: Mapping[int, int]) -> list[int]:
    """A container and what it is in, innermost first."""
    seen: list[int] = []
    while container >= 0 and container not in seen:
        seen.append(container)
        container = above[container]
    return seen


def shipped_out(item: str) -> Gap:
    return Gap("shipped_out", (ItemId(item),), SHIPPED_OUT)
