"""The adapters that the suite runs on: memory, Postgres, librdkafka's mock cluster over the wire, real Apache Kafka."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from domain.ports import EventLog
from migrations.run import upgrade
from services.database import ensure_database
from services.embedded import postgres
from services.embedded.kafka_broker import KafkaBroker
from services.eventlog.kafka import KafkaEventLog
from services.eventlog.memory import MemoryEventLog
from services.eventlog.postgres import PostgresEventLog
from tests.conftest import NewDatabase
from tests.contract.rigs import Breaker, Rig
from tests.kafka_rig import MockCluster, kafka_broker, kafka_jars, mock_kafka, topic_made_anew

__all__ = ["kafka_broker", "kafka_jars", "mock_kafka"]


@pytest.fixture(params=["memory", "postgres", "mock_kafka", "kafka"])
def rig(request: pytest.FixtureRequest) -> Rig:
    chosen: Rig = request.getfixturevalue(f"{request.param}_log")
    return chosen


@pytest_asyncio.fixture(loop_scope="session")
async def memory_log() -> Rig:
    logs: list[MemoryEventLog] = []

    async def open_log(*, partitions: int = 4, max_record_bytes: int = 1_000_000) -> EventLog:
        if not logs:
            logs.append(MemoryEventLog(partitions=partitions, max_record_bytes=max_record_bytes))
        return logs[0]

    async def grow(partitions: int) -> None:
        await logs[0].grow(partitions)

    async def forget_below(partition: int, offset: int) -> None:
        await logs[0].forget_below(partition, offset)

    async def make_anew() -> None:
        await logs[0].wipe()

    return Rig("memory", open_log, grow=grow, forget_below=forget_below, make_anew=make_anew)


@pytest_asyncio.fixture(loop_scope="session")
async def postgres_log(new_database: NewDatabase) -> AsyncIterator[Rig]:
    url = await new_database()
    opened: list[PostgresEventLog] = []

    async def open_log(*, partitions: int = 4, max_record_bytes: int = 1_000_000) -> EventLog:
        opened.append(PostgresEventLog(dsn=url, partitions=partitions, max_record_bytes=max_record_bytes))
        await opened[-1].start()
        return opened[-1]

    async def grow(partitions: int) -> None:
        await opened[0].grow(partitions)

    async def forget_below(partition: int, offset: int) -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("ALTER TABLE log_records DISABLE TRIGGER log_records_append_only")
            await connection.execute(
                "DELETE FROM log_records WHERE log_partition = $1 AND log_offset < $2", partition, offset
            )
        finally:
            await connection.close()

    yield Rig("postgres", open_log, grow=grow, forget_below=forget_below)
    await asyncio.gather(*(log.stop() for log in opened))


@pytest_asyncio.fixture(loop_scope="session")
async def mock_kafka_log(mock_kafka: MockCluster) -> AsyncIterator[Rig]:
    topic = f"zhuisu-{uuid.uuid4()}"
    mock_kafka.create_topic(topic)
    opened: list[KafkaEventLog] = []

    async def open_log(*, partitions: int = 4, max_record_bytes: int = 1_000_000) -> EventLog:
        log = KafkaEventLog(
            bootstrap_servers=mock_kafka.bootstrap_servers,
            topic=topic,
            partitions=partitions,
            max_record_bytes=max_record_bytes,
            verify_topic=False,  # the mock has no settings to ask for
        )
        opened.append(log)
        await log.start()
        return log

    yield Rig("mock_kafka", open_log, stamps_by_log=False)
    await asyncio.gather(*(log.stop() for log in opened))


@pytest_asyncio.fixture(loop_scope="session")
async def kafka_log(kafka_broker: KafkaBroker) -> AsyncIterator[Rig]:
    topic = f"zhuisu-{uuid.uuid4()}"
    opened: list[KafkaEventLog] = []

    async def open_log(*, partitions: int = 4, max_record_bytes: int = 1_000_000) -> EventLog:
        log = KafkaEventLog(
            bootstrap_servers=kafka_broker.bootstrap_servers,
            topic=topic,
            partitions=partitions,
            replication_factor=1,
            min_insync_replicas=1,
            max_record_bytes=max_record_bytes,
        )
        opened.append(log)
        await log.start()
        return log

    async def grow(partitions: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_partitions({topic: NewPartitions(partitions)})
        finally:
            await admin.close()

    async def forget_below(partition: int, offset: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap_servers)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=offset)})
        finally:
            await admin.close()

    async def make_anew() -> None:
        await topic_made_anew(kafka_broker, topic, partitions=4)

    yield Rig("kafka", open_log, grow=grow, forget_below=forget_below, make_anew=make_anew)
    await asyncio.gather(*(log.stop() for log in opened))


class KafkaBreaker:
    """A topic of the test's own on a broker that may be broken."""

    name = "kafka"

    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker
        self.topic = f"zhuisu-{uuid.uuid4()}"
        self.opened: list[KafkaEventLog] = []

    async def open(self) -> EventLog:
        log = KafkaEventLog(
            bootstrap_servers=self.broker.bootstrap_servers,
            topic=self.topic,
            partitions=2,
            replication_factor=1,
            min_insync_replicas=1,
            give_up_seconds=3.0,
            patience_seconds=2.0,
        )
        self.opened.append(log)
        await log.start()
        return log

    async def stop(self) -> None:
        await self.broker.stop()

    async def kill(self) -> None:
        await self.broker.kill()

    async def start(self) -> None:
        await self.broker.start()


class PostgresBreaker:
    """A database of the test's own on a server that may be broken, with fsync as in production."""

    name = "postgres"

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._database = f"log_{uuid.uuid4().hex}"
        self.server: postgres.PostgresServer | None = None
        self.opened: list[PostgresEventLog] = []

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.database_url(self._database)

    async def open(self) -> EventLog:
        log = PostgresEventLog(dsn=self.url, partitions=2, give_up_seconds=3.0, patience_seconds=2.0)
        self.opened.append(log)
        await log.start()
        return log

    async def start(self) -> None:
        self.server = await asyncio.to_thread(postgres.start, self._data_dir)

    async def prepare(self) -> None:
        await self.start()
        assert self.server is not None
        await ensure_database(self.server.dsn, self._database)
        await upgrade(self.url)

    async def stop(self) -> None:
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    async def kill(self) -> None:
        """kill -9 of the whole tree: supervisor first, so that it does not start the server again."""
        assert self.server is not None
        self.server.supervisor.kill()
        await self.stop()


@pytest.fixture(params=["postgres", "kafka"])
def breaker(request: pytest.FixtureRequest) -> Breaker:
    chosen: Breaker = request.getfixturevalue(f"{request.param}_breaker")
    return chosen


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fragile_kafka(kafka_jars: Path) -> AsyncIterator[KafkaBroker]:
    folder = Path(tempfile.mkdtemp(prefix="zhuisu-kafka-"))
    broker = KafkaBroker(data_dir=folder, jars=kafka_jars)
    yield broker
    await broker.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="session")
async def kafka_breaker(fragile_kafka: KafkaBroker) -> AsyncIterator[KafkaBreaker]:
    made = KafkaBreaker(fragile_kafka)
    await made.start()
    yield made
    fragile_kafka.resume()
    await asyncio.gather(*(log.stop() for log in made.opened))


@pytest.fixture(scope="module")
def fragile_postgres_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="zhuisu-pg-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="session")
async def postgres_breaker(fragile_postgres_dir: Path) -> AsyncIterator[PostgresBreaker]:
    made = PostgresBreaker(fragile_postgres_dir)
    await made.prepare()
    yield made
    await asyncio.gather(*(log.stop() for log in made.opened))
    await made.stop()
