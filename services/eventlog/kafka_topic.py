"""The Kafka topic that is the log: created with the settings that keep its promises, refused without them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from domain.ports import LogUnavailable

# A batch's header and what may lie between our count of a record's bytes and the broker's.
BATCH_OVERHEAD_BYTES = 512
_LISTED_SECONDS = 5.0


class TopicMisconfigured(ValueError):
    """The topic exists with settings that would lose or reorder records; the message names each and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Name and wanted settings. `max_record_bytes` counts key and value of one record."""

    name: str
    partitions: int
    replication_factor: int
    min_insync_replicas: int
    max_record_bytes: int

    def configs(self) -> dict[str, str]:
        """The topic's settings: nothing expires, nothing is lost at an election, append time is the broker's."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
            "unclean.leader.election.enable": "false",
            "min.insync.replicas": str(self.min_insync_replicas),
            "max.message.bytes": str(max(1_048_588, self.max_record_bytes + BATCH_OVERHEAD_BYTES)),
        }

    def faults_of(self, actual: dict[str, str]) -> list[str]:
        """What in an existing topic's settings breaks a promise, as `name=value (must be …)`."""
        faults = []
        for name, wanted in self.configs().items():
            if name not in actual or actual[name] == wanted:
                continue
            if name in ("min.insync.replicas", "max.message.bytes") and int(actual[name]) >= int(wanted):
                continue
            if name == "max.message.bytes" and int(actual[name]) >= self.max_record_bytes + BATCH_OVERHEAD_BYTES:
                continue
            faults.append(f"{name}={actual[name]} (must be {wanted})")
        return faults


async def ensure_topic(topic: Topic, *, client_settings: Mapping[str, Any], verify: bool) -> None:
    """Create the topic if it is missing, else check its settings (`verify`).

    Raises TopicMisconfigured, or LogUnavailable when no broker answers.
    """
    admin = AIOKafkaAdminClient(**client_settings)
    try:
        await admin.start()
        if topic.name in await admin.list_topics():
            if verify:
                await _check(admin, topic)
        else:
            await _create(admin, topic)
    except (KafkaError, OSError, TimeoutError) as error:
        raise LogUnavailable(f"Kafka at {client_settings['bootstrap_servers']}: {error!r}") from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topic: Topic) -> None:
    wanted = NewTopic(topic.name, topic.partitions, topic.replication_factor, topic_configs=topic.configs())
    response = await admin.create_topics([wanted])
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code != 0 and error is not TopicAlreadyExistsError:  # another process was quicker
            raise LogUnavailable(f"topic {name} cannot be created: {error.__name__} {message[0] if message else ''}")
    # The answer comes before every broker knows the topic. To a client that may not describe it none ever tells of it.
    try:
        async with asyncio.timeout(_LISTED_SECONDS):
            while topic.name not in await admin.list_topics():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        told = f"topic {topic.name} is there, and not listed after {_LISTED_SECONDS:g} s"
        raise LogUnavailable(f"{told}: give this client the right to describe it") from error


async def _check(admin: AIOKafkaAdminClient, topic: Topic) -> None:
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name)])
    actual: dict[str, str] = {}
    for response in responses:
        for code, message, _kind, _name, entries in response.resources:
            if code != 0:
                raise LogUnavailable(f"topic {topic.name}: its settings cannot be read: {message}")
            actual.update({entry[0]: entry[1] for entry in entries})
    if faults := topic.faults_of(actual):
        fix = "set them with kafka-configs.sh --alter, or name another topic"
        raise TopicMisconfigured(f"topic {topic.name}: {', '.join(faults)}; {fix}")
