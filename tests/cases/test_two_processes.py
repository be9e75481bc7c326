"""Two processes do the same jobs at once, as where one lost the connection with its locks and does not know yet."""

from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.cases.conftest import people_of
from tests.cases.following import Live
from tests.http.serving import serving

_NO_LOCK = "SELECT $1::int IS NOT NULL AND $2::text IS NOT NULL"
_TOLD_TWICE = """
SELECT event_id FROM views.events JOIN views.event_keys USING (key_no) WHERE kind = 'case_recorded'
GROUP BY event_id HAVING count(*) > 1
"""
ROUNDS, UNITS = 4, 12


@pytest_asyncio.fixture(loop_scope="session")
async def service(fresh_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """The first of both; the other only works on cases."""
    monkeypatch.setattr("services.cases.jobs._LOCK", _NO_LOCK)
    monkeypatch.setattr("services.cases.delta.MEMBERS_A_CHUNK", 3)
    hurried = {"case_jobs_pace_seconds": 0.05, "case_delta_pause_seconds": 0.05}
    async with (
        serving(fresh_database_url, **hurried) as first,
        serving(fresh_database_url, roles=frozenset({"cases"}), **hurried),
    ):
        yield first


async def test_what_both_do_is_done_once(service: httpx.AsyncClient, fresh_database_url: str) -> None:
    people = await people_of(service)
    recall = Live(service, people, name="two")
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], [f"M/0-{n}" for n in range(UNITS)])
    await recall.begun("lot:CELL/L-9")
    wanted = set()
    for number in range(1, ROUNDS + 1):  # the sets that either finds are not the same: more is told meanwhile
        for half in range(2):
            made = [f"M/{number}-{half}-{n}" for n in range(UNITS)]
            wanted |= set(made)
            await tell.made(number + 1, ["lot:CELL/L-9"], made)

    def all_in(found: dict[str, list[dict[str, str]]]) -> bool:
        return {recall.short(c["item"]) for c in found["changes"]} == wanted

    await recall.until(all_in, "delta", limit=1_000)
    await recall.until(lambda shown: shown["freeze"]["holds_placed"])
    changes = (await recall.get("delta", limit=1_000))["changes"]
    assert Counter(c["change"] for c in changes) == {"added": len(wanted)}
    alerts = Counter(a["alert"] for a in (await recall.get("alerts", limit=1_000))["alerts"])
    assert alerts == {"unit_added": len(wanted), "used": 2 * ROUNDS}
    history = Counter(h["act"] for h in (await recall.get())["history"])
    assert history["frozen"] == 1
    assert (await recall.get("accounting"))["population"] == len(wanted) + UNITS
    owner = await asyncpg.connect(fresh_database_url)
    try:
        otherwise = [r[0] for r in await owner.fetch(_TOLD_TWICE)]
    finally:
        await owner.close()
    # Each says where its own holds are in the log; what is told first counts.
    assert not [one for one in otherwise if ":holds_placed." not in one], "told with another content"
