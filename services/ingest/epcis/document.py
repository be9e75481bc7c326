"""An EPCIS 2.0 JSON document, opened: its events mapped one by one, or the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from services.ingest.epcis.mapping import BadEvent, native
from services.problems import Problem


@dataclass(frozen=True, slots=True)
class Mapped:
    """One event: its native document and the event as sent, or the error (`field`, `detail`)."""

    index: int
    original: Mapping[str, Any]
    document: dict[str, Any] | None = None
    error: tuple[str, str] | None = None


def open_document(body: bytes) -> list[Mapped]:
    """The events of an EPCISDocument, or one bare event. Raises Problem for what is neither."""
    if body.lstrip()[:1] == b"<":
        raise Problem(415, "xml-not-taken", "this is XML: send EPCIS 2.0 JSON (application/json)")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
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
    return [_map(i, event) for i, event in enumerate(events)]


def _map(index: int, event: Any) -> Mapped:
    if not isinstance(event, dict):
        return Mapped(index, {}, error=("", "an event is a JSON object"))
    try:
        return Mapped(index, event, document=native(event))
    except BadEvent as error:
        return Mapped(index, event, error=(error.field, error.detail))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return Mapped(index, event, error=("", f"{type(error).__name__}: {error}"))
