"""The members of a scope of one leaf, over the columns of a graph's walk: no member is an object.

They say of each member what `services.query.evaluation` says, and their lines are the same bytes (tests/query).
"""

import asyncio
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
import orjson

from domain.answers import Gap
from domain.cases.sets import CERTAIN, POSSIBLE
from domain.facts import Status
from domain.ids import ItemId
from services.query.evaluation import GAPS_KEPT, quantity_of
from services.query.graph.affected import AffectedMembers
from services.query.graph.answer import OverGraph
from services.query.graph.groups import Bools, Ints, alike, pairs
from services.query.graph.kinds import KINDS, LOT, UNIT
from services.query.graph.links import CERTAIN_BIT
from services.query.graph.nodes import reasons_of
from services.query.graph.stance import shipped_out
from services.query.graph.standings import Standings, Stood
from services.query.graph.texts import Texts
from services.query.set_lines import LINES_AT_ONCE, Counts
from services.query.weaving import Column, Several, escaped, follows, where, woven

WAYS_SHOWN = 3
"""Predecessors of a member, and events that link it to them."""

_NOWHERE = -1
_CERTAINTIES = Texts.of([b'],"certainty":%b,"event_ids":[' % orjson.dumps(told) for told in (POSSIBLE, CERTAIN)])


class MemberColumns:
    """The seeds, in order, then what they went into. `standings` tell where things are now, whatever the walk asks.

    Rows are members: first the starts, then the nodes of the walk as they are shown.
    """

    def __init__(self, over: OverGraph, standings: Standings, *, gaps: list[Gap], incomplete: Sequence[str]) -> None:
        self._over, self._standings = over, standings
        self.gaps, self.incomplete = gaps, incomplete
        starts = over.names.indexes(over.trace.items)
        self._starts = len(starts)
        self._items = np.concatenate([starts, over.nodes.walked.nodes[over.order]])
        count = len(self._items)
        self._counts = np.concatenate([over.starts_counted(), over.counts()[over.order]])
        self._affected = AffectedMembers(over)
        self._kind = np.zeros(count, dtype=np.int8)
        self._free = np.zeros(count, dtype=np.bool_)
        """units that count, are not used up, and are no part of another one"""
        self._fitted = np.zeros(count, dtype=np.bool_)
        """units that are part of something"""
        self._boxes: dict[tuple[int, ...], int] = {}
        self._boxed = np.full(count, _NOWHERE, dtype=np.int32)
        """which of `_boxes` a member is in: containers that are members, too"""
        self._quantities: dict[int, dict[int, dict[str, str]]] = {}
        """by number of the block of lines and row: how much of a lot there is, in what"""
        self._looks: dict[int, tuple[bool, int]] = {}
        """by code of how units stand: whether they are used up, and which of `_boxes` they are in"""
        self._top = self._spare = np.zeros(0, dtype=np.bool_)

    def __len__(self) -> int:
        return len(self._items)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    # -- what the record tells of each

    async def look(self) -> None:
        for begin in range(0, len(self), LINES_AT_ONCE):
            some = slice(begin, min(begin + LINES_AT_ONCE, len(self)))
            stood = await self._standings.stand(self._over.names, self._items[some])
            await asyncio.to_thread(self._take, some, stood)
        await asyncio.to_thread(self._settle)

    def _take(self, some: slice, stood: Stood) -> None:
        items, plain = self._items[some], ~stood.by_domain
        kind = np.full(len(items), UNIT, dtype=np.int8)
        kind[plain] = np.maximum(self._over.graph.standing.kind[items[plain]], UNIT)
        for at in np.flatnonzero(~plain).tolist():
            kind[at] = max(KINDS.index(stood.state(at).kind), UNIT)
        self._kind[some] = kind
        self._take_plain(some, stood, np.flatnonzero(plain))
        for at in np.flatnonzero(~plain & (kind == UNIT)).tolist():
            state, row = stood.state(at), some.start + at
            self._fitted[row] = bool(state.wholes)
            inside = any(whole in self._affected for whole in state.wholes)
            self._free[row] = self._counts[row] and state.status is not Status.CONSUMED and not inside
            self._boxed[row] = self._box([at for at in self._affected.positions(state.containers) if at >= 0])
        for at in np.flatnonzero(kind == LOT).tolist():
            quantity, uom = quantity_of(stood.state(at))
            if quantity is not None:
                told = {"quantity": str(quantity)} | ({} if uom is None else {"uom": uom})
                self._quantities.setdefault(some.start // LINES_AT_ONCE, {})[some.start + at] = told
        self._gather(items, stood)

    def _take_plain(self, some: slice, stood: Stood, plain: Ints) -> None:
        """Units of which the arrays tell how they stand: those that stand alike are looked at once."""
        remembered, units = self._standings.remembered, plain[self._kind[some][plain] == UNIT]
        if not len(units):
            return
        items, rows = self._items[some][units], some.start + units
        codes, which = np.unique(stood.codes[units], return_inverse=True)
        self._look_at(codes.tolist(), stood)
        consumed, box = (
            np.array(column)[which] for column in zip(*(self._looks[c] for c in codes.tolist()), strict=True)
        )
        within = remembered.within(items, self._affected.flags[: len(self._over.graph)])
        whole = remembered.whole[items]
        self._fitted[rows] = (whole >= 0) & (whole != items)
        self._free[rows] = self._counts[rows] & ~consumed & ~within
        self._boxed[rows] = box

    def _look_at(self, codes: list[int], stood: Stood) -> None:
        """See of those that stand so whether they are used up, and what they are in."""
        table = {code: stood.shared.table[code] for code in codes if code not in self._looks}
        around = list(dict.fromkeys(c for state in table.values() for c in state.containers))
        members = dict(zip(around, self._affected.positions(around), strict=True))
        for code, state in table.items():
            box = self._box([at for c in state.containers if (at := members[c]) >= 0])
            self._looks[code] = (state.status is Status.CONSUMED, box)

    def _box(self, members: list[int]) -> int:
        """The number of the containers that are members; -1 where there are none."""
        found = tuple(members)
        return self._boxes.setdefault(found, len(self._boxes)) if found else _NOWHERE

    def _gather(self, items: Ints, stood: Stood) -> None:
        """Gaps of states, in the order of the members, as many as an evaluation keeps."""
        if len(self.gaps) >= GAPS_KEPT:
            return
        codes, which = np.unique(np.where(stood.by_domain, -1, stood.codes), return_inverse=True)
        shipped = [c >= 0 and stood.shared.table[c].status is Status.IN_TRANSIT for c in codes.tolist()]
        telling = np.flatnonzero(np.array(shipped, dtype=np.bool_)[which] | stood.by_domain)
        for at, item in zip(telling.tolist(), self._over.names.texts(items[telling]), strict=True):
            if len(self.gaps) >= GAPS_KEPT:
                return
            self.gaps += stood.state(at).gaps if stood.by_domain[at] else (shipped_out(item),)

    # -- once all were asked about

    def _settle(self) -> None:
        is_unit = np.zeros(self._over.names.count, dtype=np.bool_)
        is_unit[self._items[self._kind == UNIT]] = True
        inside = np.array([bool(is_unit[list(boxes)].any()) for boxes in self._boxes] + [False], dtype=np.bool_)
        self._top = self._free & ~inside[self._boxed]
        self._spare = np.zeros(len(self), dtype=np.bool_)
        if self._fitted.any() and self._top.any():
            material = self._materials(self._top | self._fitted)
            products = np.unique(material[self._fitted])
            self._spare = self._top & np.isin(material, products[products >= 0])

    def _materials(self, wanted: Bools) -> Ints:
        """By row, a number for its product; -1 where it has none, or is not wanted."""
        found = np.full(len(self), -1, dtype=np.int64)
        rows = np.flatnonzero(wanted)
        items, graph, products = self._items[rows], self._over.graph, dict[str | None, int]()
        known = items < len(graph)
        _, first, which = np.unique(graph.material[items[known]], return_index=True, return_inverse=True)
        numbers = [self._product(i, products) for i in self._over.names.ids(items[known][first])]
        found[rows[known]] = np.array(numbers or [0], dtype=np.int64)[which] if len(which) else []
        found[rows[~known]] = [self._product(i, products) for i in self._over.names.ids(items[~known])]
        return found

    @staticmethod
    def _product(item: ItemId, products: dict[str | None, int]) -> int:
        material = item.material
        return -1 if material is None else products.setdefault(material, len(products))

    def counts(self) -> Counts:
        nodes, counted = self._over.nodes, self._counts
        certain = np.ones(len(self), dtype=np.bool_)
        certain[self._starts :] = nodes.verdict(self._over.order) == CERTAIN_BIT
        spares = int(self._spare.sum())
        return Counts(
            units=int((counted & (self._kind == UNIT)).sum()),
            lots=int((counted & (self._kind == LOT)).sum()),
            certain=int((counted & certain).sum()),
            possible=int((counted & ~certain).sum()),
            top_units=int(self._top.sum()) - spares,
            loose_spares=spares,
        )

    # -- as lines

    def blocks(self) -> Iterator[Texts]:
        for begin in range(0, len(self), LINES_AT_ONCE):
            end = min(begin + LINES_AT_ONCE, len(self))
            cut = max(begin, min(end, self._starts))
            if begin < cut:
                yield self._seeds(begin, cut)
            if cut < end:
                yield self._nodes(cut, end)

    def _seeds(self, begin: int, end: int) -> Texts:
        rows = np.arange(begin, end)
        level, verdict = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), CERTAIN_BIT, dtype=np.int64)
        sure, heads = self._heads(rows, level, verdict, seed=np.ones(len(rows), dtype=np.bool_))
        return self._lines(rows, b"", sure, b"", heads)

    def _nodes(self, begin: int, end: int) -> Texts:
        nodes, rows = self._over.nodes, self._over.order[begin - self._starts : end - self._starts]
        from_bounds, came_from, bounds, links = nodes.leading(rows, WAYS_SHOWN)
        seed = np.diff(from_bounds) == 0
        sure, heads = self._heads(np.arange(begin, end), nodes.level[rows], nodes.verdict(rows), seed=seed)
        froms = listed(self._over.names.column(came_from), from_bounds)
        events = listed(*self._events(bounds, links))
        return self._lines(np.arange(begin, end), froms, sure, events, heads)

    def _events(self, bounds: Ints, links: Ints) -> tuple[Column, Ints]:
        """Ids of the events that tell these links, by node: each once, the first that are shown; and bounds."""
        nodes, count = self._over.nodes, len(bounds) - 1
        node, events = np.repeat(np.arange(count), np.diff(bounds)), nodes.walked.links.event[links].astype(np.int64)
        ids = self._over.graph.events.ids
        if (nodes.walked.links.told[links] >= 0).any():  # the arrays and the domain may tell of one event
            numbers: dict[str, int] = {}
            texts = nodes.event_ids(links)
            events = np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)
            ids = Texts.of([text.encode() for text in numbers])
        _, first = np.unique(pairs(node, events), return_index=True)
        first.sort()
        place = np.arange(len(first)) - np.searchsorted(node[first], node[first])
        first = first[place < WAYS_SHOWN]
        return Column.of(ids, events[first]), np.searchsorted(node[first], np.arange(count + 1))

    def _lines(  # noqa: PLR0917
        self, rows: Ints, froms: Several | bytes, sure: Column, events: Several | bytes, heads: Column
    ) -> Texts:
        items = escaped(self._over.names.column(self._items[rows]))
        return woven((b'{"came_from":[', froms, sure, events, b'],"item":"', items, b'",', heads, b"}\n"), len(rows))

    def _heads(self, rows: Ints, level: Ints, verdict: Ints, *, seed: Bools) -> tuple[Column, Column]:
        """How sure each is, and what follows the item in a line: written once for members that are alike."""
        columns = (self._kind[rows], level, verdict, self._spare[rows], self._top[rows], seed)
        first, which = alike([np.asarray(column, dtype=np.int64) for column in columns])
        table = [_head(*told) for told in zip(*(c[first].tolist() for c in columns), strict=True)]
        heads = Column.of(Texts.of(list(map(_together, table))), which)
        begin = int(rows[0])
        amounts = self._quantities.get(begin // LINES_AT_ONCE, {})
        told = {row - begin: amount for row, amount in amounts.items() if 0 <= row - begin < len(rows)}
        heads = heads.but({at: _together(table[which[at]] | amount) for at, amount in told.items()})
        return Column.of(_CERTAINTIES, (verdict == CERTAIN_BIT).astype(np.int64)), heads


def listed(column: Column, bounds: Ints) -> Several:
    """The texts of each group as what stands in a list of JSON."""
    return Several((where(follows(bounds), b","), b'"', escaped(column), b'"'), bounds)


def _head(kind: int, level: int, verdict: int, *marks: bool) -> dict[str, object]:
    spare, top, seed = marks
    reasons = () if verdict == CERTAIN_BIT else reasons_of(verdict)
    marked = {"loose_spare": spare, "seed": seed, "top": top and not spare}
    return {"kind": KINDS[kind], "level": level, "reasons": reasons, **marked}


def _together(told: dict[str, object]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)[1:-1]
