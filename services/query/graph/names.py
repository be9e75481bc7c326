"""Items as positions and as ids, within one question."""

from collections.abc import Iterable

import numpy as np

from domain.ids import ItemId
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.leads import BARRED, ODD
from services.query.graph.newer import Changed
from services.query.graph.texts import Texts
from services.query.weaving import Column, Part


class Names:
    """Items that the graph does not know get positions behind its own, and are odd."""

    def __init__(self, graph: Graph, *, changed: Changed | None = None) -> None:
        self._graph, self._changed = graph, changed
        self._base = len(graph)
        self._later: list[str] = []
        self._later_at: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many positions there are."""
        return self._base + len(self._later)

    def odd(self, items: Ints, *, forward: bool) -> Bools:
        """Of which items the domain must tell the links that leave them (forward) or arrive at them."""
        inside = items < self._base
        odd, found = self._graph.odd.out if forward else self._graph.odd.into, ~inside
        known = items[inside]
        found[inside] = odd[known] if self._changed is None else odd[known] | self._changed.links[known]
        return found

    def leads(self, items: Ints) -> Ints:
        """What leaves each item forward, as it is known now: bits (`leads.py`)."""
        inside, changed = items < self._base, self._changed
        if not self._later:
            found = self._graph.leads[items]
        else:
            found = np.full(len(items), ODD, dtype=np.int8)
            found[inside] = self._graph.leads[items[inside]]
        if changed is not None and changed.events:
            rows = np.flatnonzero(inside)
            found[rows[changed.links[items[rows]]]] |= ODD
            if changed.barred and not changed.barred.isdisjoint(self.texts(items)):
                found |= BARRED
        return found

    def barred(self, items: Ints) -> bool:
        """Whether one of the items is for the domain from the beginning of the question."""
        base = self._graph.barred
        if base[items[items < self._base]].any():
            return True
        newer = self._changed.barred if self._changed is not None else frozenset()
        return bool(newer) and not newer.isdisjoint(self.texts(items))

    def texts(self, items: Ints) -> list[str]:
        """The id of each item, as text."""
        if not self._later:
            return self._graph.names.some(items)
        found = self._graph.names.some(np.minimum(items, self._base - 1)) if self._base else [""] * len(items)
        for row in np.flatnonzero(items >= self._base).tolist():
            found[row] = self._later[int(items[row]) - self._base]
        return found

    def column(self, items: Ints) -> Column:
        """The id of each item, as the text of a row."""
        inside = items < self._base
        if inside.all():
            return Column.of(self._graph.names, items)
        known, later = np.flatnonzero(inside), np.flatnonzero(~inside)
        among = Texts.of([text.encode() for text in self._later])
        parts = Part(self._graph.names, items[known], known), Part(among, items[later] - self._base, later)
        return Column(len(items), parts)

    def ids(self, items: Ints) -> list[ItemId]:
        """The id of each item."""
        return [ItemId(text) for text in self.texts(items)]

    def indexes(self, ids: Iterable[str]) -> Ints:
        """The position of each item."""
        wanted = list(ids)
        found = self._graph.lookup.find(wanted)
        for at in np.flatnonzero(found < 0).tolist():
            found[at] = self._later_index(wanted[at])
        return found

    def _later_index(self, text: str) -> int:
        found = self._later_at.setdefault(text, self.count)
        if found == self.count:
            self._later.append(str(text))
        return found

    def ranks(self, items: Ints) -> Ints:
        """Numbers that are in the order of the ids."""
        if not self._later:
            return items
        names = self._graph.names
        ordered = sorted(self._later)
        place = {text: n for n, text in enumerate(ordered)}
        # between two known ids there is room for all later ones
        room = len(ordered) + 1
        found = (items.astype(np.int64) + 1) * room
        for row in np.flatnonzero(items >= self._base).tolist():
            text = self._later[int(items[row]) - self._base]
            found[row] = names.before(text) * room + place[text] + 1
        return found
