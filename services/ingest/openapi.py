"""What the API description says of capture: bodies that the framework does not read itself, and the refusals."""

from collections.abc import Mapping
from typing import Any

from domain.events import KINDS, OWN_KINDS
from services.codec import EVENT
from services.ingest.examples import epcis_example, examples
from services.ingest.explaining import SENDABLE
from services.problems import described

_EVENT = "#/paths/~1v1~1events/post/requestBody/content/application~1json/schema/$defs/"

_REFUSALS = {
    400: "The body is not what it says: not JSON (`not-json`), not gzip (`not-gzip`), cut off.",
    401: "No valid key (`unauthorized`).",
    403: "The key has not the role `capture` (`forbidden`).",
    413: "Too much at once: `body-too-large`, `too-many-events`, `gzip-bomb`. The message names the limit.",
    415: "An encoding that is not taken (`encoding-not-taken`).",
    422: "Nothing was appended: no event could be taken (`rejected`, with an outcome for each), or none was sent.",
    429: "The key sent more events a second than it may (`too-many-requests`); `Retry-After` says when to go on.",
    503: "The log did not confirm in time (`log-unavailable`, with what is durable), or keys could not be checked. "
    "Send the same request again after `Retry-After`: events that are in the log are recognised.",
}


def capture_events() -> dict[str, Any]:
    """`POST /v1/events`: the schema of every kind, an example of each, and the refusals."""
    schema = EVENT.json_schema(ref_template=_EVENT + "{model}")
    own = tuple(f"/{KINDS[kind].__name__}" for kind in OWN_KINDS)
    sendable = [one for one in schema["oneOf"] if not one["$ref"].endswith(own)]
    defined = _reached(schema["$defs"], sendable)
    event = {
        "oneOf": sendable,
        "discriminator": {
            "propertyName": "kind",
            "mapping": {k: v for k, v in schema["discriminator"]["mapping"].items() if k in SENDABLE},
        },
    }
    shown = {kind: {"summary": one.summary, "value": one.event} for kind, one in examples().items()}
    both = {"anyOf": [event, {"type": "array", "items": event}], "$defs": defined}
    lines = {"type": "string", "description": "one event a line"}
    return _route(
        {
            "application/json": {"schema": both, "examples": shown},
            "application/x-ndjson": {"schema": lines},
        },
        "What is accepted is durably in the log: counts, the position to wait for, and an outcome an event.",
        refusals=_REFUSALS,
    )


def _reached(defined: Mapping[str, Any], start: Any) -> dict[str, Any]:
    """Those of the definitions that `start` refers to, directly or through others."""
    found: dict[str, Any] = {}
    waiting = [start]
    while waiting:
        match waiting.pop():
            case {"$ref": str(ref)} if (name := ref.removeprefix(_EVENT)) not in found:
                found[name] = defined[name]
                waiting.append(defined[name])
            case dict() as inner:
                waiting += inner.values()
            case list() as inner:
                waiting += inner
            case _:
                pass
    return {name: defined[name] for name in defined if name in found}


def capture_document() -> dict[str, Any]:
    """`POST /epcis/v2/capture`: what a document is, an example, and the refusals."""
    schema = {"type": "object", "description": "an EPCIS 2.0 EPCISDocument, or one bare event with its @context"}
    one = epcis_example()
    shown = {"document": {"summary": one.summary, "value": one.event}}
    refusals = {**_REFUSALS}
    refusals[400] = (
        "Nothing was captured: an event is wrong (`invalid-events`, each with index, field, detail and fix), or the "
        "body is no EPCIS 2.0 JSON document (`not-json`, `not-epcis`, `no-context`, `query-document`, `no-events`)."
    )
    refusals[415] = "EPCIS 1.2 XML (`xml-not-taken`), or an encoding that is not taken (`encoding-not-taken`)."
    refusals[422] = "A header is wrong (`invalid-parameter`)."
    taken = "What was captured is durably in the log; Location tells how the capture went."
    return _route({"application/json": {"schema": schema, "examples": shown}}, taken, refusals=refusals)


def _route(content: Mapping[str, Any], taken: str, *, refusals: Mapping[int, str]) -> dict[str, Any]:
    """The keyword arguments of a route; `taken` says what 202 means."""
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
        "responses": {202: {"description": taken}, **described(refusals)},
    }
