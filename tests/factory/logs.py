"""A whole demo factory as a log of one partition, ready to be applied."""

from collections.abc import Iterator

from domain.envelope import Envelope
from domain.events import LifecycleEvent
from domain.ports import Position
from services.codec import EVENT, EVENT_ID_PREFIX, content_hash
from services.factory import generate
from services.readmodel.rows import Applied

BEGIN_US = 1_750_000_000_000_000


def log_of(tenant: int, units: int, seed: int) -> Iterator[Applied]:
    """What the plain factory (no reels, tanks and testers) posts, in posting order."""
    for no, (source, document) in enumerate(generate(units, seed, line=False)):
        yield happened(tenant, no, source=source, event=EVENT.validate_python(document))


def happened(tenant: int, no: int, *, source: str, event: LifecycleEvent) -> Applied:
    """An event of a source as the record at this offset."""
    digest = content_hash(event)
    envelope = Envelope(
        tenant_id=tenant,
        event_id=event.event_id or EVENT_ID_PREFIX + digest,
        source=source,
        may_correct=False,
        accepted_at_us=BEGIN_US + no,
        index=0,
        content_hash=digest,
        event=event,
    )
    return Applied.of(Position(0, no), BEGIN_US + no, envelope)
