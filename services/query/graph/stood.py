"""How the few items of a small walk stand: remembered one by one, else as `standings.py` tells."""

from collections.abc import Collection, Mapping, Sequence

from domain.ids import ItemId
from domain.state import Whereabouts
from services.query.graph.answer import OverGraph


class StoodSingly:
    """A `Stand` for one question."""

    def __init__(self, over: OverGraph) -> None:
        self._over, self._single = over, over.standings.remembered.single

    async def whereabouts(self, items: Sequence[ItemId]) -> tuple[Mapping[ItemId, Whereabouts], Collection[int]]:
        """Where each item is, and the keys of events about them that have a void or a rival."""
        known = self._single.stands
        found = {i: known[i][1] for i in items if i in known and self._lasts(known[i][0])}
        missing = [i for i in items if i not in found]
        if not missing:
            return found, ()
        told, troubled = await self._over.whereabouts(missing)
        for item in missing:
            self._keep(item, told[item])
        return found | dict(told), troubled

    def _lasts(self, index: int) -> bool:
        """Whether nothing newer may have changed how it stands."""
        changed = self._over.changed
        if not changed.events:
            return True
        far = changed.reaches_far and self._over.graph.standing.odd[index]
        return not (changed.state[index] or far)

    def _keep(self, item: ItemId, state: Whereabouts) -> None:
        remembered = self._over.standings.remembered
        index = int(self._over.names.indexes([item])[0])
        if index < len(self._over.graph) and self._lasts(index):
            code = int(remembered.codes[index])
            if code >= 0 and not remembered.troubled.get(code):
                self._single.stand(item, index, state)
