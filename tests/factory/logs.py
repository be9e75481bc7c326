"""A whole demo factory as a log of one partition, ready to be applied."""

from collections.abc import Iterator

from domain.envelope import Envelope
from domain.ports import Position
from services.codec import EVENT, EVENT_ID_PREFIX, content_hash
from services.factory import generate
from services.readmodel.rows import Applied

BEGIN_US = 1_750_000_000_000_000


def log_of(tenant: int, units: int, seed: int) -> Iterator[Applied]:
    """What the plain factory (no reels, tanks and testers) posts, in posting order."""
    for no, (source, document) in enumerate(generate(units, seed, line=False)):
        event = EVENT.validate_python(document)
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
        yield Applied.of(Position(0, no), BEGIN_US + no, envelope)
