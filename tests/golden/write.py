"""Writes the golden file of each kind that has none at the current schema version: `python -m tests.golden.write`.

It never touches a file that is there: what was stored once must be readable for ever.
"""

import hashlib
from pathlib import Path
from typing import Any

import orjson

from domain.envelope import SCHEMA_VERSION, Envelope
from domain.events import KINDS
from services.codec import EVENT, EVENT_ID_PREFIX, content_hash, encode
from services.ingest.examples import examples

FOLDER = Path(__file__).parent
SUMS = FOLDER / "SHA256SUMS"
OWN_PARTY = "urn:zhuisu:party:golden"

_JOB = {
    "kind": "capture_finished",
    "occurred_at": "2026-03-02T01:00:02+00:00",
    "capture_id": "1b9bb3f4-5a4e-4c55-9c39-3f0a4b8e7d11",
    "created_at": "2026-03-02T01:00:01+00:00",
    "finished_at": "2026-03-02T01:00:02+00:00",
    "success": False,
    "position": "0-17",
    "error_behaviour": "proceed",
    "errors": [
        {"index": 3, "type": "/problems/invalid-event", "title": "Invalid event", "detail": "event 3: action: …"}
    ],
}

_CASE = {
    "kind": "case_recorded",
    "occurred_at": "2026-03-02T01:00:02+00:00",
    "event_id": "case:RC-2026-1:frozen:1:0",
    "case_id": "RC-2026-1",
    "case_type": "recall",
    "actor": "zhuisu",
    "act": {
        "act": "set_frozen",
        "freeze": 1,
        "chunk": 0,
        "members": [
            {
                "item": "urn:zhuisu:unit:own:MODULE:M-3",
                "kind": "unit",
                "level": 2,
                "certainty": "possible",
                "reasons": ["several_inputs"],
                "came_from": ["urn:zhuisu:lot:own:CELL-21700:L-9"],
                "event_ids": ["urn:example:golden:transformed"],
                "top": True,
                "quantity": "7.50",
                "uom": "KGM",
            }
        ],
    },
}
_OWN = {"capture_finished": _JOB, "case_recorded": _CASE}


def sent_of(kind: str) -> dict[str, Any]:
    """The event of the kind's documented example, with all that any event can carry."""
    if kind in _OWN:
        return dict(_OWN[kind])
    more = {
        "event_id": f"urn:example:golden:{kind}",
        "documents": [{"type": "po", "id": "PO-1"}, {"type": "rma", "id": "RMA-1"}],
        "extensions": {"https://example.com/colour": "红", "nested": {"a": [1, 2.5, True, None]}},
        "note": "as sent",
    }
    return {**more, **examples()[kind].event}


def stored_of(sent: dict[str, Any]) -> bytes:
    """The record as this release keeps it."""
    event = EVENT.validate_python(sent, context={"own_party": OWN_PARTY})
    digest = content_hash(event)
    return encode(
        Envelope(
            tenant_id=1,
            event_id=event.event_id or EVENT_ID_PREFIX + digest,
            source="golden",
            may_correct=False,
            accepted_at_us=1_772_413_200_000_000,
            index=0,
            content_hash=digest,
            event=event,
        )
    )


def main() -> None:
    """Write what is missing, and note its hash."""
    for kind in sorted(KINDS):
        file = FOLDER / f"{kind}.v{SCHEMA_VERSION}.json"
        if file.exists():
            continue
        sent = sent_of(kind)
        body = orjson.dumps(
            {"sent": sent, "stored": orjson.loads(stored_of(sent))},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
        file.write_bytes(body)
        with SUMS.open("a") as sums:
            sums.write(f"{hashlib.sha256(body).hexdigest()}  {file.name}\n")
        print(f"wrote {file.name}")


if __name__ == "__main__":
    main()
