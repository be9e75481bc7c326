"""facts_of: from an envelope to the facts of its one event."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from domain import events as ev
from domain.acts import charging, discharging, draws, emptying, made_here, mounting
from domain.circumstances import dimensions, transfer
from domain.envelope import Envelope
from domain.events.common import Lasting
from domain.facts import Action, EventFacts, Flow, HoldFact, Membership, Mention, RecallFact, Role, Status, VoidFact
from domain.ids import ItemId, lot_of_supplier
from domain.mentions import (
    adjusted,
    as_subject,
    changed,
    children_of,
    factors_of,
    inputs_of,
    installed,
    memberships_of,
    outputs_of,
    ranges_of,
    rank_of,
    spoken,
    structure_of,
    subjects_of,
    unique,
)
from domain.order_facts import posting_of

_PARENTS = frozenset({Role.PARENT, Role.WHOLE})


def facts_of(envelope: Envelope) -> EventFacts:
    """Everything the event says, as facts. Pure: the same envelope gives the same facts, always."""
    event = envelope.event
    own = _own_facts(envelope)
    mentions, memberships = own.get("mentions", ()), own.pop("memberships", ())
    if envelope.printed_lots:
        made = _made(mentions, event)
        memberships += tuple(Membership(lot, unit, unit in made) for unit, lot in envelope.printed_lots)
    started, ended = (event.started_at, event.ended_at) if isinstance(event, Lasting) else (None, None)
    moment = event.occurred_at
    latest = ended.latest_us if ended is not None and started is not None else moment.latest_us
    return EventFacts(
        parent=next((m.item for m in mentions if m.role in _PARENTS), None),
        event_id=envelope.event_id,
        kind=event.kind,
        source=envelope.source,
        may_correct=envelope.may_correct,
        occurred_at=moment.text,
        earliest_us=moment.earliest_us,
        latest_us=max(latest, moment.latest_us),
        started_us=started.earliest_us if started is not None else None,
        rank=rank_of(event),
        accepted_us=envelope.accepted_at_us,
        index=envelope.index,
        site=event.site or event.read_point,
        disposition=event.disposition,
        set_flags=_once(event.set_dispositions),
        unset_flags=_once(event.unset_dispositions),
        memberships=_once(memberships),
        dimensions=dimensions(event),
        parameters=event.circumstances.parameters if event.circumstances else (),
        company_prefixes=envelope.company_prefixes,
        **transfer(event),
        **made_here(event, mentions, own.get("ranges", ())),
        **own,
    )


def _once(listed: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each of them once, in order."""
    return tuple(dict.fromkeys(listed)) if len(listed) > 1 else listed


def _made(mentions: Iterable[Mention], event: ev.LifecycleEvent) -> set[ItemId]:
    """The items that the event brings forth."""
    match event:
        case ev.Commissioned():
            return {m.item for m in mentions}
        case ev.Transformed():
            return {m.item for m in mentions if m.role is Role.OUTPUT}
        case _:
            return set()


def _own_facts(envelope: Envelope) -> dict[str, Any]:
    event = envelope.event
    match event:
        case ev.Transformed():
            return _transformed(event, envelope)
        case ev.Commissioned():
            flow = spoken(event)[1] or Flow.ENTER
            return {
                "mentions": tuple(as_subject(m) for m in outputs_of(event.items, Status.IN_STOCK, flow)),
                "ranges": ranges_of(event.items, Role.SUBJECT, status=Status.IN_STOCK, flow=flow),
                "memberships": memberships_of(event.items),
                "uom_factors": factors_of(event.items),
            }
        case ev.Assembled() | ev.Disassembled() | ev.Packed() | ev.Unpacked():
            return {"mentions": structure_of(event)}
        case (
            ev.Inspected()
            | ev.Shipped()
            | ev.Received()
            | ev.Sold()
            | ev.Returned()
            | ev.Stored()
            | ev.Observed()
            | ev.Released()
            | ev.Scrapped()
            | ev.Destroyed()
            | ev.Complained()
        ):
            return {"mentions": subjects_of(event, event.items)}
        case ev.Reworked():
            return _reworked(event, envelope)
        case (
            ev.IssuedToOrder() | ev.ReturnedFromOrder() | ev.OutputReported() | ev.PostingReversed() | ev.OrderClosed()
        ):
            return posting_of(event)
        case ev.MaterialReceived():
            return _material_received(event)
        case ev.StockAdjusted():
            return {"mentions": (adjusted(event),)}
        case ev.Identified():
            items = (Mention(event.item, Role.SUBJECT), Mention(event.same_as, Role.SUBJECT))
            return {"mentions": items, "identities": ((event.item, event.same_as),)}
        case ev.Reidentified():
            return _reidentified(event)
        case ev.Mounted() | ev.Unmounted():
            return mounting(event)
        case ev.Charged():
            return charging(event, envelope.event_id)
        case ev.Discharged():
            return discharging(event, envelope.event_id)
        case ev.Emptied() | ev.Cleaned():
            return emptying(event)
        case ev.Voided():
            return {"void": VoidFact(event.target, tuple(sorted(set(event.replaced_by))), event.reason)}
        case ev.Held():
            return {
                "mentions": subjects_of(event, event.items),
                "hold": HoldFact(event.hold_id, True, reason=event.reason),
            }
        case ev.HoldReleased():
            return {
                "mentions": subjects_of(event, event.items),
                "hold": HoldFact(event.hold_id, False, not event.items, event.reason),
            }
        case ev.RecallDeclared():
            scoped = tuple(Mention(p.product, Role.SUBJECT, by_class=True) for p in event.products)
            recall = RecallFact(event.recall_id, "declared", event.products)
            return {"mentions": unique((*subjects_of(event, event.items), *scoped)), "recall": recall}
        case ev.Remedied():
            recall = RecallFact(event.recall_id, "remedied", remedy=event.remedy)
            mended = _fitted(event.items[0].item, event.parts or (), event.removed or ()) if event.items else ()
            return {"mentions": unique((*subjects_of(event, event.items), *mended)), "recall": recall}
        case ev.RecallClosed():
            return {"recall": RecallFact(event.recall_id, "closed")}
        case ev.DocumentsLinked():
            parent = (ev.ItemQuantity(item=event.parent),) if event.parent is not None else ()
            return {"mentions": subjects_of(event, (*parent, *event.items))}
        case ev.ProductDescribed():
            factors = tuple((event.product, factor) for factor in event.uom_factors or ())
            return {"mentions": (Mention(event.product, Role.SUBJECT, by_class=True),), "uom_factors": factors}
        case ev.SoftwareInstalled():
            return {"mentions": installed(event)}
        case ev.ChangeEffective():
            return {"mentions": changed(event)}
        case ev.Calibrated() | ev.Maintained() | ev.RecipeChanged():
            return {}
        case ev.PartyDescribed() | ev.PlaceDescribed() | ev.CaptureFinished():
            return {}
        case ev.CaseRecorded():
            # What a case lists did not happen to the items: a drill adds nothing to a unit's timeline.
            return {}
        case _:
            assert_never(event)


def _transformed(event: ev.Transformed, envelope: Envelope) -> dict[str, Any]:
    drawn, taken = draws(event, envelope.event_id)
    return {
        "mentions": (*inputs_of(event.inputs), *drawn, *outputs_of(event.outputs, Status.IN_STOCK, Flow.ENTER)),
        "ranges": ranges_of(event.outputs, Role.OUTPUT, status=Status.IN_STOCK, flow=Flow.ENTER),
        "memberships": memberships_of(event.outputs),
        "uom_factors": factors_of(event.outputs),
        "vessels": taken,
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


def _fitted(whole: ItemId, parts: Sequence[ev.ItemQuantity], removed: Sequence[ev.ItemQuantity]) -> tuple[Mention, ...]:
    """Parts fitted into a unit and taken out of it in repair; nothing if there are none."""
    if not parts and not removed:
        return ()
    fitted = children_of(parts, Role.COMPONENT, Action.PUT, status=Status.INSTALLED, flow=Flow.INSTALL)
    taken = children_of(removed, Role.COMPONENT, Action.TAKE, status=Status.IN_STOCK, flow=Flow.UNINSTALL)
    return (Mention(whole, Role.WHOLE, Action.PUT if parts else Action.TAKE), *fitted, *taken)


def _reworked(event: ev.Reworked, envelope: Envelope) -> dict[str, Any]:
    whole = Mention(event.item, Role.WHOLE)
    mentions = _fitted(event.item, event.parts, event.removed) or (whole,)
    if not event.materials:
        return {"mentions": mentions}
    used = (*inputs_of(event.materials), Mention(event.item, Role.OUTPUT))
    return {"mentions": (*mentions, *used), "transformation": _transformation(None, envelope)}


def _reidentified(event: ev.Reidentified) -> dict[str, Any]:
    ids = (event.old_id, event.new_id)
    lots = any(i.kind == "lot" for i in ids)
    return {"mentions": tuple(Mention(i, Role.SUBJECT, by_class=lots) for i in ids), "renaming": ids}


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
    factors = tuple((event.item, factor) for factor in event.uom_factors or ())
    return {"mentions": tuple(mentions), "identities": identities, "materials": declared, "uom_factors": factors}
