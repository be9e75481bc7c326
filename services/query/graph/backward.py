"""A trace backward without a date: level by level over the arrays, the domain asked only of odd items."""

import asyncio
from dataclasses import replace

import numpy as np

from domain.answers import Limits
from domain.facts import Role
from services.query.graph.ahead import Ends, Holding, Leaving
from services.query.graph.behind import Behind, arriving, closed, holding, named
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, matched
from services.query.graph.levels import LevelWalk
from services.query.graph.links import CONTAINED_IN, DERIVATION, IDENTIFIED_AS, PART_OF, LinkColumns
from services.query.graph.names import Names
from services.query.graph.recorded import Recorded
from services.query.graph.seen import Seen, concatenated
from services.query.graph.told import Told
from services.query.graph.walked import Arrived
from services.turns import give_way


class BackwardWalk(LevelWalk[Behind]):
    """One trace."""

    def __init__(self, graph: Graph, names: Names, told: Told, *, limits: Limits) -> None:
        super().__init__(graph, names, told, limits=limits)
        self._ends = Ends()
        self._recorded = Recorded(graph, forward=False)
        self._expanded = np.zeros(names.count, dtype=np.bool_)
        self._row = np.zeros(names.count, dtype=np.int64)

    def _starting(self, items: Ints, labels: Ints) -> Behind:
        return Behind.starting(items, labels)

    async def _advance(self, seen: Seen[Behind], fresh: Behind, *, frontier: Ints, depth: int) -> Behind:
        odd = self.names.odd(frontier, forward=False)
        strange = frontier[odd] if odd.any() else frontier[:0]
        if len(strange):
            await self._told.ask(self._told.unknown(strange))
        # Never here: one item may be made of a hundred thousand, and nobody is answered meanwhile.
        return await asyncio.to_thread(self._step, seen, fresh, strange=strange, depth=depth)

    def _step(self, seen: Seen[Behind], fresh: Behind, *, strange: Ints, depth: int) -> Behind:
        """Take the links that arrive at the frontier."""
        give_way()
        self._reach_out()
        new, found = self._first_time(fresh.item), [fresh.take(fresh.item[:0])]
        if len(strange):
            is_odd = np.isin(fresh.item, strange)
            found.append(self._take_told(fresh.take(is_odd), strange, new[is_odd], depth=depth))
            fresh, new = fresh.take(~is_odd), new[~is_odd]
        if len(fresh):
            for follow in (self._made, self._members, self._same):
                give_way()
                found += follow(fresh, new, depth)
        give_way()
        return seen.take(concatenated(found))

    def _first_time(self, items: Ints) -> Bools:
        """One row of each item whose links are met for the first time: they are recorded once."""
        rows = np.arange(len(items))
        self._row[items] = rows
        new: Bools = (self._row[items] == rows) & ~self._expanded[items]
        self._expanded[items] = True
        return new

    # -- plain links, kind by kind

    def _made(self, fresh: Behind, new: Bools, depth: int) -> list[Behind]:
        """Of what it was derived, and which parts it has."""
        graph, m = self.graph, self.graph.mentions
        at, rows = graph.made.expand(fresh.item)
        outputs = m.role[rows] == Role.OUTPUT
        derived = self._derived(fresh, new, (at[outputs], rows[outputs]), depth=depth)
        wholes = np.flatnonzero(~outputs & (m.role[rows] == Role.WHOLE))
        if not len(wholes):
            return derived
        at, events = at[wholes], m.event[rows[wholes]]
        on, fitted = graph.by_event.expand(events)
        at, events = at[on], events[on]
        parts = (m.role[fitted] == Role.COMPONENT) & (graph.events.parent[events] == fresh.item[at])
        at, fitted, events = at[parts], fitted[parts], events[parts]
        self._recorded.parts.add(fitted, fitted, new[at], depth)
        by = Holding(graph.events.begins_us[events], graph.events.latest_us[events])
        return [*derived, holding(fresh.take(at), self._to(m.item[fitted]), by, self._ends)]

    def _derived(self, fresh: Behind, new: Bools, outputs: tuple[Ints, Ints], *, depth: int) -> list[Behind]:
        graph, m, events = self.graph, self.graph.mentions, self.graph.events
        at, made = outputs
        if not len(made):
            return []
        on, used = graph.inputs.expand(events.flow[m.event[made]])
        at, made = at[on], made[on]
        taking, making = m.event[used], m.event[made]
        leave, until = events.begins_us[taking], events.latest_us[making]
        reach = np.maximum(leave, events.begins_us[making])
        against = leave > until
        self._recorded.derivations.add(used, made, new[at], depth)
        by = Leaving(
            leave,
            events.latest_us[taking],
            reach,
            _surely(reach, until, graph.born_us[m.item[made]]),
            against if against.any() else None,
            self._recorded.reasons(used, against),
            True,
        )
        return [arriving(fresh.take(at), self._to(m.item[used]), by, self._ends)]

    def _members(self, fresh: Behind, new: Bools, depth: int) -> list[Behind]:
        members = self.graph.members
        at, rows = members.by_other.expand(fresh.item)
        if not len(rows):
            return []
        at_us = self.graph.events.begins_us[members.event[rows]]
        self._recorded.members.add(rows, rows, new[at], depth)
        by = Leaving(at_us, at_us, at_us, at_us, None, None, False)
        return [arriving(fresh.take(at), self._to(members.one[rows]), by, self._ends)]

    def _same(self, fresh: Behind, new: Bools, depth: int) -> list[Behind]:
        same, found = self.graph.same, []
        for turned, groups, ends in ((1, same.by_one, same.other), (0, same.by_other, same.one)):
            at, rows = groups.expand(fresh.item)
            self._recorded.names.add(rows, np.full(len(rows), turned), new[at], depth)
            found.append(named(fresh.take(at), self._to(ends[rows]), None))
        return found

    def _to(self, items: Ints) -> Ints:
        found: Ints = items.astype(np.int64)
        return found

    # -- links that the domain told

    def _take_told(self, fresh: Behind, strange: Ints, new: Bools, *, depth: int) -> Behind:
        links = self._told.links(strange)
        at, rows = matched(fresh.item, links.target)
        recorded = links.take(rows[new[at]])
        self._record(recorded, recorded.target, recorded.source, depth=depth)
        return self._extended(fresh.take(at), links.take(rows))

    def _extended(self, paths: Behind, k: LinkColumns) -> Behind:
        """Each path with the link of the same row before its beginning, whatever kind it is of."""
        interval, names = (k.relation == PART_OF) | (k.relation == CONTAINED_IN), k.relation >= IDENTIFIED_AS
        instant = ~interval & ~names
        window, other, gone = (k.take(np.flatnonzero(chosen)) for chosen in (interval, names, instant))
        born = self._told.born_us(gone.target)
        sure = _surely(gone.reach_us, gone.reach_until_us, born)
        derives = gone.relation == DERIVATION
        by = Leaving(gone.leave_us, gone.leave_until_us, gone.reach_us, sure, gone.against, gone.reasons, derives)
        over = Holding(window.first_us, window.sure_first_us, window.end_us, window.sure_end_us, window.reasons)
        return concatenated(
            [
                arriving(paths.take(instant), gone.source, by, self._ends),
                holding(paths.take(interval), window.source, over, self._ends),
                named(paths.take(names), other.source, other.reasons),
            ]
        )

    def _record(self, links: LinkColumns, came_from: Ints, to: Ints, *, depth: int) -> None:
        self._recorded.add_told(links, came_from, to, depth=depth)

    def _reach_out(self) -> None:
        """Room for items that came up since."""
        more = self.names.count - len(self._expanded)
        if more > 0:
            self._expanded = np.concatenate([self._expanded, np.zeros(more, dtype=np.bool_)])
            self._row = np.concatenate([self._row, np.zeros(more, dtype=np.int64)])

    # -- the answer

    def _ended(self, paths: Behind) -> tuple[Behind, Bools, Bools]:
        labels, consistent, ordered = closed(paths, self._ends)
        return replace(paths, labels=labels), consistent, ordered

    def _links_met(self) -> int:
        return self._recorded.count

    def _arrived(self) -> Arrived:
        return self._recorded.arrived()


def _surely(reach_us: Ints, reach_until_us: Ints, born_us: Ints) -> Ints:
    """When what links carry surely is in their targets: what went in until these had come forth, from the beginning."""
    sure = np.maximum(reach_us, reach_until_us)
    return np.where(sure <= born_us, reach_us, sure)
