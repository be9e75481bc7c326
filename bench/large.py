"""References of questions that are too large for the domain to walk: the recursive SQL statement's answer.

It is another program over the same rows, and smaller answers of it are held against the domain in every run. Of a
large one, some lots that are in it are asked of the domain: all that it says of what came of these must be in it.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from bench.questions import Question
from bench.rows import COLUMNS, RowSet, of_rows
from bench.wire import Connection

LARGEST_WALKED = 200_000
"""nodes; the domain takes a millisecond and seven kilobytes for each"""
_SAMPLED_LOTS = 3
_COUNTED = ("units", "top_units", "by_holder")
"""what needs no knowledge of which lots are two names of one"""
_LEVEL, _KIND = COLUMNS.index("level"), COLUMNS.index("kind")
_SOME_LOTS = f"""
SELECT item, level::int AS level FROM answers WHERE question = $1 AND kind = 'lot'
ORDER BY md5(item) LIMIT {_SAMPLED_LOTS}
"""


def counted(rows: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Some totals, counted from rows. In these data what is fitted is in something affected; lots have no holder."""
    units, top_units, holders = 0, 0, Counter[str]()
    for cells in rows:
        row = dict(zip(COLUMNS, cells, strict=True))
        if row["kind"] == "unit":
            units += 1
            top_units += row["status"] not in ("installed", "consumed")
        if row["holder"]:
            holders[row["holder"]] += 1
    return dict(zip(_COUNTED, (units, top_units, dict(holders)), strict=True))


def countable(totals: dict[str, Any]) -> dict[str, Any]:
    """The part of an answer's totals that `counted` gives."""
    return {name: totals[name] for name in _COUNTED}


async def check_sample(owner: asyncpg.Connection, question: Question, rows: RowSet, *, domain: Connection) -> None:
    """Hold the units that the domain says came of some lots against the answer in the table. Raises ValueError.

    Other names of a lot may be nearer to what was asked about than the lot is.
    """
    for lot in await owner.fetch(_SOME_LOTS, question.number):
        pieces: list[bytes] = []
        await domain.get("/v1/trace/forward", taken=pieces.append, item=lot["item"], format="csv")
        told = csv.reader(io.StringIO(b"".join(pieces).removeprefix(b"\xef\xbb\xbf").decode(), newline=""))
        next(told)
        deeper = [
            [*row[:_LEVEL], str(int(row[_LEVEL]) + lot["level"]), *row[_LEVEL + 1 :]]
            for row in told
            if row[_KIND] == "unit"
        ]
        if not deeper or not of_rows(deeper).digests <= rows.digests:
            raise ValueError(f"{question.lot}: the domain says something else of what came of {lot['item']}")
