"""Links of odd items, as the domain tells them: asked for once in each state of the views, as columns."""

from collections.abc import Sequence

import numpy as np

from domain.answers import Conflict, Gap, Superseded
from domain.fitting import two_parents
from domain.ids import ItemId
from domain.linking import Linked, Linker
from domain.links import NEVER_US, Link
from domain.record import Known
from services.query.answering import answered
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import KNOWN_REASONS, RELATIONS, LinkColumns, joined
from services.query.graph.memory import Memory, as_columns
from services.query.graph.names import Names
from services.query.graph.walked import Barred
from services.query.record import SqlRecord

_AT_ONCE = 2_000
MOST_LINKS = 200_000
"""Links that are remembered of one state of the views; what is more is asked again each time."""
_OWN = 1 << 40
"""From here on numbers are of links that one question knows alone."""

Beside = Gap | Conflict | Superseded


class Told:
    """What one question was told. `memory` None: it asks as of an earlier position, and remembers nothing."""

    def __init__(self, names: Names, record: SqlRecord, *, base: int, forward: bool, memory: Memory | None) -> None:
        self._names, self._record, self._base, self._forward = names, record, base, forward
        self._known = Known()
        self._linker = Linker(self._known, follow_all=False)
        memory = memory if memory is not None else Memory()
        self._remembered = memory.forward if forward else memory.backward
        self._own: list[Link] = []
        self._own_columns: dict[int, LinkColumns] = {}
        self._own_born: dict[int, int] = {}
        self.beside: dict[Beside, None] = {}
        """gaps, conflicts and superseded links that came to light"""

    def __getitem__(self, number: int) -> Link:
        """The link of this number."""
        return self._own[number - _OWN] if number >= _OWN else self._remembered.links[number]

    def with_event(self, numbers: Ints) -> Bools:
        """Which links name an event."""
        return np.array([bool(self[n].event_id) for n in numbers.tolist()], dtype=np.bool_)

    def unknown(self, items: Ints) -> Ints:
        """Those of the items whose links were not told yet."""
        rows, own = self._remembered.rows, self._own_columns
        known = np.array([item in rows or item in own for item in items.tolist()], dtype=np.bool_)
        return items[~known]

    def links(self, items: Ints) -> LinkColumns:
        """The links of items that are known."""
        rows, own = self._remembered.rows, self._own_columns
        listed = items.tolist()
        bounds = np.array([rows[i] for i in listed if i in rows], dtype=np.int64).reshape(-1, 2)
        first, counts = bounds[:, 0], bounds[:, 1]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        remembered = self._remembered.columns.take(np.repeat(first, counts) + within)
        return joined([remembered, *(own[i] for i in listed if i in own)]) if own else remembered

    def born_us(self, items: Ints) -> Ints:
        """By when each came forth, if only once; NEVER elsewhere."""
        born, own = self._remembered.born, self._own_born
        return np.array([own[i] if i in own else born[i] for i in items.tolist()], dtype=np.int64)

    def opened(self, links: Sequence[Link]) -> LinkColumns:
        """Links that a walk begins with, as columns."""
        return self._as_own(list(links))

    async def ask(self, items: Ints) -> None:
        """Have the links of these items. Raises Barred where the arrays have no word for one."""
        for start in range(0, len(items), _AT_ONCE):
            await self._ask(items[start : start + _AT_ONCE])

    async def _ask(self, items: Ints) -> None:
        ids = self._names.ids(items)
        self._known.forget_if_over(20_000)
        question = self._linker.out_of(frozenset(ids)) if self._forward else self._linker.into(frozenset(ids))
        linked = await answered(question, self._record)
        beside = self._beside_of(linked)
        links = [linked.links.get(item, []) for item in ids]
        if any(not k.reasons <= KNOWN_REASONS or k.relation not in RELATIONS for its in links for k in its):
            raise Barred
        born = [linked.born.get(item, NEVER_US) for item in ids]
        self._keep(items.tolist(), links, born=born, beside=beside)

    def _beside_of(self, linked: Linked) -> dict[Beside, None]:
        found: dict[Beside, None] = dict.fromkeys((*linked.gaps, *linked.conflicts, *linked.superseded))
        if self._forward:
            found |= dict.fromkeys(two_parents(linked.parts))
        self.beside |= found
        return found

    def _keep(self, items: list[int], links: list[list[Link]], *, born: list[int], beside: dict[Beside, None]) -> None:
        """Remember it for other questions, if all that it says is of items that they know, too."""
        flat, remembered = [link for its in links for link in its], self._remembered
        ends = _ends(self._names, flat)
        room = len(remembered.links) + len(flat) <= MOST_LINKS
        if not beside and room and max(items) < self._base and int(ends.max(initial=0)) < self._base:
            remembered.add(items, as_columns(flat, ends, len(remembered.links)), links=links, born=born)
            return
        for item, its, born_us in zip(items, links, born, strict=True):
            self._own_columns[item], self._own_born[item] = self._as_own(its), born_us

    def _as_own(self, links: list[Link]) -> LinkColumns:
        first = _OWN + len(self._own)
        self._own += links
        return as_columns(links, _ends(self._names, links), first)


def _ends(names: Names, links: list[Link]) -> Ints:
    """(source, target) of each."""
    ends: list[ItemId] = [end for link in links for end in (link.source, link.target)]
    return names.indexes(ends).reshape(-1, 2)
