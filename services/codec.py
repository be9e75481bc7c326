"""Bytes and events: what senders post, and what the log keeps. Pydantic validates the domain's own dataclasses."""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NotRequired

import orjson
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from domain.cases.acts import Act, AnyAct, IncidentFacts, Member
from domain.envelope import SCHEMA_VERSION, Envelope
from domain.events import LifecycleEvent
from domain.ids import ItemId
from domain.names import long_names, may_have_long, with_shortened
from domain.upcasting import UnknownVersion, upcast
from services.canonical import CanonicalRecords, Unusual
from services.documents import writer_of
from services.set_parts import Members, cut_out

EVENT: TypeAdapter[LifecycleEvent] = TypeAdapter(Annotated[LifecycleEvent, Field(discriminator="kind")])
"""Validates one event; `context` may give `own_party` and `zone` (see domain.ids, domain.moments)."""


ACT: TypeAdapter[AnyAct] = TypeAdapter(Act)
"""Validates one act of a case."""

MEMBER = TypeAdapter(Member)
"""Validates one member of an affected set."""


def member_document(member: Member) -> dict[str, Any]:
    """A member as `event_document` has it: by hand, since a set has a million."""
    told: dict[str, Any] = {
        "item": str(member.item),
        "kind": member.kind,
        "level": member.level,
        "certainty": member.certainty,
        "reasons": member.reasons,
        "came_from": member.came_from,
        "event_ids": member.event_ids,
        "seed": member.seed,
        "top": member.top,
        "loose_spare": member.loose_spare,
    }
    if member.quantity is not None:
        told["quantity"] = str(member.quantity)
    if member.uom is not None:
        told["uom"] = member.uom
    return told


INCIDENT_FACTS: TypeAdapter[IncidentFacts] = TypeAdapter(IncidentFacts)
"""Validates what is told of an incident."""


class _Record(TypedDict):
    """The envelope without its event, which is validated by its kind."""

    schema_version: int
    tenant_id: int
    event_id: str
    source: str
    may_correct: bool
    accepted_at_us: int
    index: int
    content_hash: str
    event: dict[str, Any]
    company_prefixes: NotRequired[tuple[str, ...]]
    printed_lots: NotRequired[tuple[tuple[ItemId, ItemId], ...]]
    original: NotRequired[dict[str, Any]]


_RECORD = TypeAdapter(_Record)

EVENT_ID_PREFIX = "urn:zhuisu:event:sha256:"
"""Event ids made from content, for events whose sender gave none: the same event again has the same id."""


class Undecodable(ValueError):
    """A log record that cannot be read; `code` is `not_json`, `unknown_version` or `not_an_envelope`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


def event_document(event: LifecycleEvent) -> dict[str, Any]:
    """The event as plain JSON data, without what is absent; `kind` always stays."""
    kind: Any = type(event)
    return writer_of(kind, without_empty=True)(event)


def content_hash(
    event: LifecycleEvent, *, document: Mapping[str, Any] | None = None, beyond: Mapping[str, Any] | None = None
) -> str:
    """Hex SHA-256 of the event's content in canonical JSON; its id is no part of it.

    `document` as in `encode`. `beyond` is content that the event itself does not show, such as EPCIS sensor data: two
    that differ in it are two events.
    """
    content = dict(document if document is not None else event_document(event))
    content.pop("event_id", None)
    if beyond:
        content["beyond"] = beyond
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Stamp:
    """What the envelopes of one request have in common, written once: records are put together round it."""

    def __init__(self, *, tenant_id: int, source: str, may_correct: bool, accepted_at_us: int) -> None:
        self._head = b'{"schema_version":%d,"tenant_id":%d,"event_id":' % (SCHEMA_VERSION, tenant_id)
        common = {"source": source, "may_correct": may_correct, "accepted_at_us": accepted_at_us}
        self._middle = b"," + orjson.dumps(common)[1:-1] + b',"index":'

    def record(
        self,
        *,
        event_id: str,
        index: int,
        content_hash: str,
        document: Mapping[str, Any],
        company_prefixes: Sequence[str] = (),
        printed_lots: Sequence[tuple[ItemId, ItemId]] = (),
        original: Mapping[str, Any] | None = None,
    ) -> bytes:
        """An envelope as the log keeps it. `document` is its event's `event_document`."""
        rest: dict[str, Any] = {}
        if company_prefixes:
            rest["company_prefixes"] = company_prefixes
        if printed_lots:
            rest["printed_lots"] = printed_lots
        if original is not None:
            rest["original"] = original
        return b"".join(
            (
                self._head,
                orjson.dumps(event_id),
                self._middle,
                b'%d,"content_hash":%b,"event":' % (index, orjson.dumps(content_hash)),
                orjson.dumps(document),
                b"," + orjson.dumps(rest)[1:] if rest else b"}",
            )
        )


def encode(envelope: Envelope, *, document: Mapping[str, Any] | None = None) -> bytes:
    """The envelope as the log keeps it. `document` is its `event_document`, where the caller has it already."""
    stamp = Stamp(
        tenant_id=envelope.tenant_id,
        source=envelope.source,
        may_correct=envelope.may_correct,
        accepted_at_us=envelope.accepted_at_us,
    )
    return stamp.record(
        event_id=envelope.event_id,
        index=envelope.index,
        content_hash=envelope.content_hash,
        document=document if document is not None else event_document(envelope.event),
        company_prefixes=envelope.company_prefixes,
        printed_lots=envelope.printed_lots,
        original=envelope.original,
    )


def decode(value: bytes) -> Envelope:
    """What `encode` wrote, by this release or an earlier one. Raises Undecodable."""
    return decode_with_document(value)[0]


def decode_with_document(value: bytes) -> tuple[Envelope, dict[str, Any]]:
    """As `decode`, and the event as plain JSON data in the current shape: what `event_document` would give again."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Undecodable("not_json", str(error)) from error
    if type(document) is not dict:
        raise Undecodable("not_an_envelope", f"expected an object, found {type(document).__name__}")
    try:
        found = canonical_records().read(document), document["event"]
    except Unusual:
        found = validated(document)
    if may_have_long(value) and (paths := list(long_names(found[0].event))):
        return validated({**document, "event": with_shortened(found[1], paths)})
    return found


def decode_members_aside(value: bytes) -> tuple[Envelope, dict[str, Any], Members | None]:
    """As `decode_with_document`; of a part of a frozen set as we write it the members are beside, as they lie there:
    the event and its data have none then.
    """
    if (cut := cut_out(value)) is not None:
        record, members = cut
        with contextlib.suppress(Unusual):
            return canonical_records().read(record), record["event"], members
    return *decode_with_document(value), None


@cache
def canonical_records() -> CanonicalRecords:
    """What reads them in this process, with the ids it remembers."""
    return CanonicalRecords()


def validated(document: Mapping[str, Any]) -> tuple[Envelope, dict[str, Any]]:
    """As `decode_with_document`, every field looked at by the validator. Raises Undecodable."""
    try:
        record = _RECORD.validate_python(upcast(document))
        header = {key: value for key, value in record.items() if key != "event"}
        return Envelope(event=EVENT.validate_python(record["event"]), **header), record["event"]  # type: ignore[arg-type]
    except UnknownVersion as error:
        raise Undecodable("unknown_version", str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Undecodable("not_an_envelope", f"{where}: {first['msg']}") from error
