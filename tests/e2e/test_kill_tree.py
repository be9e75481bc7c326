"""The demo as six processes on real Kafka; kill -9 of all of it at once, as a power cut would, PostgreSQL too."""

import asyncio
import contextlib
import json
import re
from pathlib import Path

import httpx
import psutil
import pytest

from services.embedded.kafka_broker import free_ports
from tests.e2e.test_demo import assert_recalled, assert_true, command_of, demo, output_of
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


async def until_it_answers(url: str, *, unless: "asyncio.Task[str] | None" = None) -> None:
    """`unless`: what says why it never will, once it is done."""
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

        async def answers() -> bool:
            if unless is not None and unless.done():
                raise AssertionError(f"it ended: {unless.result()}")
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


def assert_six_roles(children: list[psutil.Process]) -> None:
    running = re.findall(r"services\.cli (\w+)", "\n".join(command_of(child) for child in children))
    assert sorted(running) == ["cases", "ingest", "ingest", "projector", "projector", "query"]


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killed_at_once_it_loses_nothing_acknowledged_and_gives_the_same_answers(tmp_path: Path) -> None:
    """Under load, in the middle of the demo's own posting; then started again on the same folder, to the end."""
    kafka_jars_or_skip()
    variables = {"ZHUISU_BOOTSTRAP_KEY": KEY, "ZHUISU_PROJECTOR_LEASE_SECONDS": "2", "ZHUISU_HEARTBEAT_SECONDS": "0.3"}
    async with demo("--log", "kafka", folder=tmp_path, **variables) as process:
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
    port = str(free_ports(1)[0])
    again = demo("--log", "kafka", "--once", "--json", "--port", port, folder=tmp_path, **variables)
    async with again as process:
        reading = asyncio.create_task(output_of(process, within_seconds=240))
        await until_it_answers(f"http://127.0.0.1:{port}", unless=reading)
        children = psutil.Process(process.pid).children(recursive=True)
        await all_in_the_views(f"http://127.0.0.1:{port}", load.acked)
        assert_six_roles(children)
        answer = json.loads(await reading)
    assert_true(answer)
    assert_recalled(answer)
    assert not [child for child in children if child.is_running()], "processes were left behind"
