"""From an event's lists to mentions: who is named, in which role, with which status and flow."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from domain import events as ev
from domain.events.common import Event
from domain.facts import Action, Flow, Membership, Mention, Ranged, Role, Status
from domain.ids import ItemId
from domain.steps import RANK_OF_STATUS, flow_of, status_of

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
    "unmounted": 1,
    "emptied": 1,
    "cleaned": 1,
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


# Python 3.11 runs code of its own each time that a member of an enumeration is named, and an event names dozens.
_SUBJECT, _INPUT, _OUTPUT, _PARENT, _CHILD = Role.SUBJECT, Role.INPUT, Role.OUTPUT, Role.PARENT, Role.CHILD
_WHOLE, _COMPONENT = Role.WHOLE, Role.COMPONENT
_NO_ACTION, _PUT, _TAKE, _OBSERVE, _TAKE_ALL = Action.NONE, Action.PUT, Action.TAKE, Action.OBSERVE, Action.TAKE_ALL
_CONSUME, _PACK, _UNPACK, _INSTALL, _UNINSTALL = Flow.CONSUME, Flow.PACK, Flow.UNPACK, Flow.INSTALL, Flow.UNINSTALL
_IN_STOCK, _CONSUMED, _INSTALLED = Status.IN_STOCK, Status.CONSUMED, Status.INSTALLED


def rank_of(event: Event) -> int:
    """Commission 0; take apart, unpack, release 1; the rest 2; ship 3; receive 4; sell 5; return 6; scrap 7."""
    rank = _KIND_RANK.get(event.kind)
    if rank is not None:
        return rank
    if event.biz_step in ("receiving", "accepting"):
        return 4
    status = status_of(event.biz_step, event.disposition) if event.biz_step else None
    return RANK_OF_STATUS.get(status, 2) if status is not None else 2


def spoken(event: Event) -> tuple[Status | None, Flow]:
    """The status and flow this event gives what it speaks of: by its kind, else by its step and disposition."""
    if event.kind in _KIND_STATUS:
        return _KIND_STATUS[event.kind]
    status = status_of(event.biz_step, event.disposition)
    return status, flow_of(event.biz_step, status)


def subjects_of(event: Event, items: Iterable[ev.ItemQuantity]) -> tuple[Mention, ...]:
    status, flow = spoken(event)
    if isinstance(event, ev.Observed) and event.action == "DELETE" and status is None:
        status, flow = Status.SCRAPPED, Flow.SCRAP
    if isinstance(event, ev.Observed) and event.action == "ADD" and status is None:
        status, flow = Status.IN_STOCK, Flow.ENTER
    return unique(
        [Mention(i.item, _SUBJECT, _NO_ACTION, i.quantity, i.uom, None, status, flow, by_class(i)) for i in items]
    )


def by_class(i: ev.ItemQuantity | ev.Output) -> bool:
    return i.by_class or i.quantity is not None or (i.item is not None and i.item.kind in ("lot", "class"))


def outputs_of(outputs: Sequence[ev.Output], status: Status | None, flow: Flow) -> tuple[Mention, ...]:
    return unique(
        [
            Mention(item, _OUTPUT, _NO_ACTION, out.quantity, out.uom, None, status, flow, by_class(out))
            for out in outputs
            if (item := out.item) is not None
        ]
    )


def ranges_of(outputs: Sequence[ev.Output], role: Role, *, status: Status | None, flow: Flow) -> tuple[Ranged, ...]:
    """The ranges among the outputs: their members are told of when asked."""
    return tuple(Ranged(out.range.serials, role, status, flow, out.lot) for out in outputs if out.range is not None)


def memberships_of(outputs: Sequence[ev.Output]) -> tuple[Membership, ...]:
    return tuple(Membership(out.lot, out.item, True) for out in outputs if out.lot is not None and out.item is not None)


def factors_of(outputs: Sequence[ev.Output]) -> tuple[tuple[ItemId, ev.UomFactor], ...]:
    """The units of measure that an event states of its lots; of serials, of the lot they belong to."""
    return tuple(
        (item, factor)
        for out in outputs
        for factor in out.uom_factors or ()
        if (item := out.lot or out.item) is not None
    )


def adjusted(event: ev.StockAdjusted) -> Mention:
    flow = {"opening": Flow.OPEN, "sample": Flow.SAMPLE}.get(event.cause or "", Flow.ADJUST)
    quantity = event.change if flow is Flow.ADJUST else abs(event.change)
    return Mention(event.item, Role.SUBJECT, quantity=quantity, uom=event.uom, flow=flow)


def as_subject(mention: Mention) -> Mention:
    return Mention(
        mention.item,
        Role.SUBJECT,
        quantity=mention.quantity,
        uom=mention.uom,
        status=mention.status,
        flow=mention.flow,
        by_class=mention.by_class,
    )


def inputs_of(inputs: Sequence[ev.Input]) -> tuple[Mention, ...]:
    return unique(
        [
            Mention(i.item, _INPUT, _NO_ACTION, i.quantity, i.uom, i.basis, _CONSUMED, _CONSUME, by_class(i))
            for i in inputs
        ]
    )


def structure_of(event: ev.Assembled | ev.Disassembled | ev.Packed | ev.Unpacked) -> tuple[Mention, ...]:
    status = status_of(event.biz_step, event.disposition)
    match event:
        case ev.Packed():
            parent, children, emptied = event.container, event.contents, False
            action, flow, child_status = (_OBSERVE if event.observed else _PUT), _PACK, status
        case ev.Unpacked():
            parent, children, emptied = event.container, event.contents, event.all_contents
            action, flow, child_status = _TAKE, _UNPACK, status
        case ev.Assembled():
            parent, children, emptied = event.parent, event.components, False
            action, flow, child_status = (_OBSERVE if event.observed else _PUT), _INSTALL, _INSTALLED
        case ev.Disassembled():
            parent, children, emptied = event.parent, event.components, event.all_components
            action, flow, child_status = _TAKE, _UNINSTALL, _IN_STOCK
        case _:
            assert_never(event)
    packing = flow is _PACK or flow is _UNPACK
    head = Mention(parent, _PARENT if packing else _WHOLE, _TAKE_ALL if emptied else action, status=status)
    role = _CHILD if packing else _COMPONENT
    return (head, *children_of(children, role, action, status=child_status, flow=flow))


def installed(event: ev.SoftwareInstalled) -> tuple[Mention, ...]:
    """The unit and the version: no stock of software runs out, so nothing is said of quantity or status."""
    return (
        Mention(event.item, Role.WHOLE, Action.PUT),
        Mention(event.software, Role.COMPONENT, Action.PUT, by_class=True),
    )


def changed(event: ev.ChangeEffective) -> tuple[Mention, ...]:
    """The product, and the lot with which the change begins."""
    begins = (event.from_lot,) if event.from_lot is not None else ()
    return tuple(Mention(i, Role.SUBJECT, by_class=True) for i in (event.product, *begins))


def children_of(
    items: Sequence[ev.ItemQuantity], role: Role, action: Action, *, status: Status | None, flow: Flow
) -> tuple[Mention, ...]:
    return unique(
        [
            Mention(
                i.item,
                role,
                action,
                i.quantity,
                i.uom,
                i.basis if isinstance(i, ev.Input) else None,
                status,
                flow,
                by_class(i),
            )
            for i in items
        ]
    )


def unique(mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """Each mention once: a scanner that reads a label twice names one thing; quantities are added up."""
    if len(mentions) < 2 or len({m.item for m in mentions}) == len(mentions):  # nearly always
        return tuple(mentions)
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
