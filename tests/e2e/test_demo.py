"""`zhuisu demo` as a person runs it, in an empty folder, on the embedded stack. On real Kafka: test_kill_tree.py."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from services.factory import about

UNITS, SEED = 400, 5
BIKES = "https://id.gs1.org/01/09521234000020/21/"


@asynccontextmanager
async def demo(*arguments: str, folder: Path, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running demo, ended at the latest with the test."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ZHUISU_", "LC_", "LANG"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.cli", "demo", "--size", str(UNITS), "--seed", str(SEED)),
        *("--port", "0", "--data-dir", str(folder), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean, "ZHUISU_HEARTBEAT_SECONDS": "0.2", **variables},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def output_of(process: asyncio.subprocess.Process, *, within_seconds: float = 120) -> str:
    async with asyncio.timeout(within_seconds):
        out, err = await process.communicate()
    assert process.returncode == 0, out.decode() + err.decode()
    return out.decode()


def assert_true(answer: dict[str, Any], *, again: bool = False) -> None:
    """The answers agree with what the factory knows; `again`: after the late repair that the recall's story tells."""
    facts = about(UNITS, SEED)
    late = {facts.late_bike} if again else set()
    assert answer["backward"]["complete"], answer["backward"]["incomplete_because"]
    assert answer["forward"]["complete"], answer["forward"]["incomplete_because"]
    assert facts.bad_lot in {node["item"] for node in answer["backward"]["nodes"]}
    bikes = {n["item"]: n["certainty"] for n in answer["forward"]["nodes"] if n["item"].startswith(BIKES)}
    assert {bike for bike, sure in bikes.items() if sure == "certain"} == facts.certain | late
    assert {bike for bike, sure in bikes.items() if sure == "possible"} == facts.possible
    assert answer["reel"]["complete"], answer["reel"]["incomplete_because"]
    of_reel = {n["item"]: n["certainty"] for n in answer["reel"]["nodes"] if n["item"].startswith(BIKES)}
    assert {bike for bike, sure in of_reel.items() if sure == "certain"} == facts.reel_certain
    assert {bike for bike, sure in of_reel.items() if sure == "possible"} == facts.reel_possible


def assert_recalled(answer: dict[str, Any]) -> None:
    """The recall's accounting closes to the unit, and its files are there."""
    accounting = answer["recall"]["accounting"]
    facts = about(UNITS, SEED)
    assert sum(accounting["buckets"].values()) == accounting["population"] == len(facts.certain | facts.possible) + 1
    assert {b for b, n in accounting["buckets"].items() if n} >= {"remedied", "inspected_and_cleared", "unreachable"}
    assert [Path(f).stat().st_size > 0 for f in answer["recall"]["files"]] == [True] * 3


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_from_an_empty_folder_to_both_answers_and_the_same_again(tmp_path: Path) -> None:
    async with demo("--once", "--json", folder=tmp_path) as process:
        first = json.loads(await output_of(process))
    assert_true(first)
    assert_recalled(first)
    raised = {(a["alert"], a["item"]) for a in first["recall"]["alerts"]}
    assert ("unit_added", about(UNITS, SEED).late_bike) in raised
    assert [item for alert, item in raised if alert == "sold"] != []
    async with demo("--once", "--json", folder=tmp_path) as process:
        again = json.loads(await output_of(process))
    assert_true(again, again=True)
    assert_recalled(again)
    assert again["key"] == first["key"]
    assert again["recall"]["accounting"]["buckets"] == first["recall"]["accounting"]["buckets"]
    for way in ("backward", "forward", "reel"):
        assert again[way]["conflicts"] == first[way]["conflicts"] == []
    for way in ("backward", "reel"):
        assert again[way]["totals"]["items"] == first[way]["totals"]["items"]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_it_goes_on_serving_until_ctrl_c_and_speaks_the_readers_language(tmp_path: Path) -> None:
    async with demo(folder=tmp_path, LANG="zh_CN.UTF-8") as process:
        assert process.stdout is not None
        seen = ""
        async with asyncio.timeout(120):
            while "Ctrl-C" not in seen:
                line = await process.stdout.readline()
                assert line, seen
                seen += line.decode()
        facts = about(UNITS, SEED)
        assert facts.bad_lot.removeprefix("urn:zhuisu:") in seen
        assert facts.supplier_lot in seen
        assert re.search(r"[一-鿿]", seen), "nothing in Chinese"
        url, key = re.findall(r"https?://127\.0\.0\.1:\d+", seen)[-1], re.findall(r"zs_\S+", seen)[-1]
        async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": key}, timeout=30) as client:
            answer = await client.get("/v1/items/state", params={"item": facts.failed_bike})
            assert (answer.status_code, answer.json()["status"]) == (200, "returned")
        process.send_signal(signal.SIGINT)
        await output_of(process, within_seconds=30)


def command_of(process: psutil.Process) -> str:
    """Its command line; none once it has ended, also when that happens while it is asked."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # ZombieProcess is one of these
        return ""
