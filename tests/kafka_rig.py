"""Kafka for tests: one real broker a session, brokers of one's own to break, and librdkafka's mock cluster."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from confluent_kafka import Producer

from services.embedded.kafka_broker import KafkaBroker, KafkaToolMissing, fetch_jars, find_java
from tests.waiting import eventually


def kafka_jars_or_skip() -> Path:
    """Kafka's jars; skips where Java or Maven is missing, and fails instead where ZHUISU_REQUIRE names kafka."""
    try:
        find_java()
        return fetch_jars()
    except KafkaToolMissing as missing:
        if "kafka" in os.environ.get("ZHUISU_REQUIRE", ""):
            pytest.fail(f"ZHUISU_REQUIRE=kafka: {missing}")
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    return kafka_jars_or_skip()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka_broker(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaBroker]:
    """One real broker, shared by the session: use a topic of your own, and do not stop it."""
    broker = KafkaBroker(data_dir=tmp_path_factory.mktemp("kafka"), jars=kafka_jars)
    await broker.start()
    yield broker
    await broker.kill()  # nobody wants its files any more


@pytest_asyncio.fixture(loop_scope="session")
async def own_kafka_broker(
    kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[[], Awaitable[KafkaBroker]]]:
    """Starts brokers that the test may stop, pause and kill."""
    brokers: list[KafkaBroker] = []
    folders: list[Path] = []

    async def start() -> KafkaBroker:
        folders.append(tmp_path_factory.mktemp("kafka-own"))
        brokers.append(KafkaBroker(data_dir=folders[-1], jars=kafka_jars))
        await brokers[-1].start()
        return brokers[-1]

    yield start
    for broker in brokers:
        await broker.kill()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


async def topic_made_anew(broker: KafkaBroker, topic: str, *, partitions: int) -> None:
    """Wipe it: delete the topic and give its name to a new one, with the settings of the old."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()

    async def created() -> bool:
        response = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])
        return all(code == 0 for _, code, *_ in response.topic_errors)

    try:
        (described,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        settings = {entry[0]: entry[1] for entry in described.resources[0][4]}
        await admin.delete_topics([topic])
        await eventually(created, within_seconds=20.0)  # the old one's deletion takes a moment
    finally:
        await admin.close()


class MockCluster:
    """librdkafka's mock brokers: Kafka's wire protocol over TCP, in this process, nothing durable.

    Topics appear, with 4 partitions, when `create_topic` asks for them; they cannot be configured or described.
    """

    def __init__(self, *, brokers: int = 3) -> None:
        self._producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": brokers})
        known = self._producer.list_topics(timeout=10).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in known)

    def create_topic(self, name: str) -> None:
        """Have the topic."""
        self._producer.list_topics(topic=name, timeout=10)


@pytest.fixture(scope="session")
def mock_kafka() -> MockCluster:
    return MockCluster()
