"""The envelope: an event, and what ingest alone may say of it."""

from collections.abc import Mapping
from typing import Any

from domain.events import CaptureFinished, CaseRecorded, LifecycleEvent, Voided
from domain.events.casework import CASE_PREFIX
from domain.ids import ItemId
from domain.values import value

SCHEMA_VERSION = 1
"""The shape written today; `upcasting` brings older ones up to it."""


@value(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One record of the log.

    `source` is who posted it (the key's source, never the sender's word); `may_correct` whether that key held the
    `correct` right; `accepted_at_us` is stamped once a request; `index` is the event's place in its request;
    `content_hash` (hex SHA-256 of the canonical event) tells a copy from a conflict; `original` is the EPCIS event.
    Canonical ids lose two things that the written form showed, so they are kept beside the event: the company
    prefixes of EPC URNs, and (unit, lot) of Digital Links that name both.
    """

    tenant_id: int
    event_id: str
    source: str
    may_correct: bool
    accepted_at_us: int
    index: int
    content_hash: str
    event: LifecycleEvent
    schema_version: int = SCHEMA_VERSION
    company_prefixes: tuple[str, ...] = ()
    printed_lots: tuple[tuple[ItemId, ItemId], ...] = ()
    original: Mapping[str, Any] | None = None


def partition_key(tenant_id: int, event: LifecycleEvent, event_id: str) -> bytes:
    """What decides the partition: copies of one event meet in one, and a void goes where its target is.

    The numbered acts of one case are in one, so that whoever reads them sees no later one without the earlier; chunks
    of items are spread.
    """
    subject = event.target if isinstance(event, Voided) else event_id
    if isinstance(event, CaptureFinished):
        subject = event.capture_id
    if isinstance(event, CaseRecorded) and event.sequence is not None:
        subject = f"{CASE_PREFIX}{event.case_id}"
    return f"{tenant_id}:{subject}".encode()
