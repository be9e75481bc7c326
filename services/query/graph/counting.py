"""The nodes of a walk over a graph counted by columns (SEMANTICS §7), and what their states tell beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from domain.facts import Status
from domain.ids import ItemId
from domain.state import Whereabouts
from services.query.dressing import Dressing
from services.query.graph.answer import OverGraph
from services.query.graph.facts import STATUSES
from services.query.graph.groups import Bools, Ints
from services.query.graph.kinds import CONTAINER, UNIT
from services.query.graph.links import CERTAIN_BIT
from services.query.graph.sparse import zeros
from services.query.graph.stance import shipped_out
from services.query.graph.standings import Stood
from services.query.totals import Totals
from services.turns import give_way

_IN_TRANSIT, _CONSUMED = STATUSES.index(Status.IN_TRANSIT), STATUSES.index(Status.CONSUMED)


@dataclass(slots=True)
class Counting:
    """Takes nodes some at a time, in the order of answers."""

    over: OverGraph
    _counts: Bools | None = None
    """by row of the nodes, which of them count"""
    _plain: list[Ints] = field(default_factory=list)
    """rows of plain nodes that count"""
    _told: list[tuple[int, Whereabouts]] = field(default_factory=list)
    """those that the domain told"""

    def take(self, rows: Ints, stood: Stood) -> None:
        """Count these nodes."""
        if self._counts is None:
            self._counts = self.over.counts()
            give_way()
        counted = self._counts[rows]
        self._plain.append(rows[counted & ~stood.by_domain])
        strange = np.flatnonzero(counted & stood.by_domain).tolist()
        self._told += [(int(rows[at]), stood.state(at)) for at in strange]

    def gather(self, rows: Ints, stood: Stood, dressing: Dressing) -> None:
        """Gaps and conflicts of states, in the order of the nodes."""
        names, remembered = self.over.names, self.over.standings.remembered
        items, plain = self.over.nodes.walked.nodes[rows], np.flatnonzero(~stood.by_domain)
        shipped = plain[remembered.status[items[plain]] == _IN_TRANSIT]
        ids = names.ids(items[shipped])
        done = 0
        for at in np.flatnonzero(stood.by_domain).tolist():
            state = stood.state(at)
            if state.gaps or state.conflicts:
                before = int(np.searchsorted(shipped, at))
                self._tell_shipped(ids[done:before], dressing)
                done = before
                dressing.gather(state)
        self._tell_shipped(ids[done:], dressing)

    @staticmethod
    def _tell_shipped(ids: Sequence[ItemId], dressing: Dressing) -> None:
        if ids:
            dressing.gather_gap(replace(shipped_out(ids[0]), items=tuple(ids)))

    def finish(self, totals: Totals) -> None:
        """Add everything."""
        walked, count = self.over.nodes.walked, self.over.names.count
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *self._plain])
        items, certain = walked.nodes[rows], (walked.ordered_labels[rows] & CERTAIN_BIT) > 0
        units = self.over.graph.standing.kind[items] <= UNIT
        affected, unit = zeros(count, np.bool_), zeros(count, np.bool_)
        strange = walked.nodes[np.array([row for row, _ in self._told], dtype=np.int64)]
        affected[items] = affected[strange] = True
        unit[items[units]] = True
        unit[strange[np.array([state.kind == "unit" for _, state in self._told], dtype=np.bool_)]] = True
        give_way()
        self._count_plain(totals, items, certain, loose=self._loose(items, units, affected=affected, unit=unit))
        for (row, state), item in zip(self._told, strange.tolist(), strict=True):
            sure = bool(walked.ordered_labels[row] & CERTAIN_BIT)
            top = state.kind == "unit" and self._is_top(item, state, affected=affected, unit=unit)
            totals.add_told("certain" if sure else "possible", state=state, top=top)

    def _loose(self, items: Ints, units: Bools, *, affected: Bools, unit: Bools) -> Bools:
        """Which plain items are units that are neither fitted in an affected unit nor inside one."""
        remembered, loose = self.over.standings.remembered, units.copy()
        loose[units] &= ~remembered.within(items[units], affected)
        if self.over.graph.is_parent[items[units]].any() or self._told:
            loose[loose] &= ~remembered.inside(items[loose], unit)
        return loose

    def _count_plain(self, totals: Totals, items: Ints, certain: Bools, *, loose: Bools) -> None:
        give_way()
        remembered, kind = self.over.standings.remembered, self.over.graph.standing.kind[items]
        for name, chosen in (("unit", kind <= UNIT), ("container", kind == CONTAINER)):
            sure = int(np.count_nonzero(certain & chosen))
            totals.count(name, {"certain": sure, "possible": int(np.count_nonzero(chosen)) - sure})
        totals.count_tops(int(np.count_nonzero(loose & (remembered.status[items] != _CONSUMED))))
        statuses = [str(status) for status in STATUSES[1:]]
        totals.count_by("status", _counts(statuses, remembered.status[items].astype(np.int64) - 1))
        totals.count_by("site", _counts(remembered.words.texts, remembered.site[items]))
        totals.count_by("holder", _counts(remembered.words.texts, remembered.holder[items]))

    def _is_top(self, item: int, state: Whereabouts, *, affected: Bools, unit: Bools) -> bool:
        if state.status is Status.CONSUMED:
            return False
        wholes, containers = self.over.standings.remembered.around(item, state, self.over.names)
        known = len(affected)  # what came up only now is not affected
        return not (affected[wholes[wholes < known]].any() or unit[containers[containers < known]].any())


def _counts(texts: Sequence[str], places: Ints) -> dict[str, int]:
    """How often each text is at one of the places among them; below 0 none is."""
    counts = np.bincount(places[places >= 0], minlength=len(texts))
    there = np.flatnonzero(counts)
    return dict(zip([texts[at] for at in there.tolist()], counts[there].tolist(), strict=True))
