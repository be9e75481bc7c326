"""From log records to a batch: decoding, and putting aside what cannot be applied."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.envelope import Envelope
from domain.moments import to_us
from domain.ports import StoredRecord
from services.codec import Undecodable, decode
from services.readmodel.changes import DeadLetter
from services.readmodel.rows import Applied


@dataclass(slots=True)
class Sorted:
    """Records that can be applied, and those that cannot with the reason."""

    events: list[Applied] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


def sort_out(records: Sequence[StoredRecord], *, tenants: frozenset[int]) -> Sorted:
    """Decode records. One bad record never keeps another from being applied."""
    found = Sorted()
    for record in records:
        try:
            envelope = decode(record.value)
        except Undecodable as error:
            found.dead.append(dead_letter(record, None, code=error.code, detail=error.detail))
            continue
        if envelope.tenant_id not in tenants:
            detail = f"there is no tenant {envelope.tenant_id}"
            found.dead.append(dead_letter(record, envelope, code="unknown_tenant", detail=detail))
            continue
        try:
            found.events.append(Applied.of(record.position, to_us(record.appended_at), envelope))
        except (ValueError, ArithmeticError, LookupError, TypeError) as error:
            detail = f"{type(error).__name__}: {error}"
            found.dead.append(dead_letter(record, envelope, code="unusable_event", detail=detail))
    return found


def dead_letter(record: StoredRecord, envelope: Envelope | None, *, code: str, detail: str) -> DeadLetter:
    """The record, put aside with its reason; its bytes are kept whole."""
    return DeadLetter(
        position=record.position,
        appended_us=to_us(record.appended_at),
        tenant_id=envelope.tenant_id if envelope is not None else None,
        event_id=envelope.event_id if envelope is not None else None,
        code=code,
        detail=detail.replace("\x00", "\\0")[:2000],
        key=record.key,
        value=record.value,
    )
