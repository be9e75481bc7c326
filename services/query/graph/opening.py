"""What a walk over a graph begins with: members of classes and containers, and what was exposed."""

from collections.abc import Generator, Sequence

from domain.answers import Gap
from domain.exposure import Seed, opened, take_seed
from domain.ids import ItemId
from domain.kinds import may_be_box
from domain.opening import Opening, opened_classes, opened_containers
from domain.record import Found, Known, Need
from services.query.answering import answered
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.kinds import CLASS
from services.query.graph.names import Names
from services.query.graph.newer import Changed
from services.query.graph.walked import Opened
from services.query.record import SqlRecord


class Openings:
    """Asks the domain only about what stands for something else, or may."""

    def __init__(self, graph: Graph, names: Names, *, changed: Changed, record: SqlRecord) -> None:
        self._graph, self._names, self._changed, self._record = graph, names, changed, record

    async def open(
        self, items: Sequence[ItemId], seeds: Sequence[Seed], *, indexes: Ints, at_us: int | None, now_us: int
    ) -> tuple[Opened, list[Gap]]:
        """What leads on from the items asked about (`indexes`), and from what was exposed. `at_us` None: now."""
        standing = self._may_stand_for_others(indexes)
        special = [item for item, odd in zip(items, standing.tolist(), strict=True) if odd]
        found = Opening()
        if special:
            question = _opened(special, frozenset(items), at_us=at_us, now_us=now_us)
            found = await answered(question, self._record)
        exposed = await self._exposed(seeds)
        opening = Opened(
            items=[*(m.item for m in found.members), *exposed],
            reasons=[*(m.reasons for m in found.members), *exposed.values()],
            links=[m.link for m in found.members],
            came_from=[m.came_from for m in found.members],
            seeded=list(exposed),
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

    async def _exposed(self, seeds: Sequence[Seed]) -> dict[ItemId, frozenset[str]]:
        """Each exposed item with why it is only possible, as `domain.exposure.opened`."""
        subjects = list({s.item for s in seeds if s.subject and may_be_box(s.item)})
        doubtful = self._may_stand_for_others(self._names.indexes(subjects)).tolist()
        special = {item for item, odd in zip(subjects, doubtful, strict=True) if odd}
        found: dict[ItemId, frozenset[str]] = {}
        for seed in seeds:
            if seed.item not in special:
                take_seed(found, seed.item, seed.reasons)
        if special:
            told = await answered(_exposed([s for s in seeds if s.item in special]), self._record)
            for item, reasons in told.items():
                take_seed(found, item, reasons)
        return found


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
