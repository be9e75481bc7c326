"""How the few items of a small walk stand: remembered one by one, else as `standings.py` tells."""

from collections.abc import Collection, Mapping, Sequence

from domain.ids import ItemId
from domain.state import Whereabouts
from services.query.graph.answer import OverGraph


class StoodSingly:
    """A `Stand` for one question."""

    def __init__(self, over: OverGraph, everything: Sequence[ItemId]) -> None:
        """`everything`: all items that will be asked about. They are told together, which takes no longer than one."""
        self._over, self._single = over, over.standings.remembered.single
        self._everything, self._told = everything, dict[ItemId, Whereabouts]()
        self._troubled: Collection[int] = ()

    async def whereabouts(self, items: Sequence[ItemId]) -> tuple[Mapping[ItemId, Whereabouts], Collection[int]]:
        """Where each item is, and the keys of events about them that have a void or a rival."""
        found = self._known(items)
        if len(found) < len(items):
            everything = dict.fromkeys([*self._everything, *items])
            known = self._known([*everything])
            missing = [i for i in everything if i not in known]
            told, self._troubled = await self._over.whereabouts(missing)
            self._told.update(told)
            for item in missing:
                self._keep(item, told[item])
            found = self._known(items)
        return found, self._troubled

    def _known(self, items: Sequence[ItemId]) -> dict[ItemId, Whereabouts]:
        """How those of the items stand that were told in this question, or are remembered."""
        told, known, unchanged = self._told, self._single.stands, not self._over.changed.events
        found = {}
        for item in items:
            if item in told:
                found[item] = told[item]
            elif (kept := known.get(item)) is not None and (unchanged or self._lasts(kept[0])):
                found[item] = kept[1]
        return found

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
