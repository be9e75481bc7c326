"""A day of an SMT line, 72,000 boards on 40 feeders: what is stored, and what an answer reads."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from domain import events as ev
from domain.corrections import Copy
from domain.envelope import Envelope
from domain.genealogy import Trace, Way, trace
from domain.ids import ItemId
from domain.moments import Moment, iso
from domain.record import answer_async
from services.database import owner_pool, tenant_transaction
from services.query.record import SqlRecord
from tests.domain.telling import item, us
from tests.projections.test_record_over_sql import Views, apply, views

__all__ = ["views"]

BOARDS, FEEDERS, DAY_SECONDS = 72_000, 40, 86_400
REEL_SECONDS = 3_600
START_US = us(0)
LINE = ev.Circumstances(line="SMT", equipment=("PLACER",))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Explaining:
    """A connection that counts what each statement reads, by its plan, before it runs it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.buffers = 0
        self.passed_by = 0
        self.statements = 0

    async def fetch(self, statement: str, *args: Any) -> list[asyncpg.Record]:
        self.statements += 1
        plan = await self._connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {statement}", *args)
        top = next(r[0] for r in plan if "Buffers:" in r[0])
        self.buffers += sum(int(n) for n in re.findall(r"(?:hit|read)=(\d+)", top))
        self.passed_by += sum(int(n) for r in plan for n in re.findall(r"Rows Removed by Filter: (\d+)", r[0]))
        return list(await self._connection.fetch(statement, *args))

    async def fetchval(self, statement: str, *args: Any) -> Any:
        return (await self.fetch(statement, *args))[0][0]


def at(second: float) -> Moment:
    return Moment.parse(iso(START_US + round(second * 1_000_000)))


def reel(feeder: int, turn: int) -> ItemId:
    return item(f"PART{feeder}/reel-{turn}")


def day() -> Iterator[ev.LifecycleEvent]:
    """Reels last an hour, each feeder a minute later than the one before; a board every 1.2 seconds."""
    for feeder in range(FEEDERS):
        for turn in range(DAY_SECONDS // REEL_SECONDS):
            moment = at(turn * REEL_SECONDS + 60 * feeder)
            slot = {"equipment": "PLACER", "position": f"F{feeder:02d}"}
            yield ev.Mounted(occurred_at=moment, item=reel(feeder, turn), spliced=turn > 0, doubt_units=2, **slot)
    for n in range(BOARDS):
        made = (ev.Output(item=item(f"BOARD/{n}")),)
        moment, start = at((n + 1) * 1.2), at(n * 1.2 + 0.01)
        yield ev.Transformed(occurred_at=moment, started_at=start, outputs=made, circumstances=LINE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def line(views: Views) -> tuple[Views, int]:
    tenant = await views.fresh_tenant()
    log = []
    for no, event in enumerate(day()):
        envelope = Envelope(
            tenant_id=tenant,
            event_id=f"day-{no}",
            source="mes",
            may_correct=False,
            accepted_at_us=us(48) + no,
            index=0,
            content_hash=hashlib.sha256(str(no).encode()).hexdigest(),
            event=event,
        )
        log.append((Copy(us(48) + no, 0, no), envelope))
    await apply(views, log, 5_000)
    owner = await owner_pool(views.url)
    await owner.execute("ANALYZE")
    await owner.close()
    return views, tenant


async def ask(line: tuple[Views, int], one: ItemId, way: Way) -> tuple[Trace, Explaining]:
    views, tenant = line
    async with tenant_transaction(views.api, tenant) as connection:
        explaining = Explaining(connection)
        record = SqlRecord(explaining, tenant)  # type: ignore[arg-type]
        return await answer_async(trace([one], way=way, now_us=us(100)), record.look_up), explaining


async def test_a_row_a_mount_and_a_row_a_board_and_equipment(line: tuple[Views, int]) -> None:
    views, tenant = line
    mounts = FEEDERS * DAY_SECONDS // REEL_SECONDS
    rows = {t: await count(views, t, tenant) for t in ("loadings", "makings", "event_items")}
    assert rows == {"loadings": mounts, "makings": 2 * BOARDS, "event_items": mounts + BOARDS}


async def count(views: Views, table: str, tenant: int) -> int:
    return int(await views.projector.fetchval(f"SELECT count(*) FROM views.{table} WHERE tenant_id = $1", tenant))


async def test_from_a_board_to_its_forty_reels(line: tuple[Views, int]) -> None:
    """Some signs a feeder around one instant, whatever was made before and after."""
    found, cost = await ask(line, item("BOARD/40025"), Way.BACKWARD)
    assert {n.item for n in found.nodes} == {
        reel(f, (40_026 * 6 // 5 - 60 * f) // REEL_SECONDS) for f in range(FEEDERS)
    }
    assert {n.certainty for n in found.nodes} == {"certain"}
    assert cost.statements < 60
    assert cost.buffers < 4_000
    assert cost.passed_by < 2_000


async def test_from_a_reel_to_its_boards(line: tuple[Views, int]) -> None:
    """An hour of boards and two in doubt on either side; not the day's."""
    found, cost = await ask(line, reel(7, 10), Way.FORWARD)
    hour = REEL_SECONDS * 10 // 12
    assert hour <= len(found.nodes) <= hour + 6
    assert sum(n.certainty == "certain" for n in found.nodes) >= hour - 6
    assert cost.statements < 100
    assert cost.buffers < 5 * len(found.nodes)
