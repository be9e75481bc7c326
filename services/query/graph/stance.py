"""How things stand at one instant, remembered: those that stand alike share one description, by its code."""

from decimal import Decimal

import numpy as np

from domain.answers import Gap
from domain.distribution import Where
from domain.ids import ItemId
from domain.state import SHIPPED_OUT, Whereabouts
from services.query.graph.facts import STATUSES
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.standing import stand
from services.query.graph.walking import distinct
from services.query.node_columns import Stands

KINDS = ("unit", "unit", "lot", "class", "container")
_MOST_BY_DOMAIN = 200_000
"""Items told by the domain that are remembered; what is more is asked again each time."""


class Remembered:
    """Codes of items at one instant. Any thread may look and add; who is late only adds what is there already."""

    def __init__(self, graph: Graph, at_us: int) -> None:
        self._standing, self._names, self.at_us = graph.standing, graph.names, at_us
        self.codes = np.full(len(graph), -1, dtype=np.int32)
        self.whole = np.full(len(graph), -1, dtype=np.int32)
        """the unit that a plain item is fitted in; -1: none"""
        self.stands = Stands()
        self.troubled: dict[int, frozenset[int]] = {}
        """by code of one that the domain told: keys of its events that have a void or a rival"""
        self._alike: dict[tuple[int, ...], int] = {}

    def tell_plain(self, items: Ints) -> None:
        """Have the codes of plain items."""
        fresh = items[self.codes[items] < 0]
        if not len(fresh):
            return
        stood = stand(self._standing, fresh, self.at_us)
        columns = (
            self._standing.kind[fresh],
            stood.status,
            *(stood.disposition, stood.site, stood.holder, stood.owner, stood.container),
        )
        first, which = distinct(columns)
        told = np.array([self._code(tuple(int(c[row]) for c in columns)) for row in first.tolist()], dtype=np.int32)
        self.whole[fresh] = stood.whole
        self.codes[fresh] = told[which]

    def keep(self, item: int, state: Whereabouts, troubled: frozenset[int]) -> int | None:
        """Remember what the domain told of an item: its code; None if that is too much to remember."""
        if len(self.troubled) >= _MOST_BY_DOMAIN:
            return None
        code = self.stands.add(state)
        self.troubled[code] = troubled
        self.codes[item] = code
        return code

    def _code(self, look: tuple[int, ...]) -> int:
        if look not in self._alike:
            self._alike[look] = self.stands.add(self._described(look))
        return self._alike[look]

    def _described(self, look: tuple[int, ...]) -> Whereabouts:
        """What items that look like this have in common; which of them it is, and its unit, is left out."""
        kind, status_code, disposition, site, holder, owner, container = look
        text, status = self._standing.texts, STATUSES[status_code]
        around = tuple(ItemId(self._names[box]) for box in self._around(container))
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

    def _around(self, container: int) -> list[int]:
        """A container and what it is in, innermost first."""
        seen: list[int] = []
        while container >= 0 and container not in seen:
            seen.append(container)
            container = int(self._standing.stays.inside(np.array([container]), self.at_us)[0])
        return seen

    def wholes(self, item: int) -> Ints:
        """The units that a plain item is fitted in, innermost first."""
        found: list[int] = []
        whole = int(self.whole[item])
        while whole >= 0 and whole not in found and whole != item:
            found.append(whole)
            whole = int(self._standing.parts.inside(np.array([whole]), self.at_us)[0])
        return np.array(found, dtype=np.int64)

    def within(self, items: Ints, chosen: Bools) -> Bools:
        """Of which plain items the unit that they are fitted in, or that it is fitted in, is chosen."""
        found = np.zeros(len(items), dtype=np.bool_)
        whole = self.whole[items]
        for _ in range(100):
            up = np.flatnonzero(whole >= 0)
            if not len(up):
                return found
            found[up] |= chosen[whole[up]]
            whole = np.where(found | (whole < 0), -1, self._standing.parts.inside(np.maximum(whole, 0), self.at_us))
        return found


def shipped_out(item: str) -> Gap:
    return Gap("shipped_out", (ItemId(item),), SHIPPED_OUT)
