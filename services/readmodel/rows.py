"""From facts to rows: pure. What needs a number names the thing; `numbers.py` gives the number."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from domain import events as ev
from domain.envelope import Envelope
from domain.facts import EventFacts, Ranged
from domain.flatten import facts_of
from domain.ids import ItemId, PlaceId, number_of
from domain.moments import Moment
from domain.ports import Position
from services.codec import event_document
from services.readmodel import cases, complaints, dimensions, equipment, feed, measurements
from services.set_parts import Members


@dataclass(frozen=True, slots=True)
class Applied:
    """One decoded record of the log with its facts, ready to be written; `document` is its event as JSON data.

    `members`: those of a part of a frozen set, where they are left as they are written (`set_members.py`); neither the
    event nor the document has them then.
    """

    position: Position
    appended_us: int
    envelope: Envelope
    facts: EventFacts
    document: Mapping[str, Any]
    members: Members | None = None

    @classmethod
    def of(
        cls,
        position: Position,
        appended_us: int,
        envelope: Envelope,
        *,
        document: Mapping[str, Any] | None = None,
    ) -> "Applied":
        if document is None:
            document = event_document(envelope.event)
        return cls(position, appended_us, envelope, facts_of(envelope), document)

    def items(self) -> Iterable[ItemId]:
        """Every item that it does something to, or that its rows name beside."""
        facts = self.facts
        for mention in facts.mentions:
            yield mention.item
        for member in facts.memberships:
            yield member.lot
            yield member.unit
        for pair in (*facts.identities, *facts.materials, facts.renaming or ()):
            yield from pair
        for item, _ in facts.uom_factors:
            yield item
        for ranged in facts.ranges:
            yield ranged.serials.product
            if ranged.lot is not None:
                yield ranged.lot
        if facts.parent is not None:
            yield facts.parent

    def listed(self) -> Iterable[ItemId]:
        """Items that its rows name although nothing happens to them by it: nearly all are known."""
        if self.facts.kind == feed.CASE_KIND:
            yield from cases.items_of(self.envelope.event, self.document)

    def event_ids(self) -> Iterable[str]:
        """Its own id, and those a void names: whoever comes first takes a number for them (SEMANTICS §4)."""
        yield self.facts.event_id
        if self.facts.void is not None:
            yield self.facts.void.target
            yield from self.facts.void.replaced_by


@dataclass(slots=True)
class Rows:
    """Rows by table, each list in the order of COLUMNS."""

    by_table: defaultdict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, table: str, row: tuple[Any, ...]) -> None:
        self.by_table[table].append(row)


_EVENT_COLUMNS = (
    "tenant_id event_no key_no content_hash log_partition log_offset appended_us kind source may_correct"
    " occurred_at earliest_us latest_us started_us rank accepted_us request_index parent_no transformation mixed"
    " site to_place holder clears_holder owner disposition set_flags unset_flags hold recall void posting"
)

COLUMNS: dict[str, tuple[str, ...]] = {
    table: ("tenant_id", "event_no", *columns.split()) if table != "events" else tuple(columns.split())
    for table, columns in {
        "events": _EVENT_COLUMNS,
        "event_items": "item_no role action flow by_class quantity uom basis status",
        "memberships": "lot_no unit_no at_making",
        "identities": "one_no other_no",
        "renamings": "old_no new_no",
        "serial_ranges": (
            "line product_no lot_no role flow status shape head first_ordinal last_ordinal span_bits step excluded"
        ),
        "item_materials": "item_no material_no",
        "uom_factors": "item_no quantity uom equals in_uom",
        "voids": "target_key_no replacement_key_nos",
        "notices": "topic subject",
        "parameters": "name value unit",
        "event_places": "place",
        "event_bodies": "body original",
        "capture_jobs": "capture_id job",
        "master_data": "topic subject valid_from_us described",
        **dimensions.COLUMNS,
        **equipment.COLUMNS,
        **cases.COLUMNS,
        **complaints.COLUMNS,
        **measurements.COLUMNS,
        **feed.COLUMNS,
    }.items()
}

Number = Callable[[str], int]


def item_row(tenant_id: int, item: ItemId) -> tuple[int, str, str | None, str | None, str | None]:
    """(tenant, uri, kind, material, number) of an item, all read from its id."""
    return (tenant_id, str(item), item.kind, item.material, number_of(item))


def write_rows(rows: Rows, one: Applied, event_no: int, *, item_no: Number, key_no: Number) -> None:
    """Add everything that one event says."""
    facts, tenant = one.facts, one.envelope.tenant_id
    here = (tenant, event_no)
    rows.add("events", _event_row(one, event_no, item_no=item_no, key_no=key_no))
    # Enumerations go into their columns as the numbers and texts that they are.
    rows.by_table["event_items"] += [
        (*here, item_no(m.item), m.role, m.action, m.flow, m.by_class, m.quantity, m.uom, m.basis, m.status)
        for m in facts.mentions
    ]
    for member in facts.memberships:
        rows.add("memberships", (*here, item_no(member.lot), item_no(member.unit), member.at_making))
    for a, b in facts.identities:
        rows.add("identities", (*here, item_no(a), item_no(b)))
    for line, ranged in enumerate(facts.ranges):
        rows.add("serial_ranges", (*here, line, *_range_row(ranged, item_no=item_no)))
    if facts.renaming is not None:
        old, new = facts.renaming
        rows.add("renamings", (*here, item_no(old), item_no(new)))
    for a, b in facts.materials:
        rows.add("item_materials", (*here, item_no(a), item_no(b)))
    for item, f in facts.uom_factors:
        rows.add("uom_factors", (*here, item_no(item), f.quantity, f.uom, f.equals, f.in_uom))
    if facts.void is not None:
        rows.add("voids", (*here, key_no(facts.void.target), [key_no(r) for r in facts.void.replaced_by]))
    for topic, subject in _notices(facts):
        rows.add("notices", (*here, topic, subject))
    if facts.dimensions:
        lasts = dimensions.lasting(facts)
        rows.by_table["dimensions"] += [(*here, name, value, *lasts) for name, value in facts.dimensions]
    for p in facts.parameters:
        rows.add("parameters", (*here, p.name, p.value, p.unit))
    for table, row in equipment.rows_of(facts, item_no):
        rows.add(table, (*here, *row))
    original = dict(one.envelope.original) if one.envelope.original is not None else None
    body = one.document if one.members is None else one.members.back_in(one.document)
    rows.add("event_bodies", (*here, body, original))
    for place in places_of(facts):
        rows.add("event_places", (*here, place))
    if (about := feed.about(facts)) is not None:
        rows.add("feed_entries", (*here, *one.position, one.appended_us, about))
    _write_special(rows, one, event_no, item_no=item_no)


def places_of(facts: EventFacts) -> Sequence[str]:
    """Where it happened and where it led to, each with the site that its own id shows (dock and line of one GLN)."""
    return _with_sites(facts.site, facts.to_place)


@lru_cache(maxsize=10_000)
def _with_sites(*places: str | None) -> Sequence[str]:
    named = [PlaceId(place) for place in places if place is not None]
    return sorted({place for p in named for place in (str(p), p.site)})


def _event_row(one: Applied, event_no: int, *, item_no: Number, key_no: Number) -> tuple[Any, ...]:
    f = one.facts
    return (
        one.envelope.tenant_id,
        event_no,
        key_no(f.event_id),
        one.envelope.content_hash,
        one.position.partition,
        one.position.offset,
        one.appended_us,
        f.kind,
        f.source,
        f.may_correct,
        f.occurred_at,
        f.earliest_us,
        f.latest_us,
        f.started_us,
        f.rank,
        f.accepted_us,
        f.index,
        item_no(f.parent) if f.parent is not None else None,
        f.transformation,
        f.mixed,
        f.site,
        f.to_place,
        f.holder,
        f.clears_holder,
        f.owner,
        f.disposition,
        list(f.set_flags) or None,
        list(f.unset_flags) or None,
        asdict(f.hold) if f.hold is not None else None,
        _recall(f),
        {"target": f.void.target, "replaced_by": list(f.void.replaced_by), "reason": f.void.reason} if f.void else None,
        asdict(f.posting) if f.posting is not None else None,
    )


def _recall(facts: EventFacts) -> dict[str, Any] | None:
    if facts.recall is None:
        return None
    r = facts.recall
    products = [
        {
            "product": p.product,
            "first_serial": p.first_serial,
            "alphabet": p.alphabet,
            "check": p.check,
            "last_serial": p.last_serial,
            "made_from": _text(p.made_from),
            "made_until": _text(p.made_until),
        }
        for p in r.products
    ]
    return {"recall_id": r.recall_id, "action": r.action, "products": products, "remedy": r.remedy}


def _text(moment: Moment | None) -> str | None:
    return moment.text if moment is not None else None


def _range_row(ranged: Ranged, *, item_no: Number) -> tuple[Any, ...]:
    serials = ranged.serials
    return (
        item_no(serials.product),
        item_no(ranged.lot) if ranged.lot is not None else None,
        int(ranged.role),
        int(ranged.flow),
        str(ranged.status) if ranged.status is not None else None,
        serials.shape.key,
        serials.head,
        serials.first,
        serials.last,
        serials.span_bits,
        serials.step,
        sorted(serials.excluded) or None,
    )


def _notices(facts: EventFacts) -> Sequence[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if facts.hold is not None:
        found.append(("hold", facts.hold.hold_id))
    if facts.recall is not None:
        found.append(("recall", facts.recall.recall_id))
        found += [("product", product) for product in sorted({p.product for p in facts.recall.products})]
    return found


def _write_special(rows: Rows, one: Applied, event_no: int, *, item_no: Number) -> None:
    """Kinds that have a view of their own."""
    tenant, event, document = one.envelope.tenant_id, one.envelope.event, one.document
    match event:
        case ev.CaseRecorded():
            for table, row in cases.rows_of(event, document, item_no):
                rows.add(table, (tenant, event_no, *row))
        case ev.Inspected():
            for row in measurements.rows_of(event, one.facts):
                rows.add("measurements", (tenant, event_no, *row))
        case ev.Complained():
            for row in complaints.rows_of(event, one.facts, item_no):
                rows.add("complaints", (tenant, event_no, *row))
        case ev.CaptureFinished():
            rows.add("capture_jobs", (tenant, event_no, event.capture_id, document))
        case ev.PartyDescribed():
            rows.add("master_data", (tenant, event_no, "party", event.party, one.facts.earliest_us, document))
        case ev.PlaceDescribed():
            rows.add("master_data", (tenant, event_no, "place", event.place, one.facts.earliest_us, document))
        case ev.ProductDescribed():
            rows.add("master_data", (tenant, event_no, "product", event.product, one.facts.earliest_us, document))
        case _:
            pass
