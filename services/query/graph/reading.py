"""Rows of a statement as arrays, by COPY in binary form: no Python object a row."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES = 19  # signature, flags, length of an extension there is not
_TRAILER_BYTES = 2
_PARSED_BYTES = 512 << 10

_ON_THE_WIRE = {"int8": ">i8", "int4": ">i4", "int2": ">i2", "bool": "?"}
_IN_MEMORY = {"int8": np.int64, "int4": np.int32, "int2": np.int16, "bool": np.bool_}


async def read_columns(
    connection: asyncpg.Connection, statement: str, *parameters: object, types: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """The rows of a statement, column by column.

    `types` names every column in order, with its SQL type: int8, int4, int2 or bool. None of them may be null: a null
    would shift every row behind it, so it raises ValueError.
    """
    parser = _Parser(types)
    await connection.copy_from_query(statement, *parameters, output=parser.take, format="binary")
    return parser.columns()


class _Parser:
    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        fields: list[tuple[str, str]] = [("fields", ">i2")]
        for name, sql_type in types.items():
            fields += [(f"{name} length", ">i4"), (name, _ON_THE_WIRE[sql_type])]
        self._row = np.dtype(fields)
        self._held = bytearray()
        self._begun = False
        self._pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in types}

    async def take(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= _PARSED_BYTES:
            self._parse(keep=self._row.itemsize + _TRAILER_BYTES)

    def columns(self) -> dict[str, NDArray[Any]]:
        self._parse(keep=_TRAILER_BYTES)
        if len(self._held) != _TRAILER_BYTES:
            raise ValueError("a column of a copied statement is null or not of the type named")
        return {
            name: np.concatenate(self._pieces[name]) if self._pieces[name] else np.zeros(0, _IN_MEMORY[sql_type])
            for name, sql_type in self._types.items()
        }

    def _parse(self, *, keep: int) -> None:
        if not self._begun:
            del self._held[:_HEADER_BYTES]
            self._begun = True
        count = max(0, len(self._held) - keep) // self._row.itemsize
        if not count:
            return
        rows = np.frombuffer(bytes(self._held[: count * self._row.itemsize]), dtype=self._row)
        del self._held[: count * self._row.itemsize]
        for name, sql_type in self._types.items():
            width = np.dtype(_ON_THE_WIRE[sql_type]).itemsize
            if not np.all(rows[f"{name} length"] == width):
                raise ValueError(f"{name}: null, or not of the type named")
            self._pieces[name].append(rows[name].astype(_IN_MEMORY[sql_type]))
