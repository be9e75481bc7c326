"""A run of a few hundred units: answers are compared, and an answer that is wrong fails it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO

import asyncpg
import pytest
import pytest_asyncio
from rich.console import Console

from bench import reference
from bench import world as worlds
from bench.asked import Asked, asking
from bench.cases import recalls as recall_cases
from bench.cases.forward import forward
from bench.cases.recalls import recalls
from bench.cases.rivals import asked_of
from bench.questions import forward_questions
from bench.reference import Copies, Reference
from bench.results import Results, Row, about
from bench.rivals import tables
from bench.rivals.cte import Cte
from bench.rivals.from_events import FromEvents
from bench.rivals.rival import Exported
from bench.rows import RowSet
from bench.run import of, timed
from bench.sizes import SIZES
from bench.table import show
from bench.world import World, world
from tests.conftest import TestServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Built:
    """The data of a few hundred units, and processes to ask."""

    world: World
    asked: Asked
    copies: Copies
    references: list[Reference]
    exported: Exported


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(tmp_path_factory: pytest.TempPathFactory, postgres_server: TestServer) -> AsyncIterator[Built]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "WORK", tmp_path_factory.mktemp("bench"))
        made = world(SIZES["tiny"], console=Console(file=StringIO()), on=postgres_server.server)
        async with made as this, asking(this, this.url) as asked:
            questions = forward_questions(this.size.units)
            references = await reference.written(this, questions, quick=asked.quick, domain=asked.domain)
            copies = await reference.copies(this)
            yield Built(this, asked, copies, references, await tables.export(this, references))
            await copies.close()


def broken(of: Reference) -> Reference:
    """With another value in one column of one row."""
    digests = sorted(of.rows.digests)
    return replace(of, rows=RowSet(frozenset([*digests[1:], b"another row "]), of.rows.count))


async def test_answers_that_are_the_references_are_equal(built: Built) -> None:
    rows = [row async for row in forward(built.asked, built.copies, built.references)]
    assert [row.equal for row in rows] == [True, True]
    assert all(row.ratios and row.ours and row.theirs for row in rows)
    assert built.references[0].rows.count > 300


async def test_an_answer_with_another_value_fails_the_run(built: Built) -> None:
    with pytest.raises(ValueError, match="other rows"):  # g must copy what is compared
        [row async for row in forward(built.asked, built.copies, [broken(built.references[0])])]
    assert not (await asked_of(built.asked, await sql(built), broken(built.references[0]))).equal


async def sql(built: Built) -> Cte:
    rival = Cte()
    await rival.load(built.exported)
    return rival


async def test_a_rival_that_loses_a_link_is_told_from_one_that_does_not(built: Built) -> None:
    rival = await sql(built)
    assert (await asked_of(built.asked, rival, built.references[0])).equal
    connection = await asyncpg.connect(built.world.url)
    await connection.execute(
        "DELETE FROM rival.goes_in WHERE ctid = (SELECT ctid FROM rival.goes_in WHERE item LIKE '%:PACK:%' LIMIT 1)"
    )
    await connection.close()
    wrong = await asked_of(built.asked, rival, built.references[0])
    assert wrong.equal is False
    await rival.close()
    told = await _told(built, [wrong])
    assert "NO" in told
    assert "the run fails" in told


@pytest.mark.parametrize(
    ("broken_by", "mended_by"),
    [
        ("UPDATE plain.voids SET target = target || '?'", "UPDATE plain.voids SET target = rtrim(target, '?')"),
        (
            "UPDATE plain.events SET ord = '0' || ord WHERE version LIKE '%:sell-%'",
            "UPDATE plain.events SET ord = substr(ord, 2) WHERE version LIKE '%:sell-%'",
        ),
        (
            "ALTER TABLE plain.names RENAME TO no_names; CREATE TABLE plain.names (LIKE plain.no_names)",
            "DROP TABLE plain.names; ALTER TABLE plain.no_names RENAME TO names",
        ),
    ],
    ids=["voids", "the order of events", "other names"],
)
async def test_a_statement_over_events_works_out_what_counts_and_where_things_stand(
    built: Built, broken_by: str, mended_by: str
) -> None:
    rival = FromEvents()
    await rival.load(built.exported)
    owner = await asyncpg.connect(built.world.url)
    grant = "; GRANT SELECT ON ALL TABLES IN SCHEMA plain TO zhuisu_api"
    try:
        await owner.execute(broken_by + grant)
        assert not (await asked_of(built.asked, rival, built.references[0])).equal
    finally:
        await owner.execute(mended_by + grant)
        await owner.close()
    assert (await asked_of(built.asked, rival, built.references[0])).equal
    await rival.close()


async def _told(built: Built, rows: list[Row]) -> str:
    console = Console(file=StringIO(), width=220)
    results = Results(about(began=datetime.now(UTC), data=built.world.data, postgres="18"), rows)
    assert bool(results.wrong) == any(row.equal is False for row in rows)
    show(results, console)
    out = console.file
    assert isinstance(out, StringIO)
    return out.getvalue()


async def test_a_frozen_set_is_held_against_the_trace(built: Built) -> None:
    rows = [row async for row in recalls(built.world, built.asked)]
    assert [(row.equal, str(row.bar)) for row in rows] == [(True, "≤ 5"), (True, "≤ 4")]
    assert all(row.ratios and row.ours and row.theirs for row in rows)
    assert all(row.note == f"{built.references[0].rows.count + 1} members" for row in rows)  # the lot itself, too


async def test_a_set_that_lacks_a_member_fails_the_run(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = recall_cases._Lines.members

    def but_one(lines: recall_cases._Lines) -> RowSet:
        if lines.marked != b'{"type":"node"':
            lines.rows.pop()
        return taken(lines)

    monkeypatch.setattr(recall_cases._Lines, "members", but_one)
    wrong = [row async for row in recalls(built.world, built.asked)]
    assert [row.equal for row in wrong] == [False, False]
    assert Results({}, wrong).wrong == wrong


async def test_a_group_that_breaks_down_fails_the_run_and_no_other_group() -> None:
    async def broken_down() -> AsyncIterator[Row]:
        yield Row(case="one", size="", against="")
        raise OSError("no room on the disk")

    took: dict[str, float] = {}
    rows = [row for _, row in [told async for told in timed("visible", broken_down(), took)] if row is not None]
    assert [row.failed for row in rows] == [False, True]
    assert "no room on the disk" in rows[1].note
    assert Results({}, rows).wrong == [rows[1]]
    assert "visible" in took


async def test_what_could_not_be_prepared_fails_the_group_that_needs_it() -> None:
    async def no_factory() -> int:
        raise OSError("no room on the disk")

    async def measured(_: int) -> AsyncIterator[Row]:
        yield Row(case="one", size="", against="")

    preparing = asyncio.create_task(no_factory())
    await asyncio.wait([preparing])
    rows = [row async for _, row in timed("growth", of(preparing, measured), {}) if row is not None]
    assert [(row.failed, "no room on the disk" in row.note) for row in rows] == [(True, True)]
