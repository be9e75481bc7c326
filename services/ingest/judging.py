"""One posted document judged: a record ready for the log, or why not. No I/O."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

import orjson
from pydantic import ValidationError

from domain.envelope import partition_key
from domain.events import OWN_KINDS, LifecycleEvent, Output, SerialRange
from domain.events.casework import CASE_PREFIX
from domain.events.noticing import Notice, notices_of
from domain.ids import InvalidId, ItemId, lot_in_link
from domain.names import NAME_BYTES_MAX, long_names, may_have_long
from domain.ports import Record
from services.access import Caller, Role
from services.codec import EVENT, EVENT_ID_PREFIX, Stamp, content_hash, event_document
from services.ingest.explaining import EventError, explain
from services.ingest.limits import Limits
from services.ingest.personal import personal_field
from services.ingest.reading import Flaw, as_bytes, first_flaw, is_plain

_PREFIX = re.compile(rb"urn:epc:(?:id|idpat|class):[a-z]+:(\d{6,12})\.")
_LINK = re.compile(rb'https?://[^"\s\\]+')
_ITEM_LISTS = ("items", "inputs", "outputs", "contents", "components", "materials", "parts", "removed")

_LISTS: dict[type[Any], tuple[str, ...]] = {
    kind: tuple(name for name in _ITEM_LISTS if name in kind.__dataclass_fields__) for kind in get_args(LifecycleEvent)
}
"""Those of the lists that events of a kind have."""
_OUTPUTS = ("items", "outputs")
_FREE_FIELDS = frozenset({"extensions", "note"})
"""Where nothing is an item, whatever it looks like."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Who posted a request, and when it was accepted: the same for all its events (microseconds since 1970)."""

    caller: Caller
    accepted_at_us: int
    stamp: Stamp = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        caller = self.caller
        stamp = Stamp(
            tenant_id=caller.tenant_id,
            source=caller.source,
            may_correct=caller.may(Role.CORRECT),
            accepted_at_us=self.accepted_at_us,
        )
        object.__setattr__(self, "stamp", stamp)


@dataclass(frozen=True, slots=True)
class Original:
    """The EPCIS event that a native one was made from, as sent; `beyond` is its content that the native one lacks."""

    event: Mapping[str, Any]
    beyond: Mapping[str, Any]


class Judged(NamedTuple):
    """An event that may be appended: its record, the hash of its content, and what it leaves open."""

    event_id: str
    record: Record
    content_hash: str
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Valid:
    """An event that may be taken, and its JSON where it can be written as such."""

    event: LifecycleEvent
    raw: bytes | None


def validated(document: Any, posted: Posted, limits: Limits) -> Valid | EventError:
    """The event that was posted, or why it is refused."""
    if isinstance(document, Flaw):
        return EventError("not-json", "", document.detail, document.fix)
    if not isinstance(document, dict):
        return EventError("not-an-event", "", "an event is a JSON object with a kind", "send an object { } an event")
    if (own := _of_the_service(document)) is not None:
        return own
    raw = as_bytes(document)
    plain = raw is not None and is_plain(raw, limits.bounds)
    if not plain and (flaw := first_flaw(document, limits.bounds)) is not None:
        return EventError("invalid-event", flaw[0], flaw[1].detail, flaw[1].fix)
    caller = posted.caller
    try:
        event = EVENT.validate_python(document, context={"own_party": caller.own_party, "zone": caller.zone})
    except ValidationError as error:
        return explain(error, document)
    if (raw is None or may_have_long(raw)) and (long := _long_name(event)) is not None:
        return long
    return _refused(event, posted, limits) or Valid(event, raw)


def judge(
    document: Any, posted: Posted, *, index: int, limits: Limits, original: Original | None = None
) -> Judged | EventError:
    """The record of what was posted, or its error. `original` is kept beside it."""
    originals = (original,) if original is not None else ()
    return judge_all((document,), posted, first_index=index, limits=limits, originals=originals)[0]


def judge_all(
    documents: Sequence[Any],
    posted: Posted,
    *,
    first_index: int,
    limits: Limits,
    originals: Sequence[Original] = (),
) -> list[Judged | EventError]:
    """`judge` for each, with indexes from `first_index` on; `originals` are as many as documents, or none.

    One step is done for all before the next: its code stays in the processor's cache, which halves what the steps
    after validation take.
    """
    found = [validated(document, posted, limits) for document in documents]
    places = [place for place, one in enumerate(found) if isinstance(one, Valid)]
    events = [one.event for one in found if isinstance(one, Valid)]
    beside = [originals[place] if originals else None for place in places]
    kept = [event_document(event) for event in events]
    digests = [
        content_hash(event, document=document, beyond=original.beyond if original is not None else None)
        for event, document, original in zip(events, kept, beside, strict=True)
    ]
    written = [_written(documents[n], one.raw) for n, one in enumerate(found) if isinstance(one, Valid)]
    prefixes = [_company_prefixes(raw) for raw in written]
    lots = [_printed_lots(raw) for raw in written]
    ids = [event.event_id or EVENT_ID_PREFIX + digest for event, digest in zip(events, digests, strict=True)]
    values = [
        posted.stamp.record(
            event_id=ids[n],
            index=first_index + place,
            content_hash=digests[n],
            document=kept[n],
            company_prefixes=prefixes[n],
            printed_lots=lots[n],
            original=original.event if original is not None else None,
        )
        for n, (place, original) in enumerate(zip(places, beside, strict=True))
    ]
    keys = [partition_key(posted.caller.tenant_id, event, ids[n]) for n, event in enumerate(events)]
    told = {
        place: Judged(ids[n], Record(keys[n], values[n]), digests[n], notices_of(events[n]))
        if len(values[n]) <= limits.event_bytes
        else _too_large(len(values[n]), limits)
        for n, place in enumerate(places)
    }
    return [one if isinstance(one, EventError) else told[place] for place, one in enumerate(found)]


def _too_large(size_bytes: int, limits: Limits) -> EventError:
    detail = f"the event has {size_bytes} bytes as it is kept, at most {limits.event_bytes} are taken"
    return EventError("event-too-large", "", detail, "split it, or keep large data elsewhere and link to it")


def _written(document: dict[str, Any], raw: bytes | None) -> bytes:
    """The event's JSON without the fields where nothing is an item."""
    if raw is not None and _FREE_FIELDS.isdisjoint(document):
        return raw
    return orjson.dumps({key: value for key, value in document.items() if key not in _FREE_FIELDS})


def _of_the_service(document: Mapping[str, Any]) -> EventError | None:
    """Why an event may not be sent that only the service itself records, or that would stand in the way of one."""
    kind = document.get("kind")
    if isinstance(kind, str) and kind in OWN_KINDS:
        return EventError("invalid-event", "kind", f"{kind} is this service's own record", "do not send it")
    for name, fix in (("event_id", "send another id"), ("target", "correct a case with an act of its own")):
        if str(document.get(name, "")).startswith(CASE_PREFIX):
            detail = f'ids that begin with "{CASE_PREFIX}" are those of acts in a case'
            return EventError("invalid-event", name, detail, fix)
    return None


def _long_name(event: LifecycleEvent) -> EventError | None:
    """The first name of the event that no view could be found by."""
    path = next(long_names(event), None)
    if path is None:
        return None
    detail = f"a name of more than {NAME_BYTES_MAX} bytes"
    fix = f"shorten it: at most {NAME_BYTES_MAX} bytes, 341 signs of Chinese; put what describes it into note"
    return EventError("invalid-event", ".".join(map(str, path)), detail, fix)


def _refused(event: LifecycleEvent, posted: Posted, limits: Limits) -> EventError | None:
    if event.occurred_at.earliest_us > posted.accepted_at_us + limits.future_tolerance_us:
        detail = f"{event.occurred_at.text} is in the future"
        return EventError("in-the-future", "occurred_at", detail, "check the clock and the offset of this source")
    personal = personal_field(event)
    if personal is not None:
        return EventError("personal-data", *personal)
    for path, one in _ranges(event):
        if (flaw := one.serials.flaw()) is not None:
            fix = "shorten what they begin with, or the product; leave out marks that join with others"
            return EventError("invalid-event", path, f"its serials: {flaw}", fix)
    serials = sum(one.range.count for one in _outputs(event) if one.range is not None)
    if serials > limits.serials_per_event:
        detail = f"the event's ranges name {serials} serials, at most {limits.serials_per_event} are taken"
        return EventError("too-many-serials", "range", detail, "split it into several events, a range each")
    count, field = _items(event)
    if count > limits.items_per_event:
        detail = f"the event names {count} items, at most {limits.items_per_event} are taken"
        return EventError("too-many-items", field, detail, "split it into several events; share a transformation_id")
    return None


def _outputs(event: LifecycleEvent) -> list[Output]:
    return [
        o for name in _LISTS[type(event)] if name in _OUTPUTS for o in getattr(event, name) or () if type(o) is Output
    ]


def _ranges(event: LifecycleEvent) -> Iterator[tuple[str, SerialRange]]:
    """The ranges that an event names, with their paths."""
    for name in _LISTS[type(event)]:
        for n, one in enumerate((getattr(event, name) or ()) if name in _OUTPUTS else ()):
            if type(one) is Output and one.range is not None:
                yield f"{name}.{n}.range.first", one.range


def _items(event: LifecycleEvent) -> tuple[int, str]:
    """How many items and ranges the event names, and the list that has most of them."""
    counts = {name: len(getattr(event, name) or ()) for name in _LISTS[type(event)]}
    return sum(counts.values()), max(counts, key=lambda name: counts[name], default="")


def _company_prefixes(raw: bytes) -> list[str]:
    """Those of the EPC URNs: their canonical form does not show them."""
    return sorted({m.decode() for m in _PREFIX.findall(raw)}) if b"urn:epc:" in raw else []


def _printed_lots(raw: bytes) -> tuple[tuple[ItemId, ItemId], ...]:
    """(unit, lot) of each Digital Link that names both."""
    if b"/10/" not in raw and b"/lot/" not in raw:
        return ()
    found = set()
    for match in _LINK.findall(raw):
        link = match.decode()
        try:
            lot = lot_in_link(link)
            if lot is not None:
                found.add((ItemId.parse(link), lot))
        except InvalidId:
            continue  # it stands in a text, where nothing is an item
    return tuple(sorted(found))
