"""An EPCIS 2.0 JSON document, opened: its events mapped one by one, or the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.ingest.epcis.mapping import native
from services.ingest.epcis.members import BadEvent
from services.ingest.explaining import EventError
from services.ingest.reading import Bounds, Flaw, NotJson, first_flaw, read
from services.problems import Problem


@dataclass(frozen=True, slots=True)
class Mapped:
    """One event: its native document and the event as sent, or its error, which names the EPCIS member."""

    index: int
    original: Mapping[str, Any]
    document: dict[str, Any] | None = None
    error: EventError | None = None


def open_document(body: bytes, *, bounds: Bounds, most_events: int) -> list[Mapped]:
    """The events of an EPCISDocument, or one bare event. Raises Problem for what is neither."""
    if body.lstrip()[:1] == b"<":
        raise Problem(415, "xml-not-taken", "this is XML: send EPCIS 2.0 JSON (application/json)")
    try:
        document = read(body)
    except NotJson as error:
        raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
    if isinstance(document, Flaw):
        raise Problem(400, "not-epcis", f"{document.detail}: {document.fix}")
    if not isinstance(document, dict):
        raise Problem(400, "not-epcis", "an EPCIS document is a JSON object with type EPCISDocument")
    if document.get("type") == "EPCISQueryDocument":
        raise Problem(400, "query-document", "this is the answer to a query: capture takes an EPCISDocument")
    if "@context" not in document:
        raise Problem(400, "no-context", "@context is missing: add the EPCIS 2.0 context")
    events = [document]
    if document.get("type") == "EPCISDocument":
        body_part = document.get("epcisBody")
        listed = body_part.get("eventList") if isinstance(body_part, dict) else None
        if not isinstance(listed, list) or not listed:
            raise Problem(400, "no-events", "epcisBody.eventList: expected a list of events")
        events = listed
    if len(events) > most_events:
        raise Problem(413, "too-many-events", f"{len(events)} events, at most {most_events} in one document")
    return [_map(i, event, bounds) for i, event in enumerate(events)]


def _map(index: int, event: Any, bounds: Bounds) -> Mapped:
    flaw = first_flaw(event, bounds)
    if flaw is not None:
        return Mapped(index, {}, error=EventError("invalid-event", flaw[0], flaw[1].detail, flaw[1].fix))
    if not isinstance(event, dict):
        return Mapped(
            index, {}, error=EventError("not-an-event", "", "is no JSON object", "send an object { } an event")
        )
    try:
        return Mapped(index, event, document=native(event))
    except BadEvent as error:
        return Mapped(index, event, error=EventError("invalid-event", error.field, error.detail, error.fix))
