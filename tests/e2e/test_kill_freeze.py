"""kill -9 of the cases process while it freezes: the set is whole in the end, and what was asked for."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.embedded.app import prepare
from services.embedded.kafka_broker import free_ports
from services.settings import load_settings
from tests.conftest import NewDatabase
from tests.e2e.test_kill import Role
from tests.http.serving import KEY, serving
from tests.waiting import eventually

UNITS = 6_000
LOT = "urn:zhuisu:lot:own:CELL:L-9"


def made(first: int, count: int) -> dict[str, Any]:
    return {
        "kind": "transformed",
        "occurred_at": "2026-03-01T08:00:00Z",
        "inputs": [{"item": {"product": "CELL", "lot": "L-9"}, "quantity": 1}],
        "outputs": [{"item": {"product": "MODULE", "serial": f"M-{n}"}} for n in range(first, first + count)],
    }


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_freeze_outlives_the_process_that_does_it(new_database: NewDatabase, tmp_path: Path) -> None:
    url = await new_database()
    await prepare(load_settings(database_url=url, bootstrap_key=KEY, data_dir=tmp_path), url)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ZHUISU_")}
    environment = clean | {"ZHUISU_DATABASE_URL": url, "ZHUISU_CASE_JOBS_PACE_SECONDS": "0.1"}
    cases = Role("cases-1", free_ports(1)[0], environment, tmp_path / "cases.log")
    others = frozenset({"ingest", "projector", "query"})
    owner = await asyncpg.connect(url)
    async with serving(url, roles=others) as service:
        posted = await service.post("/v1/events", json=[made(n, 1_000) for n in range(0, UNITS, 1_000)])
        await service.get("/v1/items/state", params={"item": LOT, "wait_for": posted.json()["position"]})
        await cases.start()
        try:
            await cases.until_up()
            async with httpx.AsyncClient(base_url=cases.url, headers={"X-API-Key": KEY}, timeout=30) as commands:
                for path, body in (
                    ("", {"id": "RK-9", "title": "x"}),
                    ("/RK-9/scope", {"change": "set", "rule": {"lots": [LOT]}, "reason": "x"}),
                    ("/RK-9/freeze", {"reason": "x"}),
                ):
                    done = await commands.post(f"/v1/recalls{path}", json=body)
                    assert done.status_code < 300, done.text

            async def begun() -> bool:
                return bool(await owner.fetchval("SELECT count(*) FROM views.case_acts WHERE act = 'set_frozen'"))

            # As soon as it was asked for, as soon as it is up again, and as soon as a part of the set is there.
            await cases.kill()
            await cases.start()
            await cases.until_up()
            await cases.kill()
            await cases.start()
            await eventually(begun, within_seconds=120)
            await cases.kill()
            await cases.start()

            async def frozen() -> dict[str, Any] | None:
                shown: dict[str, Any] = (await service.get("/v1/recalls/RK-9")).json()
                return shown["freeze"] if shown["state"] == "frozen" else None

            freeze = await eventually(frozen, within_seconds=120)
            assert freeze is not None
            lines = (await service.get("/v1/recalls/RK-9/units", params={"format": "ndjson"})).content
            assert hashlib.sha256(lines).hexdigest() == freeze["sha256"]
            items = [json.loads(line)["item"] for line in lines.splitlines()]
            assert len(items) == len(set(items)) == freeze["members"] == UNITS + 1
            history = (await service.get("/v1/recalls/RK-9")).json()["history"]
            assert [h["act"] for h in history].count("frozen") == 1
        finally:
            await cases.kill()
            await owner.close()
