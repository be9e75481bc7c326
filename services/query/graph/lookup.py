"""Where each of many ids is among the sorted ids of a graph: one look by their hashes."""

from collections.abc import Sequence

import numpy as np

from services.query.graph.groups import Ints, positions, small
from services.query.graph.texts import Texts
from services.turns import give_way

_FEW = 8
"""Up to so many are found sooner one by one, by halves."""
_AT_ONCE = 5_000


class Lookup:
    """Some 12 bytes an id."""

    def __init__(self, names: Texts) -> None:
        self._names = names
        hashes = _all_hashed(names)
        self._sorted, first = np.unique(hashes, return_index=True)
        self._rows = small(first)

    def find(self, ids: Sequence[str]) -> Ints:
        """The row of each id; -1 where it is not among them."""
        if len(ids) < _FEW:
            return np.array([self._names.find(text) for text in ids], dtype=np.int64)
        wanted = [text.encode() for text in ids]
        at = positions(self._sorted, _hashed(wanted))
        found = np.where(at >= 0, self._rows[at], -1) if len(self._rows) else at
        data, start = self._names.data, self._names.start
        bounds = zip(start[found].tolist(), start[found + 1].tolist(), strict=True)
        told = [data[begin:end] for begin, end in bounds]
        for n, row in enumerate(found.tolist() if told != wanted else ()):
            if row >= 0 and told[n] != wanted[n]:
                found[n] = self._names.find(ids[n])  # two ids have one hash
        return found


def _hashed(texts: Sequence[bytes]) -> Ints:
    return np.fromiter(map(hash, texts), dtype=np.int64, count=len(texts))


def _all_hashed(names: Texts) -> Ints:
    """Some at a time: to hash millions, and to let go of them, takes the interpreter for a quarter of a second."""
    found = np.empty(len(names), dtype=np.int64)
    for start in range(0, len(names), _AT_ONCE):
        give_way()
        some = names.part(start, start + _AT_ONCE)
        found[start : start + len(some)] = _hashed(some)
    return found
