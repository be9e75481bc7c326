"""How items stand in one question: plain ones from the arrays, others from the domain, both remembered."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import numpy as np

from domain.facts import Status
from domain.ids import ItemId
from domain.state import State, Whereabouts, states
from services.query import statements as sql
from services.query.answering import answered
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.lots import lot_state
from services.query.graph.names import Names
from services.query.graph.newer import Changed
from services.query.graph.stance import MOST_OCCURRED, Remembered, shipped_out
from services.query.graph.standing import last_events, stand
from services.query.node_columns import Stands
from services.query.snapshot import Asked
from services.turns import give_way

_FEW = 500
_ASKED_AT_ONCE = 1_000
_TURN_SECONDS = 0.001
"""How long other questions wait while lots are told of."""


@dataclass(slots=True)
class Stood:
    """How some items stand: codes of what is remembered; below 0 those of `own`, counted from -1.

    `by_domain`: of which items the domain told, then or earlier; `troubled`: keys of events about those that have a
    void or a rival.
    """

    codes: Ints
    by_domain: Bools
    shared: Stands
    own: Stands = field(default_factory=Stands)
    troubled: set[int] = field(default_factory=set)
    occurred: dict[int, str | None] = field(default_factory=dict)
    """by place: when the item was last named"""

    def state(self, at: int) -> Whereabouts:
        """What is told of the item at this place: in full if by the domain."""
        code = int(self.codes[at])
        return self.shared.table[code] if code >= 0 else self.own.table[-1 - code]

    def kinds(self, places: Ints) -> Ints:
        """The kind of the items at these places, as a place in KINDS."""
        codes = self.codes[places]
        found = np.zeros(len(codes), dtype=np.int64)
        for stands, chosen, rows in ((self.shared, codes >= 0, codes), (self.own, codes < 0, -1 - codes)):
            if chosen.any():
                found[chosen] = stands.kinds()[rows[chosen]]
        return found

    def occurred_at(self, at: int) -> str | None:
        """When the item at this place was last named, where it was to be `timed`."""
        return self.occurred[at] if at in self.occurred else self.state(at).occurred_at


class Standings:
    """`remembered` is of the instant asked about, or of any later than all that happened."""

    def __init__(self, asked: Asked, graph: Graph, changed: Changed, *, remembered: Remembered, at_us: int) -> None:
        self._asked, self._graph, self._changed, self._at_us = asked, graph, changed, at_us
        self._lasting = at_us >= graph.settled_us
        self.remembered = remembered if self._lasting else remembered.at(at_us)

    async def stand(
        self, names: Names, items: Ints, *, timed: Bools | None = None, counted: bool = True, coded: bool = True
    ) -> Stood:
        """How the items stand; the domain tells those that need it. Of those `timed` it is told when they were last
        named.

        Of plain ones `remembered` has what counts, if they are to be `counted`, and they have codes if `coded`.
        """
        begin = partial(self._by_arrays, items, counted=counted, coded=coded)
        inside, plain, kept = begin() if len(items) < _FEW else await asyncio.to_thread(begin)
        known = items[inside]
        await self._tell_stock(known[kept & self._graph.standing.stock[known]])
        stood = Stood(
            np.full(len(items), -1, dtype=np.int64), np.ones(len(items), dtype=np.bool_), self.remembered.stands
        )
        stood.codes[inside] = np.where(plain | kept, self.remembered.codes[known], -1)
        stood.by_domain[inside] = ~plain
        may_keep = np.zeros(len(items), dtype=np.bool_)
        may_keep[inside] = kept
        wanted = stood.by_domain & (stood.codes < 0)
        strange = np.flatnonzero(wanted)
        for start in range(0, len(strange), _ASKED_AT_ONCE):
            some = strange[start : start + _ASKED_AT_ONCE]
            await self._ask_domain(names.ids(items[some]), items[some], some, stood=stood, may_keep=may_keep[some])
        if timed is not None:
            by_arrays = np.zeros(len(items), dtype=np.bool_)
            by_arrays[inside] = plain | (kept & self._graph.standing.stock[known])
            await self._tell_instants(stood, items, np.flatnonzero(timed & by_arrays))
        remembered = stood.codes[(stood.codes >= 0) & stood.by_domain].tolist()
        stood.troubled.update(key for code in remembered for key in self.remembered.troubled.get(code, ()))
        return stood

    def _by_arrays(self, items: Ints, *, counted: bool, coded: bool) -> tuple[Bools, Bools, Bools]:
        """Have the plain ones remembered; (which items the graph has, and of these: plain ones, ones to be kept)."""
        inside = items < len(self._graph)
        known = items[inside]
        odd, changed = self._graph.standing.odd[known], self._changed.state[known]
        plain = ~odd & ~changed
        give_way()
        self.remembered.tell(
            self.remembered.untold(known[plain], counted=counted, coded=coded), counted=counted, coded=coded
        )
        return inside, plain, odd & ~changed & (self._lasting and not self._changed.reaches_far)

    async def _tell_instants(self, stood: Stood, items: Ints, places: Ints) -> None:
        """When the items at these places were last named, as the event says it."""
        if not len(places):
            return
        events = last_events(self._graph.standing, items[places], self._at_us)
        numbers = np.where(events >= 0, self._graph.events.nos[events], -1).tolist()
        texts = await self._occurred({no for no in numbers if no >= 0})
        stood.occurred = {at: texts.get(no) for at, no in zip(places.tolist(), numbers, strict=True)}

    async def _occurred(self, numbers: set[int]) -> Mapping[int, str]:
        """When events were, as they say it: what was asked once is remembered."""
        known = self.remembered.occurred
        fresh = sorted(no for no in numbers if no not in known)
        if not fresh:
            return known
        told = dict(await self._asked.connection.fetch(sql.OCCURRED, fresh))
        if len(known) + len(told) <= MOST_OCCURRED:
            known.update(told)
            return known
        return {no: known[no] for no in numbers if no in known} | told

    async def _tell_stock(self, items: Ints) -> None:
        """Remember how lots stand that the arrays tell of."""
        fresh = np.unique(items[self.remembered.codes[items] < 0])
        if not len(fresh):
            return
        until = time.perf_counter() + _TURN_SECONDS
        said = stand(self._graph.standing, fresh, self._at_us)
        for item, disposition, owner in zip(*(c.tolist() for c in (fresh, said.disposition, said.owner)), strict=True):
            state = lot_state(self._graph, item, disposition=disposition, owner=owner)
            if state is not None:
                self.remembered.keep(item, state, frozenset())
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + _TURN_SECONDS

    async def _ask_domain(self, ids: list[ItemId], items: Ints, places: Ints, *, stood: Stood, may_keep: Bools) -> None:
        record = self._asked.record()
        found = await answered(states(ids, at_us=self._at_us), record)
        troubled = frozenset(record.troubled)
        stood.troubled |= troubled
        for item_id, item, at, may in zip(ids, items.tolist(), places.tolist(), may_keep.tolist(), strict=True):
            state: State = found[item_id]
            code = self.remembered.keep(item, state, troubled) if may else None
            stood.codes[at] = -1 - stood.own.add(state) if code is None else code

    async def whereabouts(
        self, names: Names, ids: Sequence[ItemId]
    ) -> tuple[dict[ItemId, Whereabouts], Collection[int]]:
        """The same item by item, and the keys of events about them that have a void or a rival."""
        items = names.indexes(ids)
        stood = await self.stand(names, items)
        plain = np.flatnonzero(~stood.by_domain)
        around = self.remembered.wholes(items[plain])
        wholes = iter(names.ids(np.array([unit for some in around for unit in some], dtype=np.int64)))
        fitted_in = {at: tuple(islice(wholes, len(some))) for at, some in zip(plain.tolist(), around, strict=True)}
        found: dict[ItemId, Whereabouts] = {}
        for at, item in enumerate(ids):
            state = stood.state(at)
            if at in fitted_in:
                gaps = (shipped_out(item),) if state.status is Status.IN_TRANSIT else ()
                state = replace(state, item=item, wholes=fitted_in[at], gaps=gaps)
            found[item] = state
        return found, stood.troubled
