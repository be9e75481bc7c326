"""What was stored once is readable for ever: one file a kind and schema version, append-only.

`sent` is what a sender posted, `stored` the record the release of that version made of it. A file is never changed: a
new shape gets a new version and a step in `domain/upcasting.py`. `python -m tests.golden.write` writes missing ones.
"""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.envelope import SCHEMA_VERSION
from domain.events import KINDS
from services.codec import EVENT, content_hash, decode, decode_with_document, encode, event_document
from tests.golden.write import FOLDER, OWN_PARTY, SUMS

FILES = sorted(FOLDER.glob("*.v*.json"))


def read(file: Path) -> tuple[dict[str, Any], bytes]:
    told = orjson.loads(file.read_bytes())
    return told["sent"], orjson.dumps(told["stored"])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_golden_file(kind: str) -> None:
    assert FOLDER / f"{kind}.v{SCHEMA_VERSION}.json" in FILES, "run python -m tests.golden.write"


def test_no_golden_file_was_changed_or_removed() -> None:
    noted = dict(reversed(line.split("  ")) for line in SUMS.read_text().splitlines())
    assert noted == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_was_stored_decodes_to_what_was_sent(file: Path) -> None:
    sent, stored = read(file)
    assert decode(stored).event == EVENT.validate_python(sent, context={"own_party": OWN_PARTY})
    assert decode(encode(decode(stored))) == decode(stored)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_same_event_sent_again_has_the_same_content(file: Path) -> None:
    """Ids and conflicts hang on the hash: it may not change within a schema version."""
    sent, stored = read(file)
    envelope, document = decode_with_document(stored)
    assert document == event_document(envelope.event)
    if f".v{SCHEMA_VERSION}." in file.name:
        again = EVENT.validate_python(sent, context={"own_party": OWN_PARTY})
        assert content_hash(again) == envelope.content_hash


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_documents_and_extensions_are_stored_as_sent(file: Path) -> None:
    sent, stored = read(file)
    kept = orjson.loads(stored)["event"]
    for field in ("documents", "extensions", "note"):
        assert kept.get(field) == sent.get(field)
