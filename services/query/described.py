"""What the API description says of questions: parameters, bodies, an example answer (run by tests/http), problems."""

from typing import Any

from services.problems import described

PARAMETERS = {
    "item": "the item: a URI, EPC URN or GS1 Digital Link",
    "mode": "which assembly links count: ever (default), as_built or as_maintained",
    "at": "the state at this time; default now",
    "as_of": "as known then: a position (0-1234) or a time",
    "follow": "all: walk containment as a link too; removed_parts (forward): where parts taken out of the unit went",
    "since": "show nodes reached at or after this time; the walk is the same",
    "until": "show nodes reached before this time; the walk is the same",
    "wait_for": "answer only once this position is in the views",
    "unknown": "skip: trace the known items, list the others as gap unknown_item",
    "limit": "nodes a page; `next` and `Link` lead to the next one",
    "cursor": "`next` of the page before, with the same question",
    "format": "json, ndjson or csv, in place of Accept; csv begins with a byte order mark",
}

EXAMPLE_EVENTS: list[dict[str, Any]] = [
    {
        "kind": "transformed",
        "occurred_at": "2026-03-01T08:00:00+08:00",
        "inputs": [{"item": {"product": "CELL", "lot": "L-9"}, "quantity": "20"}],
        "outputs": [{"item": {"product": "MODULE", "serial": "M-1"}}],
        "circumstances": {"equipment": ["WELDER-2"]},
    }
]
"""What the example answers are answers to."""
EXAMPLE_ITEM = "urn:zhuisu:lot:own:CELL:L-9"
EXAMPLE_EXPOSURE = {
    "equipment": "WELDER-2",
    "since": "2026-03-01T07:30:00+08:00",
    "until": "2026-03-01T09:00:00+08:00",
}

_FRAME = {
    "as_of": {"position": "0-17", "recorded_at": "2026-03-01T00:00:01.5Z"},
    "lag": {"events": 0, "seconds": 0.0, "measured_at": "2026-03-01T00:00:02Z"},
}
_NODE: dict[str, Any] = {
    "item": "urn:zhuisu:unit:own:MODULE:M-1",
    "kind": "unit",
    "level": 1,
    "certainty": "certain",
    "reasons": [],
    "from": [EXAMPLE_ITEM],
    "from_count": 1,
    "link_count": 1,
    "occurred_at": "2026-03-01T00:00:00Z",
    "links": [
        {
            "relation": "derivation",
            "from": EXAMPLE_ITEM,
            "to": "urn:zhuisu:unit:own:MODULE:M-1",
            "event_id": "sha256:…",
            "since": "2026-03-01T00:00:00Z",
            "until": None,
            "quantity": "20",
            "uom": None,
            "basis": "scanned",
            "certainty": "certain",
            "reasons": [],
        }
    ],
    "status": "in_stock",
    "disposition": None,
    "site": None,
    "container": None,
    "containers": [],
    "holder": None,
    "owner": None,
    "on_hold": False,
    "recalls": [],
    "order_uncertain": False,
    "where": [
        {**dict.fromkeys(("site", "holder", "container", "uom")), "status": "in_stock", "quantity": "1"},
    ],
}
_TOTALS = {
    "items": 1,
    "units": 1,
    "lots": 0,
    "top_units": 1,
    "certain": 1,
    "possible": 0,
    "by_status": {"in_stock": 1},
    "by_site": {},
    "by_holder": {},
    "quantities": {},
}
_END = {"complete": True, "incomplete_because": [], "totals": _TOTALS, "gaps": [], "conflicts": []}
_END |= {"superseded": [], "superseded_count": 0, "next": None}

TRACE_EXAMPLE = {"question": "forward", "items": [EXAMPLE_ITEM], **_FRAME, "nodes": [_NODE], **_END}
SUMMARY_EXAMPLE = {name: value for name, value in TRACE_EXAMPLE.items() if name != "nodes"}
EXPOSURE_EXAMPLE = {
    **TRACE_EXAMPLE,
    "question": "exposure",
    "items": [],
    "nodes": [
        {**_NODE, "from": [], "from_count": 0, "links": [], "link_count": 0, "occurred_at": "2026-03-01T08:00:00+08:00"}
    ],
}

REFUSALS = {
    400: "the body is not JSON",
    401: "no valid key",
    403: "the key may not ask this",
    404: "an item, or what is asked about, that no event names; with what lies near it",
    406: "none of the formats that Accept names",
    413: "the body is too large",
    422: "a parameter or body that cannot be taken, by name and with the fix",
    503: "the database or the key store cannot be asked, as_of is not settled, or no turn came: try again",
    504: "a statement took too long, or wait_for was not reached",
}


def answers(example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that answers a trace, for its API description."""
    ndjson = {"schema": {"type": "string"}, "example": '{"type":"header",…}\n{"type":"node",…}\n{"type":"trailer",…}\n'}
    content = {
        "application/json": {"schema": {"type": "object"}, "example": example},
        "application/x-ndjson": ndjson,
        "text/csv": {"schema": {"type": "string"}, "example": "item,kind,level,…\r\n"},
    }
    whole: dict[int | str, dict[str, Any]] = {
        200: {"description": "the answer, streamed", "content": content},
        304: {"description": "as you have it"},
    }
    return {**whole, **described(REFUSALS)}


def takes(*names: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The parameters a route reads by itself, and an example of its body."""
    parameters = [
        {"name": n, "in": "query", "required": False, "schema": {"type": "string"}, "description": PARAMETERS[n]}
        for n in names
    ]
    if body is None:
        return {"parameters": parameters}
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}, "example": body}}
    if "items" in body:
        content["text/csv"] = {"schema": {"type": "string"}, "example": "item\r\n" + "\r\n".join(body["items"])}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}
