"""From log records to a batch: decoding, and putting aside what cannot be applied."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from domain.envelope import Envelope
from domain.moments import to_us
from domain.ports import StoredRecord
from services.codec import Undecodable, decode_members_aside
from services.readmodel.changes import DeadLetter
from services.readmodel.rows import Applied
from services.set_parts import Members

Decoded = tuple[StoredRecord, Envelope, dict[str, Any], Members | None]
"""A record and what `decode_members_aside` has read in it."""


@dataclass(slots=True)
class Sorted:
    """Records that can be applied, and those that cannot with the reason."""

    events: list[Applied] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


def sort_out(records: Sequence[StoredRecord], *, tenants: frozenset[int]) -> Sorted:
    """Decode records. One bad record never keeps another from being applied."""
    found = Sorted()
    decoded = list[Decoded]()
    # All are read, then of all it is told what they say: a step at a time is quicker by a tenth.
    for record in records:
        try:
            decoded.append((record, *decode_members_aside(record.value)))
        except Undecodable as error:
            found.dead.append(dead_letter(record, None, code=error.code, detail=error.detail))
        except Exception as error:  # noqa: BLE001  a pure function of this record: whatever it raises is about it
            found.dead.append(dead_letter(record, None, code="unusable_event", detail=_named(error)))
    for record, envelope, document, members in decoded:
        if envelope.tenant_id not in tenants:
            detail = f"there is no tenant {envelope.tenant_id}"
            found.dead.append(dead_letter(record, envelope, code="unknown_tenant", detail=detail))
            continue
        try:
            applied = Applied.of(record.position, to_us(record.appended_at), envelope, document=document)
            found.events.append(applied if members is None else replace(applied, members=members))
        except Exception as error:  # noqa: BLE001  a pure function of this record: whatever it raises is about it
            found.dead.append(dead_letter(record, envelope, code="unusable_event", detail=_named(error)))
    return found


def without_nul(record: StoredRecord) -> StoredRecord | None:
    """The record with a mark in place of each NUL, which no column of text holds; None if it has none, or is
    too deep to be written.

    Capture refuses NUL; it did not everywhere, and what it took must be seen by questions.
    """
    if b"\\u0000" not in record.value:
        return None
    document = orjson.loads(record.value)
    try:
        marked = _marked(document)
        # A text may spell it, too: such a record is what it was, and would be looked at again without end.
        return replace(record, value=orjson.dumps(marked)) if marked != document else None
    except (RecursionError, TypeError):  # deeper than JSON is written: no view takes it in any case
        return None


def _marked(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        case list():
            return [_marked(one) for one in value]
        case dict():
            return {_marked(key): _marked(one) for key, one in value.items()}
        case _:
            return value


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def dead_letter(record: StoredRecord, envelope: Envelope | None, *, code: str, detail: str) -> DeadLetter:
    """The record, put aside with its reason; its bytes are kept whole. Whatever is in it, the row can be written."""
    tenant_id = envelope.tenant_id if envelope is not None else _tenant_of_key(record.key)
    return DeadLetter(
        position=record.position,
        appended_us=to_us(record.appended_at),
        tenant_id=tenant_id if tenant_id is not None and 0 < tenant_id < 1 << 31 else None,
        event_id=_printable(envelope.event_id, 500) if envelope is not None else None,
        code=code,
        detail=_printable(detail, 2_000),
        key=record.key,
        value=record.value,
    )


def _tenant_of_key(key: bytes) -> int | None:
    """Whose it is by `domain.envelope.partition_key`, when the record itself cannot be read."""
    digits = key.partition(b":")[0]
    return int(digits) if digits.isdigit() and len(digits) < 11 else None


def _printable(text: str, length: int) -> str:
    """What a column of text can hold."""
    return text[:length].replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
