"""The reference: finished answer rows of each question, as the domain's own walk gives them, in a table.

A query process without graphs answers from the domain, which tests hold against the record in memory. Its rows, every
column flattened to text, are what g copies and what every answer must equal. Of what is too large for that: `large.py`.
"""

import asyncio
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from bench.kept import Kept, digest_of, digest_of_totals, keep, kept
from bench.large import LARGEST_WALKED, check_sample, countable, counted
from bench.questions import Question
from bench.rivals import text_rows
from bench.rivals.from_events import FromEvents
from bench.rows import COLUMNS, RowSet, of_file
from bench.wire import Connection
from bench.world import World
from services.database import API_ROLE, api_pool, tenant_transaction
from services.query.formats import NODES, AsCsv

_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)
_TABLE = f"""
CREATE TABLE IF NOT EXISTS answers (
    tenant_id integer NOT NULL, question smallint NOT NULL, item_no bigint NOT NULL,
    {", ".join(f'"{name}" text NOT NULL' for name in COLUMNS)}
);
CREATE TEMP TABLE told ({", ".join(f'"{name}" text' for name in COLUMNS)});
"""
_SECURED = f"""
CREATE UNIQUE INDEX answers_idx ON answers (question, item_no);
ALTER TABLE answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE answers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON answers FOR SELECT TO {API_ROLE} USING (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT ON answers TO {API_ROLE};
"""
_NUMBERED = f"""
INSERT INTO answers SELECT $1, $2, i.item_no, {", ".join(f't."{name}"' for name in COLUMNS)}
FROM told t JOIN views.items i ON i.tenant_id = $1 AND i.uri = t.item ORDER BY i.item_no
"""
_BY_IDS = f"SELECT {_QUOTED} FROM answers WHERE question = $1 AND item_no = ANY ($2::bigint[])"
_BY_RANGES = f"""
SELECT {_QUOTED} FROM unnest($2::bigint[], $3::bigint[]) AS r(first, last)
JOIN answers ON question = $1 AND item_no BETWEEN r.first AND r.last
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """The finished answer to one question: its numbers, its rows and its totals to compare with."""

    question: Question
    item_nos: list[int]
    rows: RowSet
    totals: str
    """their digest"""
    by: str
    """who said so: domain, or sql (`large.py`), whose totals are what is counted from the rows"""
    firsts: list[int]
    lasts: list[int]

    def ranges(self) -> tuple[list[int], list[int]]:
        """The numbers as ranges without gaps: firsts, lasts."""
        return self.firsts, self.lasts


def _ranges(numbers: Sequence[int]) -> tuple[list[int], list[int]]:
    ends = [n for n, (one, other) in enumerate(pairwise(numbers)) if other != one + 1]
    return [numbers[0], *(numbers[n + 1] for n in ends)], [*(numbers[n] for n in ends), numbers[-1]]


async def answer_csv(connection: Connection, lot: str, *, way: str = "forward") -> bytes:
    """A trace as CSV, without the mark that `format=csv` puts before it."""
    pieces: list[bytes] = []
    await connection.get(f"/v1/trace/{way}", taken=pieces.append, item=lot, format="csv")
    return b"".join(pieces).removeprefix(b"\xef\xbb\xbf")


async def totals_of(connection: Connection, lot: str) -> dict[str, Any]:
    """The totals of a forward trace."""
    answer = await connection.get("/v1/trace/forward/summary", item=lot)
    totals: dict[str, Any] = json.loads(answer.body)["totals"]
    return totals


async def written(
    world: World, questions: Sequence[Question], *, quick: Connection, domain: Connection
) -> list[Reference]:
    """Ask the questions and keep the answers in the table.

    They are asked of `quick`. What it says is taken for the reference only where the domain once said the same
    (`kept.py`); else `domain`, a process without graphs, is asked too, and its answer is taken.
    """
    owner = await asyncpg.connect(world.url)
    asking = _Asking(world.size.units, world.folder / f"answer-{world.size.name}.csv", quick, domain)
    try:
        await owner.execute("DROP TABLE IF EXISTS answers")
        await owner.execute(_TABLE)
        found = []
        for question in questions:
            said = await _said(asking, world, question)
            await _keep(owner, world.tenant.tenant_id, question, asking.file)
            numbers = await owner.fetch(
                "SELECT item_no FROM answers WHERE question = $1 ORDER BY item_no", question.number
            )
            if len(numbers) != said.rows.count or not numbers:
                raise ValueError(f"{question.lot}: {said.rows.count} rows, {len(numbers)} of them items of the tenant")
            if said.is_new and said.by == "sql":
                await check_sample(owner, question, said.rows, domain=domain)
            if said.is_new:
                keep(world.size.units, question.lot, Kept(digest_of(said.rows), said.totals, said.by))
            item_nos = [r[0] for r in numbers]
            found.append(Reference(question, item_nos, said.rows, said.totals, said.by, *_ranges(item_nos)))
        await owner.execute(_SECURED)
        await owner.execute("VACUUM ANALYZE answers")
    finally:
        await owner.close()
        asking.file.unlink(missing_ok=True)
    return found


@dataclass(frozen=True, slots=True)
class _Asking:
    """Whom to ask; an answer is written to `file`, as it may be very large."""

    units: int
    file: Path
    quick: Connection
    domain: Connection


@dataclass(frozen=True, slots=True)
class _Said:
    rows: RowSet
    totals: str
    by: str
    is_new: bool


async def _said(asking: _Asking, world: World, question: Question) -> _Said:
    """The reference answer, in the file, too."""
    known = kept(asking.units, question.lot)
    if known is not None:
        with asking.file.open("wb") as file:
            await asking.quick.get("/v1/trace/forward", taken=file.write, item=question.lot, format="csv")
        rows = await asyncio.to_thread(of_file, asking.file)
        totals = await totals_digest(asking.quick, question.lot, known.by)
        if (digest_of(rows), totals) == (known.rows, known.totals):
            return _Said(rows, totals, known.by, False)
    if question.nodes <= LARGEST_WALKED:
        told = await _of_domain(asking, question.lot)
        return _Said(await asyncio.to_thread(of_file, asking.file), digest_of_totals(told), "domain", True)
    await _of_sql(world, question.lot, asking.file)
    rows = await asyncio.to_thread(of_file, asking.file)
    return _Said(rows, digest_of_totals(await asyncio.to_thread(_counted, asking.file)), "sql", True)


def _counted(file: Path) -> dict[str, Any]:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = csv.reader(lines)
        next(rows)
        return counted(rows)


async def totals_digest(connection: Connection, lot: str, by: str) -> str:
    """Of what the service says now, to be held against a reference that is `by` somebody."""
    said = await totals_of(connection, lot)
    return digest_of_totals(countable(said) if by == "sql" else said)


async def _of_domain(asking: _Asking, lot: str) -> dict[str, Any]:
    """The rows as CSV to the file, and the totals, of one walk: as NDJSON, which has both."""
    told, rest, last = AsCsv(NODES, for_spreadsheet=False), b"", b"{}"
    with asking.file.open("wb") as file:
        file.write(told.begin({}))

        def taken(piece: bytes) -> None:
            nonlocal rest, last
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                last = line
                if line.startswith(b'{"type":"node"'):
                    file.write(told.rows([orjson.loads(line)]))

        await asking.domain.get("/v1/trace/forward", taken=taken, item=lot, format="ndjson")
    totals: dict[str, Any] = orjson.loads(last)["totals"]
    return totals


async def _of_sql(world: World, lot: str, file: Path) -> None:
    await text_rows.make(world)
    statement = FromEvents()
    await statement.connect(world.url)
    try:
        await statement.write(lot, file)
    finally:
        await statement.close()


async def _keep(owner: asyncpg.Connection, tenant_id: int, question: Question, file: Path) -> None:  # noqa: PLR0917
    await owner.execute("TRUNCATE told")
    await owner.copy_to_table("told", source=str(file), format="csv", header=True, null="\\N")
    await owner.execute(_NUMBERED, tenant_id, question.number)


class Copies:
    """The two COPYs of g, as the role that requests act as, row-level security on."""

    def __init__(self, pool: asyncpg.Pool, tenant_id: int) -> None:
        self._pool, self._tenant_id = pool, tenant_id

    async def close(self) -> None:
        await self._pool.close()

    async def by_ids(self, reference: Reference, taken: io.BytesIO | None = None) -> None:
        """The rows go to `taken`, or nowhere."""
        await self._copy(taken, _BY_IDS, reference.question.number, reference.item_nos)

    async def by_ranges(self, reference: Reference, taken: io.BytesIO | None = None) -> None:
        """As `by_ids`."""
        await self._copy(taken, _BY_RANGES, reference.question.number, *reference.ranges())

    async def _copy(self, taken: io.BytesIO | None, statement: str, *arguments: object) -> None:
        output = taken if taken is not None else _nowhere
        async with tenant_transaction(self._pool, self._tenant_id) as connection:
            await connection.copy_from_query(statement, *arguments, output=output, format="csv")


async def _nowhere(piece: bytes) -> None:
    return


async def copies(world: World) -> Copies:
    return Copies(await api_pool(world.url, max_connections=2, statement_timeout_seconds=600), world.tenant.tenant_id)
