"""Rows of a statement as arrays, by COPY in binary form: no Python object a row."""

from collections.abc import Mapping

import asyncpg
import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[np.int64]]

_HEADER_BYTES = 19  # signature, flags, length of an extension there is not
_TRAILER_BYTES = 2

_WIDTHS = {"int8": ">i8", "int4": ">i4", "int2": ">i2", "bool": "u1"}


async def read_columns(
    connection: asyncpg.Connection, statement: str, *parameters: object, types: Mapping[str, str]
) -> dict[str, NDArray[np.int64]]:
    """The rows of a statement, column by column, as int64.

    `types` names every column in order, with its SQL type: int8, int4, int2 or bool. None of them may be null: a null
    would shift every row behind it, so it raises ValueError.
    """
    chunks: list[bytes] = []

    async def take(data: bytes) -> None:
        chunks.append(bytes(data))

    await connection.copy_from_query(statement, *parameters, output=take, format="binary")
    data = b"".join(chunks)
    fields: list[tuple[str, str]] = [("", ">i2")]
    for name, sql_type in types.items():
        fields += [(f"{name} length", ">i4"), (name, _WIDTHS[sql_type])]
    fields[0] = ("count", ">i2")
    row = np.dtype(fields)
    size = len(data) - _HEADER_BYTES - _TRAILER_BYTES
    if size % row.itemsize:
        raise ValueError("a column of a copied statement is null or not of the type named")
    rows = np.frombuffer(data, dtype=row, count=size // row.itemsize, offset=_HEADER_BYTES)
    for name in types:
        if not np.all(rows[f"{name} length"] == row.fields[name][0].itemsize):  # type: ignore[index]
            raise ValueError(f"{name}: null, or not of the type named")
    return {name: rows[name].astype(np.int64) for name in types}
