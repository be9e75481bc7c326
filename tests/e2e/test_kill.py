"""kill -9 of each process in turn, of Kafka and of PostgreSQL, under load: what was acknowledged is in the views."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from services.embedded import postgres
from services.embedded.kafka_broker import KafkaBroker, free_ports
from tests.kafka_rig import kafka_jars_or_skip
from tests.waiting import eventually

KEY = "key-of-the-kill-tests"
ITEM = "urn:test:one-thing"
ROLES = ("ingest-1", "ingest-2", "projector-1", "projector-2", "query-1")
_MORE_ACKS = 50
_PACE_SECONDS = 0.02
"""Between two events of a sender: load without end would leave no processor for those that start again."""


@dataclass
class Role:
    """One `zhuisu` process of the installation; started again on the same port after it was killed."""

    name: str
    port: int
    environment: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "services.cli", self.name.partition("-")[0], "--port", str(self.port)),
                stdout=output,
                stderr=output,
                env=self.environment,
            )

    async def until_up(self) -> None:
        """Until it answers."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

            async def answers() -> bool:
                assert self.process is not None
                assert self.process.returncode is None, self.log.read_text()
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get(f"{self.url}/healthz")).status_code == 200
                return False

            await eventually(answers, within_seconds=60, every_seconds=0.1)

    async def kill(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Load:
    """Senders that go on whatever happens, and what was acknowledged to them."""

    urls: list[str]
    acked: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    async def send(self, name: str) -> None:
        """One sender: an event after the other, each again with its id until it is acknowledged."""
        async with httpx.AsyncClient(headers={"X-API-Key": KEY}, timeout=15, trust_env=False) as client:
            for n in range(1_000_000):
                event_id = f"kill-{name}-{n}"
                event = {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "event_id": event_id}
                event["items"] = [{"item": ITEM}]  # type: ignore[assignment]
                await asyncio.sleep(_PACE_SECONDS)
                tries = 0
                while event_id not in self.acked:
                    await self._try(client, self.urls[(n + tries) % len(self.urls)], event_id, event=event)
                    tries += 1

    async def _try(self, client: httpx.AsyncClient, url: str, event_id: str, *, event: Mapping[str, object]) -> None:
        try:
            answer = await client.post(f"{url}/v1/events", json=event)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            return
        if answer.status_code == 202:
            self.acked.add(event_id)
        elif answer.status_code == 503:
            await asyncio.sleep(0.05)
        else:
            self.refused.append(f"{answer.status_code} {answer.text[:300]}")
            raise AssertionError(self.refused[-1])

    async def more(self, *, within_seconds: float) -> None:
        """Until that many more events were acknowledged: the service has recovered."""
        wanted = len(self.acked) + _MORE_ACKS

        async def enough() -> bool:
            assert not self.refused, self.refused
            return len(self.acked) >= wanted

        await eventually(enough, within_seconds=within_seconds)


@dataclass
class Installation:
    """Everything of a distributed installation on one machine."""

    broker: KafkaBroker
    server: postgres.PostgresServer
    roles: dict[str, Role]


@contextlib.asynccontextmanager
async def installed(folder: Path) -> AsyncIterator[Installation]:
    """A broker, a database, and two of ingest, two of projector, one of query."""
    jars = kafka_jars_or_skip()
    async with contextlib.AsyncExitStack() as stack:
        server = await asyncio.to_thread(postgres.start, folder)
        stack.push_async_callback(asyncio.to_thread, server.stop)
        broker = KafkaBroker(data_dir=folder / "kafka", jars=jars)
        await broker.start()
        stack.push_async_callback(broker.stop)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ZHUISU_")}
        environment = clean | {
            "ZHUISU_DATABASE_URL": server.dsn,
            "ZHUISU_BOOTSTRAP_KEY": KEY,
            "ZHUISU_LOG": "kafka",
            "ZHUISU_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "ZHUISU_KAFKA_REPLICATION_FACTOR": "1",
            "ZHUISU_KAFKA_MIN_INSYNC_REPLICAS": "1",
            "ZHUISU_PROJECTOR_LEASE_SECONDS": "2",
            "ZHUISU_HEARTBEAT_SECONDS": "0.3",
        }
        migrating = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "migrate", env=environment
        )
        assert await migrating.wait() == 0
        roles = {
            name: Role(name, port, environment, folder / f"{name}.log")
            for name, port in zip(ROLES, free_ports(len(ROLES)), strict=True)
        }
        for role in roles.values():
            await role.start()
            stack.push_async_callback(role.kill)
        await asyncio.gather(*(role.until_up() for role in roles.values()))
        yield Installation(broker, server, roles)


async def kill_and_start_again(installation: Installation, victim: str) -> None:
    """SIGKILL, then what a supervisor of that process would do."""
    if victim == "kafka":
        await installation.broker.kill()
        await installation.broker.start()
    elif victim == "postgres":
        pid = installation.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        async def another() -> bool:
            return installation.server.pid not in (None, pid)

        await eventually(another, within_seconds=20)
    else:
        await installation.roles[victim].kill()
        await installation.roles[victim].start()
        await installation.roles[victim].until_up()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    async with installed(tmp_path) as installation:
        roles = installation.roles
        load = Load([roles["ingest-1"].url, roles["ingest-2"].url])
        senders = [asyncio.create_task(load.send(str(n))) for n in range(4)]
        try:
            await load.more(within_seconds=60)
            for victim in ("ingest-1", "projector-1", "query-1", "kafka", "postgres", "projector-2", "ingest-2"):
                await kill_and_start_again(installation, victim)
                await load.more(within_seconds=60)
        finally:
            for sender in senders:
                sender.cancel()
            ended = await asyncio.gather(*senders, return_exceptions=True)
        assert all(isinstance(e, asyncio.CancelledError) for e in ended), ended
        await all_in_the_views(roles["query-1"].url, load.acked)


async def all_in_the_views(url: str, acked: set[str]) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}, timeout=30, trust_env=False) as client:

        async def none_missing() -> bool:
            try:
                answer = await client.get("/v1/items/timeline", params={"item": ITEM})
            except httpx.TransportError:
                return False
            return answer.status_code == 200 and acked <= {e["event_id"] for e in answer.json()["events"]}

        await eventually(none_missing, within_seconds=60, every_seconds=0.3)
