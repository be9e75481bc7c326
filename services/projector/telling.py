"""What a projector tells of its batches: a log line each, and counts."""

from collections.abc import Callable

import structlog

from domain.ports import Position
from services.metrics import ProjectorMetrics
from services.projector.partition import Progress

log_to = structlog.get_logger("projector")


def teller(metrics: ProjectorMetrics) -> Callable[[Progress], None]:
    """Hears of each batch that was applied."""

    def told(batch: Progress) -> None:
        partition = str(batch.partition)
        metrics.applied.labels(partition).inc(batch.new_events)
        metrics.dead_letters.labels(partition).inc(batch.dead_letters)
        metrics.batch_records.observe(batch.records)
        tell = log_to.warning if batch.dead_letters else log_to.info
        tell(
            "batch_projected",
            partition=batch.partition,
            position=Position(batch.partition, batch.applied_offset).token,
            records=batch.records,
            new_events=batch.new_events,
            dead_letters=batch.dead_letters,
            tenants=sorted(batch.tenants),
            event_ids=list(batch.event_ids),
        )

    return told
