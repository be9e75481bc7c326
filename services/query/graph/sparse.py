"""A number for each of very many items, of which one question touches few."""

import mmap
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from services.query.graph.groups import Bools, Ints

Number = TypeVar("Number", bound=np.generic)


def zeros(count: int, dtype: type[Number]) -> NDArray[Number]:
    """So many zeros that cost what is written to: np.zeros clears all of what it is given a second time."""
    room = mmap.mmap(-1, max(1, count * np.dtype(dtype).itemsize))
    return np.frombuffer(room, dtype=dtype, count=count)


class Sparse:
    """A number for each of `count` items, -1 until it is told. Rows are read and written as an array's are.

    It costs what is touched, not what there is: numbers are kept flipped, so that -1 is zero, and memory that nobody
    wrote to yet reads as zeros and takes no room.
    """

    def __init__(self, count: int, dtype: type[np.signedinteger]) -> None:
        self._flipped: NDArray[np.signedinteger] = zeros(count, dtype)

    def __len__(self) -> int:
        return len(self._flipped)

    def __getitem__(self, rows: Ints | Bools | int) -> Ints:
        return ~self._flipped[rows]

    def __setitem__(self, rows: Ints | Bools | int, numbers: Ints | int) -> None:
        self._flipped[rows] = ~numbers
