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
        Mention(i.item, Role.SUBJECT, quantity=i.quantity, uom=i.uom, status=status, flow=flow, by_class=by_class(i))
        for i in items
    )


def by_class(i: ev.ItemQuantity | ev.Output) -> bool:
    return i.by_class or i.quantity is not None or (i.item is not None and i.item.kind in ("lot", "class"))


def outputs_of(outputs: Sequence[ev.Output], status: Status | None, flow: Flow) -> tuple[Mention, ...]:
    return unique(
        Mention(item, Role.OUTPUT, quantity=out.quantity, uom=out.uom, status=status, flow=flow, by_class=by_class(out))
        for out in outputs
        if (item := out.item) is not None
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
        Mention(
            i.item,
            Role.INPUT,
            quantity=i.quantity,
            uom=i.uom,
            basis=i.basis,
            status=Status.CONSUMED,
            flow=Flow.CONSUME,
            by_class=by_class(i),
        )
        for i in inputs
    )


def structure_of(event: ev.Assembled | ev.Disassembled | ev.Packed | ev.Unpacked) -> tuple[Mention, ...]:
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
        Mention(
            i.item,
            role,
            action,
            quantity=i.quantity,
            uom=i.uom,
            basis=i.basis if isinstance(i, ev.Input) else None,
            status=status,
            flow=flow,
            by_class=by_class(i),
        )
        for i in items
    )


def unique(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Each mention once: a scanner that reads a label twice names one thing; quantities are added up."""
    listed = tuple(mentions)
    if len({m.item for m in listed}) == len(listed):  # nearly always
        return listed
    kept: dict[tuple[ItemId, Role, Action, str | None], Mention] = {}
    for m in listed:
        key = (m.item, m.role, m.action, m.uom)
        first = kept.get(key)
        if first is None:
            kept[key] = m
        elif first.quantity is not None and m.quantity is not None:
            kept[key] = Mention(
                m.item, m.role, m.action, first.quantity + m.quantity, m.uom, m.basis, m.status, m.flow, m.by_class
            )
    return tuple(kept.values())
