"""What a walk over a graph begins with: members of classes and containers, and what was exposed."""

from collections.abc import Generator, Sequence

import numpy as np

from domain.answers import Gap
from domain.exposure import Seed, opened
from domain.ids import ItemId
from domain.kinds import may_be_box
from domain.opening import Opening, opened_classes, opened_containers
from domain.record import Found, Known, Need
from services.query.answering import answered
from services.query.graph.exposing import Exposed, ExposedRows
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, first_of_each
from services.query.graph.kinds import CLASS
from services.query.graph.links import CERTAIN_BIT
from services.query.graph.names import Names
from services.query.graph.newer import Changed
from services.query.graph.walked import Opened, Seeded, label_of
from services.query.record import SqlRecord


class Openings:
    """Asks the domain only about what stands for something else, or may."""

    def __init__(self, graph: Graph, names: Names, *, changed: Changed, record: SqlRecord) -> None:
        self._graph, self._names, self._changed, self._record = graph, names, changed, record

    async def open(
        self, items: Sequence[ItemId], seeds: Sequence[Seed], *, indexes: Ints, at_us: int | None, now_us: int
    ) -> tuple[Opened, list[Gap]]:
        """What leads on from the items asked about (`indexes`), and from what was exposed. `at_us` None: now.

        Raises Barred.
        """
        standing = self._may_stand_for_others(indexes)
        special = [item for item, odd in zip(items, standing.tolist(), strict=True) if odd]
        found = Opening()
        if special:
            question = _opened(special, frozenset(items), at_us=at_us, now_us=now_us)
            found = await answered(question, self._record)
        opening = Opened(
            members=[m.item for m in found.members],
            reasons=[m.reasons for m in found.members],
            links=[m.link for m in found.members],
            came_from=[m.came_from for m in found.members],
            seeded=await self._exposed(seeds) if seeds else Seeded(),
        )
        return opening, found.gaps

    def _may_stand_for_others(self, indexes: Ints) -> Bools:
        """Classes, containers, and what newer events touched."""
        base, graph = len(self._graph), self._graph
        found = indexes >= base
        known = indexes[~found]
        odd = (graph.standing.kind[known] == CLASS) | self._changed.links[known] | graph.odd.state[known]
        found[~found] = odd | graph.is_parent[known]
        return found

    async def _exposed(self, seeds: Sequence[Seed]) -> Seeded:
        """Each exposed item with why it is only possible, as `domain.exposure.opened`."""
        rows, told = ExposedRows.none(), seeds
        if isinstance(seeds, Exposed) and seeds.graph is self._graph:
            rows, told = seeds.rows, seeds.others
        indexes = self._names.indexes(s.item for s in told)
        subjects = np.fromiter((s.subject for s in told), dtype=np.bool_, count=len(told))
        doubted = np.concatenate([rows.item[rows.subject], indexes[subjects]])
        special = self._boxes(np.unique(doubted[self._may_stand_for_others(doubted)]))
        labels = [label_of(s.reasons) for s in told]
        tables = [(rows.item, rows.label), (indexes, np.array(labels, dtype=np.int64))]
        if len(special):
            boxed, also = np.isin(rows.item, special), np.isin(indexes, special)
            theirs = rows.take(boxed).seeds(self._graph)
            theirs += [s for s, box in zip(told, also.tolist(), strict=True) if box]
            held = await answered(_exposed(theirs), self._record)
            there = np.array([label_of(reasons) for reasons in held.values()], dtype=np.int64)
            tables = [(tables[0][0][~boxed], tables[0][1][~boxed]), (tables[1][0][~also], tables[1][1][~also])]
            tables.append((self._names.indexes(held), there))
        return _each_once(*(np.concatenate(columns) for columns in zip(*tables, strict=True)))

    def _boxes(self, items: Ints) -> Ints:
        """Those of the items that may stand for what is in them."""
        return items[np.array([may_be_box(item) for item in self._names.ids(items)], dtype=np.bool_)]


def _each_once(items: Ints, labels: Ints) -> Seeded:
    """What is surely exposed once is surely exposed (`domain.exposure.take_seed`)."""
    if not len(items):
        return Seeded()
    order = np.argsort(items, kind="stable")
    items, labels = items[order], labels[order]
    first = first_of_each(items)
    if len(first) < len(items):
        labels = np.bitwise_or.reduceat(labels, first)
        labels = np.where(labels & CERTAIN_BIT > 0, CERTAIN_BIT, labels)
    return Seeded(items[first].astype(np.int64), labels)


def _exposed(seeds: Sequence[Seed]) -> Generator[Need, Found, dict[ItemId, frozenset[str]]]:
    known = Known()
    yield from known.start(s.item for s in seeds)
    return (yield from opened(known, seeds))


def _opened(
    items: Sequence[ItemId], starts: frozenset[ItemId], *, at_us: int | None, now_us: int
) -> Generator[Need, Found, Opening]:
    known = Known()
    things = yield from known.start(items)
    found = yield from opened_classes(known, things, starts=starts)
    boxes = yield from opened_containers(known, things, starts=starts, at_us=at_us, now_us=now_us)
    return Opening(found.members + boxes.members, found.gaps + boxes.gaps)
