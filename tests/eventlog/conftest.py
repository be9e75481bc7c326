"""Real Kafka for what only Kafka can do to us."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from services.embedded.kafka_broker import KafkaBroker, free_ports
from services.eventlog.kafka import KafkaEventLog
from tests.eventlog.kafka_proxy import KafkaProxy, passed_on
from tests.kafka_rig import kafka_broker, kafka_jars

__all__ = ["kafka_broker", "kafka_jars"]


@dataclass(frozen=True, slots=True)
class Proxied:
    """A broker that clients reach through a proxy only, and a log on a topic of the test's own."""

    proxy: KafkaProxy
    log: KafkaEventLog


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kafka_proxy(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaProxy]:
    (port,) = free_ports(1)
    proxy = KafkaProxy(port=port)
    broker = KafkaBroker(
        data_dir=tmp_path_factory.mktemp("kafka-proxied"),
        jars=kafka_jars,
        settings={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"},
    )
    await proxy.start(broker_port=broker.port)
    await broker.start()
    yield proxy
    await broker.kill()
    await proxy.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def proxied(kafka_proxy: KafkaProxy) -> AsyncIterator[Proxied]:
    kafka_proxy.tamper = passed_on
    log = KafkaEventLog(
        bootstrap_servers=f"127.0.0.1:{kafka_proxy.port}",
        topic=f"zhuisu-{uuid.uuid4()}",
        partitions=1,
        replication_factor=1,
        min_insync_replicas=1,
    )
    await log.start()
    yield Proxied(kafka_proxy, log)
    await log.stop()
