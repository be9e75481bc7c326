"""A topic deleted and made anew while a projector reads it, on real Kafka, which gives offsets from 0 once more."""

import asyncio
import uuid

import pytest

from services.embedded.kafka_broker import KafkaBroker
from services.eventlog.kafka import KafkaEventLog
from services.projector.rebuild import rebuild
from tests.kafka_rig import topic_made_anew
from tests.projector.sites import QUICK, Site, named, projecting
from tests.projector.test_continuity import until_refused, until_well

_SECONDS = 20.0


@pytest.mark.slow
@pytest.mark.parametrize("count", [4, 25])
async def test_a_topic_wiped_under_a_projector_is_refused_and_nothing_overwritten(
    site: Site, kafka_broker: KafkaBroker, count: int
) -> None:
    """Shorter than what was applied, and longer: a reader at offset 10 would go on in it as if nothing had happened."""

    def log_on(topic: str) -> KafkaEventLog:
        servers = kafka_broker.bootstrap_servers
        return KafkaEventLog(
            bootstrap_servers=servers, topic=topic, partitions=1, replication_factor=1, min_insync_replicas=1
        )

    topic = f"zhuisu-{uuid.uuid4()}"
    log, another = log_on(topic), log_on(topic)
    first = {f"first-{n}" for n in range(10)}
    await log.start()
    try:
        await log.append(named("first", 10), deadline_seconds=_SECONDS)
        async with projecting(log, site.views) as projector:
            await site.until_applied(9)
            await site.beats(3)
            await topic_made_anew(kafka_broker, topic, partitions=1)
            await another.start()
            await another.append(named("other", count), deadline_seconds=_SECONDS)
            assert "zhuisu rebuild" in await until_refused(projector)
            assert "stale" in (await site.fresh()).codes
            await another.append(named("later", 10), deadline_seconds=_SECONDS)
            assert "zhuisu rebuild" in await until_refused(projector)
            assert (await site.event_ids(), (await site.fresh()).vector) == (first, {0: 9})
            await asyncio.wait_for(rebuild(site.url, log=log, views=site.views, pace=QUICK), _SECONDS)
            await until_well(projector)
            await site.until_applied(count + 9)
            assert not await site.event_ids() & first
    finally:
        await log.stop()
        await another.stop()
