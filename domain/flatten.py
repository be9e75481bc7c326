"""facts_of: from an envelope to the facts of its one event."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from domain import events as ev
from domain.envelope import Envelope
from domain.events.common import Event, Lasting, Transfer
from domain.facts import Action, EventFacts, Flow, HoldFact, Membership, Mention, RecallFact, Role, Status, VoidFact
from domain.ids import ItemId, PlaceId, lot_of_supplier
from domain.steps import RANK_OF_STATUS, flow_of, status_of


def facts_of(envelope: Envelope) -> EventFacts:
    """Everything the event says, as facts. Pure: the same envelope gives the same facts, always."""
    event = envelope.event
    own = _own_facts(envelope)
    at_making = isinstance(event, ev.Commissioned | ev.Transformed)
    printed = tuple(Membership(lot, unit, at_making) for unit, lot in envelope.printed_lots)
    memberships = tuple(dict.fromkeys((*own.pop("memberships", ()), *printed)))
    started = event.started_at if isinstance(event, Lasting) else None
    ended = event.ended_at if isinstance(event, Lasting) else None
    latest = ended.latest_us if ended is not None and started is not None else event.occurred_at.latest_us
    parents = [m.item for m in own.get("mentions", ()) if m.role in (Role.PARENT, Role.WHOLE)]
    return EventFacts(
        parent=parents[0] if parents else None,
        event_id=envelope.event_id,
        kind=event.kind,
        source=envelope.source,
        may_correct=envelope.may_correct,
        occurred_at=event.occurred_at.text,
        earliest_us=event.occurred_at.earliest_us,
        latest_us=max(latest, event.occurred_at.latest_us),
        started_us=started.earliest_us if started is not None else None,
        rank=_rank(event),
        accepted_us=envelope.accepted_at_us,
        index=envelope.index,
        site=event.site or event.read_point,
        disposition=event.disposition,
        set_flags=tuple(dict.fromkeys(event.set_dispositions)),
        unset_flags=tuple(dict.fromkeys(event.unset_dispositions)),
        memberships=memberships,
        dimensions=_dimensions(event),
        parameters=event.circumstances.parameters if event.circumstances else (),
        company_prefixes=envelope.company_prefixes,
        **{**_transfer(event), **own},
    )


def _own_facts(envelope: Envelope) -> dict[str, Any]:
    event = envelope.event
    match event:
        case ev.Transformed():
            return _transformed(event, envelope)
        case ev.Commissioned():
            outputs = _outputs(event.items, Status.IN_STOCK, _spoken(event)[1] or Flow.ENTER)
            subjects = tuple(_as_subject(m) for m in outputs)
            return {"mentions": subjects, "memberships": _memberships(event.items)}
        case ev.Assembled() | ev.Disassembled() | ev.Packed() | ev.Unpacked():
            return {"mentions": _structure(event)}
        case ev.Reworked():
            return _reworked(event, envelope)
        case ev.MaterialReceived():
            return _material_received(event)
        case ev.StockAdjusted():
            mention = Mention(event.item, Role.SUBJECT, quantity=event.change, uom=event.uom, flow=Flow.ADJUST)
            return {"mentions": (mention,)}
        case ev.Identified():
            items = (Mention(event.item, Role.SUBJECT), Mention(event.same_as, Role.SUBJECT))
            return {"mentions": items, "identities": ((event.item, event.same_as),)}
        case ev.Voided():
            return {"void": VoidFact(event.target, tuple(sorted(set(event.replaced_by))), event.reason)}
        case ev.Held():
            return {
                "mentions": _subjects(event, event.items),
                "hold": HoldFact(event.hold_id, True, reason=event.reason),
            }
        case ev.HoldReleased():
            return {
                "mentions": _subjects(event, event.items),
                "hold": HoldFact(event.hold_id, False, not event.items, event.reason),
            }
        case ev.RecallDeclared():
            scoped = tuple(Mention(p.product, Role.SUBJECT, by_class=True) for p in event.products)
            recall = RecallFact(event.recall_id, "declared", event.products)
            return {"mentions": _unique((*_subjects(event, event.items), *scoped)), "recall": recall}
        case ev.Remedied():
            recall = RecallFact(event.recall_id, "remedied", remedy=event.remedy)
            return {"mentions": _subjects(event, event.items), "recall": recall}
        case ev.RecallClosed():
            return {"recall": RecallFact(event.recall_id, "closed")}
        case ev.DocumentsLinked():
            parent = (ev.ItemQuantity(item=event.parent),) if event.parent is not None else ()
            return {"mentions": _subjects(event, (*parent, *event.items))}
        case (
            ev.Scrapped()
            | ev.Destroyed()
            | ev.Shipped()
            | ev.Received()
            | ev.Returned()
            | ev.Stored()
            | ev.Observed()
            | ev.Inspected()
            | ev.Released()
            | ev.Sold()
        ):
            return {"mentions": _subjects(event, event.items)}
        case ev.ProductDescribed():
            return {"mentions": (Mention(event.product, Role.SUBJECT, by_class=True),)}
        case ev.PartyDescribed() | ev.PlaceDescribed() | ev.CaptureFinished():
            return {}
        case _:
            assert_never(event)


_KIND_STATUS: dict[str, tuple[Status, Flow]] = {
    "commissioned": (Status.IN_STOCK, Flow.ENTER),
    "material_received": (Status.IN_STOCK, Flow.RECEIVE),
    "shipped": (Status.IN_TRANSIT, Flow.SHIP),
    "received": (Status.IN_STOCK, Flow.RECEIVE),
    "stored": (Status.IN_STOCK, Flow.MOVE),
    "returned": (Status.RETURNED, Flow.RETURN),
    "sold": (Status.SOLD, Flow.SELL),
    "scrapped": (Status.SCRAPPED, Flow.SCRAP),
    "destroyed": (Status.DESTROYED, Flow.DESTROY),
}
_KIND_RANK = {
    "commissioned": 0,
    "disassembled": 1,
    "unpacked": 1,
    "hold_released": 1,
    "shipped": 3,
    "received": 4,
    "material_received": 4,
    "sold": 5,
    "returned": 6,
    "scrapped": 7,
    "destroyed": 7,
}


def _rank(event: Event) -> int:
    """Commission 0; take apart, unpack, release 1; the rest 2; ship 3; receive 4; sell 5; return 6; scrap 7."""
    rank = _KIND_RANK.get(event.kind)
    if rank is not None:
        return rank
    if event.biz_step in ("receiving", "accepting"):
        return 4
    status = status_of(event.biz_step, event.disposition) if event.biz_step else None
    return RANK_OF_STATUS.get(status, 2) if status is not None else 2


def _spoken(event: Event) -> tuple[Status | None, Flow]:
    """The status and flow this event gives what it speaks of: by its kind, else by its step and disposition."""
    if event.kind in _KIND_STATUS:
        return _KIND_STATUS[event.kind]
    status = status_of(event.biz_step, event.disposition)
    return status, flow_of(event.biz_step, status)


def _subjects(event: Event, items: Iterable[ev.ItemQuantity]) -> tuple[Mention, ...]:
    status, flow = _spoken(event)
    if isinstance(event, ev.Observed) and event.action == "DELETE" and status is None:
        status, flow = Status.SCRAPPED, Flow.SCRAP
    if isinstance(event, ev.Observed) and event.action == "ADD" and status is None:
        status, flow = Status.IN_STOCK, Flow.ENTER
    return _unique(
        Mention(i.item, Role.SUBJECT, quantity=i.quantity, uom=i.uom, status=status, flow=flow, by_class=_by_class(i))
        for i in items
    )


def _by_class(i: ev.ItemQuantity | ev.Output) -> bool:
    return i.by_class or i.quantity is not None or (i.item is not None and i.item.kind in ("lot", "class"))


def _outputs(outputs: Sequence[ev.Output], status: Status | None, flow: Flow) -> tuple[Mention, ...]:
    return _unique(
        Mention(
            item, Role.OUTPUT, quantity=out.quantity, uom=out.uom, status=status, flow=flow, by_class=_by_class(out)
        )
        for out in outputs
        for item in out.items()
    )


def _memberships(outputs: Sequence[ev.Output]) -> tuple[Membership, ...]:
    return tuple(Membership(out.lot, i, True) for out in outputs if out.lot is not None for i in out.items())


def _as_subject(mention: Mention) -> Mention:
    return Mention(
        mention.item,
        Role.SUBJECT,
        quantity=mention.quantity,
        uom=mention.uom,
        status=mention.status,
        flow=mention.flow,
        by_class=mention.by_class,
    )


def _inputs(inputs: Sequence[ev.Input]) -> tuple[Mention, ...]:
    return _unique(
        Mention(
            i.item,
            Role.INPUT,
            quantity=i.quantity,
            uom=i.uom,
            basis=i.basis,
            status=Status.CONSUMED,
            flow=Flow.CONSUME,
            by_class=_by_class(i),
        )
        for i in inputs
    )


def _transformed(event: ev.Transformed, envelope: Envelope) -> dict[str, Any]:
    return {
        "mentions": (*_inputs(event.inputs), *_outputs(event.outputs, Status.IN_STOCK, Flow.ENTER)),
        "memberships": _memberships(event.outputs),
        "transformation": _transformation(event.transformation_id, envelope),
        "mixed": event.mixed,
    }


def _transformation(transformation_id: str | None, envelope: Envelope) -> str:
    """Scoped by source unless it is a URI (SEMANTICS §1); an event without one is a transformation of its own."""
    if transformation_id is None:
        return f"event {envelope.event_id}"
    if transformation_id.startswith(("urn:", "http:", "https:")):
        return transformation_id
    return f"source {envelope.source} {transformation_id}"


def _structure(event: ev.Assembled | ev.Disassembled | ev.Packed | ev.Unpacked) -> tuple[Mention, ...]:
    status, flow = status_of(event.biz_step, event.disposition), Flow.NONE
    fitting = isinstance(event, ev.Assembled | ev.Disassembled)
    match event:
        case ev.Packed():
            parent, children, emptied = event.container, event.contents, False
            action, flow = (Action.OBSERVE if event.observed else Action.PUT), Flow.PACK
        case ev.Unpacked():
            parent, children, emptied = event.container, event.contents, event.all_contents
            action, flow = Action.TAKE, Flow.UNPACK
        case ev.Assembled():
            parent, children, emptied = event.parent, event.components, False
            action, flow = (Action.OBSERVE if event.observed else Action.PUT), Flow.INSTALL
        case ev.Disassembled():
            parent, children, emptied = event.parent, event.components, event.all_components
            action, flow = Action.TAKE, Flow.UNINSTALL
        case _:
            assert_never(event)
    child_status = status
    if fitting:
        child_status = Status.IN_STOCK if action is Action.TAKE else Status.INSTALLED
    parent_action = Action.TAKE_ALL if emptied else action
    head = Mention(parent, Role.WHOLE if fitting else Role.PARENT, parent_action, status=status)
    role = Role.COMPONENT if fitting else Role.CHILD
    return (head, *_children(children, role, action, status=child_status, flow=flow))


def _children(
    items: Sequence[ev.ItemQuantity], role: Role, action: Action, *, status: Status | None, flow: Flow
) -> tuple[Mention, ...]:
    return _unique(
        Mention(
            i.item,
            role,
            action,
            quantity=i.quantity,
            uom=i.uom,
            basis=i.basis if isinstance(i, ev.Input) else None,
            status=status,
            flow=flow,
            by_class=_by_class(i),
        )
        for i in items
    )


def _reworked(event: ev.Reworked, envelope: Envelope) -> dict[str, Any]:
    parts = _children(event.parts, Role.COMPONENT, Action.PUT, status=Status.INSTALLED, flow=Flow.INSTALL)
    removed = _children(event.removed, Role.COMPONENT, Action.TAKE, status=Status.IN_STOCK, flow=Flow.UNINSTALL)
    whole = Mention(event.item, Role.WHOLE, Action.PUT if parts else Action.TAKE if removed else Action.NONE)
    mentions: tuple[Mention, ...] = (whole, *parts, *removed)
    if not event.materials:
        return {"mentions": mentions}
    used = (*_inputs(event.materials), Mention(event.item, Role.OUTPUT))
    return {"mentions": (*mentions, *used), "transformation": _transformation(None, envelope)}


def _material_received(event: ev.MaterialReceived) -> dict[str, Any]:
    material = event.material or event.item.material
    mentions = [
        Mention(
            event.item,
            Role.SUBJECT,
            quantity=event.quantity,
            uom=event.uom,
            status=Status.IN_STOCK,
            flow=Flow.RECEIVE,
            by_class=event.quantity is not None or event.item.kind in ("lot", "class"),
        )
    ]
    identities: tuple[tuple[ItemId, ItemId], ...] = ()
    if event.supplier_lot is not None:
        theirs = (
            event.supplier_lot
            if isinstance(event.supplier_lot, ItemId)
            else lot_of_supplier(event.supplier_lot, supplier=event.supplier or "-", material=material)
        )
        if theirs != event.item:
            identities = ((event.item, theirs),)
            mentions.append(Mention(theirs, Role.SUBJECT, by_class=True))
    declared = ((event.item, event.material),) if event.material is not None else ()
    return {"mentions": tuple(mentions), "identities": identities, "materials": declared}


def _transfer(event: Event) -> dict[str, Any]:
    if not isinstance(event, Transfer):
        return {}
    holder = event.to_possessor or event.to_owner
    if isinstance(event, ev.Sold):
        holder = event.holder or holder
    to_place: PlaceId | None = event.to_place
    return {
        "to_place": to_place,
        "holder": holder,
        "owner": event.to_owner,
        "clears_holder": isinstance(event, ev.Returned) and holder is None,
    }


def _dimensions(event: Event) -> tuple[tuple[str, str], ...]:
    """What an exposure can ask for: (dimension, value) pairs, each once."""
    found: list[tuple[str, str]] = []
    around = event.circumstances
    if around is not None:
        found += [("line", around.line or ""), ("instrument", around.instrument or "")]
        found += [("work_order", around.work_order or "")]
        found += [("equipment", e) for e in around.equipment]
        found += [("tool", t) for t in around.tools]
        found += [("operator", o) for o in around.operators]
    if isinstance(event, ev.Inspected) and event.inspector:
        found.append(("operator", event.inspector))
    if isinstance(event, ev.MaterialReceived):
        found += [("supplier", event.supplier or event.from_owner or event.from_possessor or "")]
        found += [("material", event.material or event.item.material or "")]
    elif isinstance(event, Transfer) and event.kind == "received":
        found += [("supplier", event.from_owner or event.from_possessor or "")]
        found += [("material", i.item.material or "") for i in event.items] if isinstance(event, ev.Received) else []
    place = event.site or event.read_point
    if place is not None:
        found += [("site", place), ("site", PlaceId(place).site)]
    return tuple(dict.fromkeys((d, v) for d, v in found if v))


def _unique(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Each mention once: a scanner that reads a label twice names one thing; quantities are added up."""
    kept: dict[tuple[ItemId, Role, Action, str | None], Mention] = {}
    for m in mentions:
        key = (m.item, m.role, m.action, m.uom)
        first = kept.get(key)
        if first is None:
            kept[key] = m
        elif first.quantity is not None and m.quantity is not None:
            kept[key] = Mention(
                m.item, m.role, m.action, first.quantity + m.quantity, m.uom, m.basis, m.status, m.flow, m.by_class
            )
    return tuple(kept.values())
