"""A trace forward without a date: level by level over the arrays, the domain asked only of odd items."""

import asyncio

import numpy as np

from domain.answers import Conflict, Gap, Limits, Superseded
from domain.links import NEVER_US
from services.query.graph.ahead import (
    CONSISTENT,
    LABELS,
    ORDERED,
    ROOM,
    START,
    Ahead,
    Ends,
    Holding,
    Leaving,
    Reached,
    at_birth,
    held,
    left,
    named,
    together,
)
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, first_of_each, matched
from services.query.graph.leads import BARRED, FITTED, HAS_MEMBERS, NAMED, ODD, USED, any_of
from services.query.graph.links import (
    CONTAINED_IN,
    DERIVATION,
    IDENTIFIED_AS,
    PART_OF,
    LinkColumns,
)
from services.query.graph.names import Names
from services.query.graph.recorded import Recorded
from services.query.graph.sparse import zeros
from services.query.graph.told import Told
from services.query.graph.walked import Barred, Opened, Walked
from services.turns import give_way


class ForwardWalk:
    """One trace. `told` tells the links of odd items."""

    def __init__(self, graph: Graph, names: Names, told: Told, *, limits: Limits) -> None:
        self._graph, self._names, self._told, self._limits = graph, names, told, limits
        self._ends = Ends()
        self._reached = Reached(names.count)
        self._recorded = Recorded(graph)
        self._expanded, self._timed = zeros(names.count + ROOM, np.bool_), zeros(names.count + ROOM, np.bool_)
        self._fresh = self._members = Ahead.starting(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        self._depth = 0
        self._incomplete: list[str] = []

    async def run(self, starts: Ints, opened: Opened = Opened()) -> Walked:
        """Walk from the starting items. Raises Barred."""
        self._fresh = self._reached.take(Ahead.starting(starts, np.full(len(starts), START)), 0)
        begun = self._begin(opened)
        self._members = self._reached.take(begun, 1)
        seeded = opened.seeded.items
        while True:
            # Never here: one lot may lead to a hundred thousand units, and nobody is answered meanwhile.
            found = await asyncio.to_thread(self._go_on, starts, seeded)
            if isinstance(found, Walked):
                return found
            await self._told.ask(found)

    def _go_on(self, starts: Ints, seeded: Ints) -> Ints | Walked:
        """As `_advance`; and at the end what was walked."""
        strange = self._advance()
        return self._walked(starts, seeded) if strange is None else strange

    def _begin(self, opened: Opened) -> Ahead:
        members = self._names.indexes(opened.members)
        begun = Ahead.starting(*opened.beginning(members))
        if opened.links:
            came_from = self._names.indexes(opened.came_from)
            self._record_told(self._told.opened(opened.links), came_from, members, depth=1)
        self._reach_out()
        return begun

    def _advance(self) -> Ints | None:
        """Walk on until the domain must tell of some items; None: there is nothing more to walk."""
        while len(self._fresh) or len(self._members):
            bits = self._names.leads(self._fresh.item)
            any_bits = any_of(bits)
            if any_bits & BARRED:
                raise Barred
            if self._depth >= self._limits.depth:
                self._incomplete.append("depth_limit")
                return None
            strange = self._fresh.item[bits & ODD > 0] if any_bits & ODD else self._fresh.item[:0]
            strange = strange[first_of_each(strange)]
            unknown = self._told.unknown(strange) if len(strange) else strange
            if len(unknown):
                return unknown
            self._step(strange, bits)
            if self._reached.items > self._limits.items:
                self._incomplete.append("row_limit")
                return None
        return None

    def _step(self, strange: Ints, bits: Ints) -> None:
        """Take the links that leave the frontier. `bits`: of each of its paths, what leaves it."""
        self._depth += 1
        fresh = self._fresh
        tables = []
        if len(strange):
            self._reach_out()
            odd = bits & ODD > 0
            tables.append(self._take_told(fresh.take(odd), strange))
            fresh, bits = fresh.take(~odd), bits[~odd]
        if len(fresh):
            fresh = at_birth(fresh, self._graph.born_us[fresh.item])
            new = self._first_time(fresh.item)
            any_bits = any_of(bits)
            ways = (USED, self._derive), (FITTED, self._fit), (HAS_MEMBERS, self._belong), (NAMED, self._equate)
            for bit, follow in ways:
                if any_bits & bit:
                    give_way()
                    tables += follow(fresh, new)
        give_way()
        found = together(tables) if tables else fresh.take(slice(0))
        self._fresh = self._reached.take(found, self._depth)
        if len(self._members):  # one hop away already
            both = together([self._fresh, self._members])
            self._fresh = both.take(np.argsort(both.item, kind="stable"))
            self._members = self._members.take(np.zeros(0, dtype=np.int64))

    def _first_time(self, items: Ints) -> Bools:
        """Rows of items, sorted, whose links are met for the first time: they are recorded once."""
        new = ~self._expanded[items]
        new[1:] &= items[1:] != items[:-1]
        self._expanded[items] = True
        return new

    # -- plain links, kind by kind

    def _derive(self, fresh: Ahead, new: Bools) -> list[Ahead]:
        graph, m, events = self._graph, self._graph.mentions, self._graph.events
        at, used = graph.used.expand(fresh.item)
        if not len(used):
            return []
        on, made = graph.outputs.expand(events.flow[m.event[used]])
        at, used = at[on], used[on]
        taking, making = m.event[used], m.event[made]
        leave, leave_until, sure_reach = events.begins_us[taking], events.latest_us[taking], events.latest_us[making]
        against, reach = leave > sure_reach, leave
        if not np.array_equal(taking, making):
            reach = np.maximum(leave, events.begins_us[making])
        to = self._arrive(m.item[made])
        self._recorded.derivations.add(used, made, new[at], self._depth)
        by = Leaving(
            leave,
            leave_until,
            reach,
            np.maximum(reach, sure_reach),
            against if against.any() else None,
            self._recorded.reasons(used, against),
            True,
        )
        return [left(fresh.take(at), to, by, self._ends)]

    def _fit(self, fresh: Ahead, new: Bools) -> list[Ahead]:
        graph = self._graph
        at, fitted = graph.fitted.expand(fresh.item)
        if not len(fitted):
            return []
        event = graph.mentions.event[fitted]
        to = self._arrive(graph.events.parent[event])
        self._recorded.parts.add(fitted, fitted, new[at], self._depth)
        by = Holding(graph.events.begins_us[event], graph.events.latest_us[event])
        return [held(fresh.take(at), to, by, self._ends)]

    def _belong(self, fresh: Ahead, new: Bools) -> list[Ahead]:
        graph = self._graph
        at, rows = graph.members.by_one.expand(fresh.item)
        if not len(rows):
            return []
        at_us = graph.events.begins_us[graph.members.event[rows]]
        to = self._arrive(graph.members.other[rows])
        self._recorded.members.add(rows, rows, new[at], self._depth)
        return [left(fresh.take(at), to, Leaving(at_us, at_us, at_us, at_us, None, None, False), self._ends)]

    def _equate(self, fresh: Ahead, new: Bools) -> list[Ahead]:
        same, found = self._graph.same, []
        for turned, groups, ends in ((0, same.by_one, same.other), (1, same.by_other, same.one)):
            at, rows = groups.expand(fresh.item)
            to = self._arrive(ends[rows])
            self._recorded.names.add(rows, np.full(len(rows), turned), new[at], self._depth)
            found.append(named(fresh.take(at), to, None))
        return found

    def _arrive(self, items: Ints) -> Ints:
        to: Ints = items.astype(np.int64)
        self._timed[to] = True
        return to

    # -- links that the domain told

    def _take_told(self, fresh: Ahead, strange: Ints) -> Ahead:
        fresh = at_birth(fresh, self._told.born_us(fresh.item))
        links = self._told.links(strange)
        at, rows = matched(fresh.item, links.source)
        new = self._first_time(fresh.item)[at]
        recorded = links.take(rows[new])
        self._record_told(recorded, recorded.source, recorded.target, depth=self._depth)
        return self._extended(fresh.take(at), links.take(rows))

    def _extended(self, paths: Ahead, k: LinkColumns) -> Ahead:
        """Each path with the link of the same row at its end, whatever kind it is of."""
        interval, names = (k.relation == PART_OF) | (k.relation == CONTAINED_IN), k.relation >= IDENTIFIED_AS
        tables = [paths.take(slice(0))]
        if len(rows := np.flatnonzero(~interval & ~names)):
            gone = k.take(rows)
            derives, sure = gone.relation == DERIVATION, np.maximum(gone.reach_us, gone.reach_until_us)
            by = Leaving(gone.leave_us, gone.leave_until_us, gone.reach_us, sure, gone.against, gone.reasons, derives)
            tables.append(left(paths.take(rows), gone.target, by, self._ends))
        if len(rows := np.flatnonzero(interval)):
            window = k.take(rows)
            over = Holding(window.first_us, window.sure_first_us, window.end_us, window.sure_end_us, window.reasons)
            tables.append(held(paths.take(rows), window.target, over, self._ends))
        if len(rows := np.flatnonzero(names)):
            tables.append(named(paths.take(rows), k.target[rows], k.reasons[rows]))
        return together(tables)

    def _record_told(self, links: LinkColumns, came_from: Ints, to: Ints, *, depth: int) -> None:
        self._reach_out()
        timed = (links.reach_us != NEVER_US) | (links.since_us != NEVER_US)
        self._timed[to[timed & self._told.with_event(links.told)]] = True
        self._recorded.add_told(links, came_from, to, depth=depth)

    def _reach_out(self) -> None:
        """Room for items that came up since."""
        more = self._names.count - len(self._expanded)
        if more > 0:
            room = np.zeros(more + ROOM, dtype=np.bool_)
            self._expanded, self._timed = (np.concatenate([c, room]) for c in (self._expanded, self._timed))

    # -- the answer

    def _walked(self, starts: Ints, seeded: Ints) -> Walked:
        item, marks, depth = self._reached.by_item(starts)
        first = first_of_each(item)
        consistent, ordered = (np.where(marks & flag > 0, marks, 0) for flag in (CONSISTENT, ORDERED))
        if len(first) < len(item):
            marks, consistent, ordered = (np.bitwise_or.reduceat(c, first) for c in (marks, consistent, ordered))
        beside = self._told.beside
        return Walked(
            nodes=item[first],
            labels=marks & LABELS,
            consistent_labels=consistent & LABELS,
            ordered_labels=ordered & LABELS,
            arrive=self._recorded.arrived,
            seeded=seeded,
            told=self._told,
            level=depth[first].astype(np.int64),
            timed=self._timed[item[first]],
            names=self._recorded.same_things,
            gaps=[b for b in beside if isinstance(b, Gap)],
            conflicts=[b for b in beside if isinstance(b, Conflict)],
            superseded=sorted(
                (b for b in beside if isinstance(b, Superseded)), key=lambda s: (s.link.sort_key, s.event_ids)
            ),
            incomplete=self._incomplete,
        )
