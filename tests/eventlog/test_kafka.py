"""What only Kafka can do to us: settings, refused batches, lost and forgotten acknowledgements."""

import asyncio
import time
import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from domain.ports import LogUnavailable, Position, Record
from services.embedded.kafka_broker import KafkaBroker, free_ports
from services.eventlog.kafka import KafkaEventLog
from services.eventlog.kafka_topic import TopicMisconfigured
from tests.contract.rigs import DEADLINE_SECONDS, read_all, record
from tests.eventlog.conftest import Proxied
from tests.eventlog.kafka_proxy import KafkaProxy, as_forgotten_duplicate, passed_on


def log_on(broker: KafkaBroker, topic: str) -> KafkaEventLog:
    return KafkaEventLog(
        bootstrap_servers=broker.bootstrap_servers,
        topic=topic,
        partitions=2,
        replication_factor=1,
        min_insync_replicas=1,
    )


def new_topic_name() -> str:
    return f"zhuisu-{uuid.uuid4()}"


async def test_the_topic_is_created_with_settings_that_lose_nothing(kafka_broker: KafkaBroker) -> None:
    topic = new_topic_name()
    log = log_on(kafka_broker, topic)
    await log.start()
    await log.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap_servers)
    await admin.start()
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    await admin.close()
    settings = {entry[0]: entry[1] for entry in response.resources[0][4]}
    assert settings["retention.ms"] == "-1"
    assert settings["retention.bytes"] == "-1"
    assert settings["cleanup.policy"] == "delete"
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert settings["unclean.leader.election.enable"] == "false"
    assert settings["min.insync.replicas"] == "1"


async def test_a_topic_that_would_lose_records_is_refused_and_each_setting_named(kafka_broker: KafkaBroker) -> None:
    topic = new_topic_name()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"retention.ms": "604800000"})])
    await admin.close()
    log = log_on(kafka_broker, topic)
    with pytest.raises(TopicMisconfigured, match=r"retention\.ms=604800000 \(must be -1\).*kafka-configs") as refused:
        await log.start()
    assert "message.timestamp.type=CreateTime (must be LogAppendTime)" in str(refused.value)
    await log.stop()


async def test_many_processes_may_create_the_topic_at_once(kafka_broker: KafkaBroker) -> None:
    topic = new_topic_name()
    logs = [log_on(kafka_broker, topic) for _ in range(4)]
    await asyncio.gather(*(log.start() for log in logs))
    for log in logs:
        await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    assert len(await read_all(logs[0])) == 4
    await asyncio.gather(*(log.stop() for log in logs))


async def test_a_topic_that_no_broker_lists_is_told_in_time(kafka_proxy: KafkaProxy) -> None:
    """As to a client that may create topics and not describe this one: it would wait for it without end."""
    topic = new_topic_name()
    log = KafkaEventLog(
        bootstrap_servers=f"127.0.0.1:{kafka_proxy.port}",
        topic=topic,
        partitions=1,
        replication_factor=1,
        min_insync_replicas=1,
        start_seconds=0.5,
    )
    kafka_proxy.hidden = topic.encode()
    try:
        with pytest.raises(LogUnavailable, match=rf"{topic}.*right to describe it"):
            await asyncio.wait_for(log.start(), 30)
    finally:
        kafka_proxy.hidden = b""
    await log.start()
    await log.stop()


async def test_without_a_broker_start_fails_in_time() -> None:
    (nobody,) = free_ports(1)
    log = KafkaEventLog(bootstrap_servers=f"127.0.0.1:{nobody}", topic="t", start_seconds=0.3)
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match=str(nobody)):
        await log.start()
    assert time.monotonic() - began < 5.0
    await log.stop()


async def test_after_a_batch_the_broker_refused_the_next_ones_land(kafka_broker: KafkaBroker) -> None:
    """aiokafka alone would answer OutOfOrderSequenceNumber for ever."""
    topic = new_topic_name()
    log = log_on(kafka_broker, topic)
    await log.start()
    await log.append([record(1, key="one")], deadline_seconds=DEADLINE_SECONDS)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap_servers)
    await admin.start()
    limit = {"max.message.bytes": "10000"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, limit)])
    await admin.close()
    with pytest.raises(LogUnavailable, match="refused") as refused:
        await log.append([Record(b"one", b"x" * 20_000)], deadline_seconds=DEADLINE_SECONDS)
    assert refused.value.positions == (None,)
    for number in (2, 3, 4):
        await log.append([record(number, key="one")], deadline_seconds=DEADLINE_SECONDS)
    values = [s.value for s in (await read_all(log)).values()]
    assert values == [b"value-1", b"value-2", b"value-3", b"value-4"]
    await log.stop()


async def test_an_acknowledgement_lost_on_the_way_is_asked_for_again_and_nothing_doubles(proxied: Proxied) -> None:
    lost = []

    def lose_first(frame: bytes) -> bytes | None:
        lost.append(frame)
        return None if len(lost) == 1 else frame

    proxied.proxy.tamper = lose_first
    positions = await proxied.log.append([record(1), record(2)], deadline_seconds=DEADLINE_SECONDS)
    assert positions == [Position(0, 0), Position(0, 1)]
    assert len(lost) == 2
    assert [s.value for s in (await read_all(proxied.log)).values()] == [b"value-1", b"value-2"]


async def test_a_duplicate_whose_place_is_forgotten_has_no_position(proxied: Proxied) -> None:
    """The broker says base offset -1; counted up from there the second record would get a stranger's position 0."""
    await proxied.log.append([record(0)], deadline_seconds=DEADLINE_SECONDS)
    proxied.proxy.tamper = as_forgotten_duplicate
    with pytest.raises(LogUnavailable) as unknown:
        await proxied.log.append([record(1), record(2), record(3)], deadline_seconds=DEADLINE_SECONDS)
    assert unknown.value.positions == (None, None, None)
    proxied.proxy.tamper = passed_on
    assert await proxied.log.append([record(4)], deadline_seconds=DEADLINE_SECONDS) == [Position(0, 4)]


async def test_a_broker_that_never_answers_is_unknown_at_the_deadline_and_may_land(proxied: Proxied) -> None:
    silence = asyncio.Event()

    def cut_while_silent(frame: bytes) -> bytes | None:
        return frame if silence.is_set() else None

    proxied.proxy.tamper = cut_while_silent
    with pytest.raises(LogUnavailable) as unknown:
        await proxied.log.append([record(1)], deadline_seconds=0.5)
    assert unknown.value.positions == (None,)
    silence.set()
    (position,) = await proxied.log.append([record(2)], deadline_seconds=DEADLINE_SECONDS)
    assert position == Position(0, 1)
    assert [s.value for s in (await read_all(proxied.log)).values()] == [b"value-1", b"value-2"]
