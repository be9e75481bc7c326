"""kill -9 of a whole installation on Kafka at once, as a power cut would: supervisor, roles, broker and PostgreSQL."""

import asyncio
import contextlib
import re
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.test_demo import command_of, demo
from tests.e2e.test_kill import KEY, Load, all_in_the_views
from tests.kafka_rig import kafka_jars_or_skip
from tests.waiting import eventually


async def urls_of(process: asyncio.subprocess.Process) -> dict[str, list[str]]:
    """By role, where its processes will listen: told before they are up."""
    found: dict[str, list[str]] = {"ingest": [], "projector": [], "query": [], "cases": []}
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(120):
        while not found["cases"]:
            line = (await process.stdout.readline()).decode()
            assert line, f"it ended: {seen}{(await process.communicate())[1].decode()}"
            seen += line
            if match := re.search(r"zhuisu (ingest|projector|query|cases): (http://\S+)", line):
                found[match[1]].append(match[2])
    return found


async def until_it_answers(url: str) -> None:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

        async def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await client.get(f"{url}/healthz")).status_code == 200
            return False

        await eventually(answers, within_seconds=120, every_seconds=0.1)


def kill_all(root: int) -> None:
    """The tree of `root` as it is now, stopped first, so that none of it sees another die and none is left out."""
    parent = psutil.Process(root)
    parent.suspend()
    tree = [*parent.children(recursive=True), parent]
    commands = "\n".join(command_of(p) for p in tree)
    for part in (
        "services.cli ingest",
        "services.cli projector",
        "services.cli query",
        "services.cli cases",
        "kafka.Kafka",
        "postgres",
    ):
        assert part in commands, f"no {part} among:\n{commands}"
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_nothing_acknowledged_is_lost_when_all_of_it_is_killed_at_once(tmp_path: Path) -> None:
    """Under load, in the middle of the demo's own posting; then started again on the same folder."""
    kafka_jars_or_skip()
    variables = {"ZHUISU_BOOTSTRAP_KEY": KEY, "ZHUISU_PROJECTOR_LEASE_SECONDS": "2", "ZHUISU_HEARTBEAT_SECONDS": "0.3"}
    async with demo("--log", "kafka", "--size", "60", folder=tmp_path, **variables) as process:
        urls = await urls_of(process)
        await asyncio.gather(*(until_it_answers(url) for url in urls["ingest"]))
        load = Load(urls["ingest"])
        senders = [asyncio.create_task(load.send(str(n))) for n in range(4)]
        try:
            await load.more(within_seconds=120)
            kill_all(process.pid)
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)
        await process.wait()
    assert load.acked
    async with demo("--log", "kafka", "--size", "60", folder=tmp_path, **variables) as process:
        urls = await urls_of(process)
        await all_in_the_views(urls["query"][0], load.acked)
