"""From a posting to an order to its facts: which transformation it belongs to, and as what it names items."""

import hashlib
from typing import Any, assert_never
from urllib.parse import quote

from domain import events as ev
from domain.facts import Flow, Mention, PostingFact, Role, Status
from domain.ids import PlaceId
from domain.mentions import by_class, factors_of, inputs_of, memberships_of, outputs_of, ranges_of, unique
from domain.names import NAME_BYTES_MAX

_STATUS_AFTER_REVERSAL: dict[str, Status | None] = {
    "issued_to_order": Status.IN_STOCK,
    "returned_from_order": Status.CONSUMED,
    "output_reported": None,
}


def number(text: str) -> str:
    """An order, operation or document number as it is compared: ERP pads numbers of digits alone with zeros."""
    text = text.strip()
    return (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else text


def order_key(site: PlaceId, order: str) -> str:
    """The transformation that all postings to an order at a site belong to; operations part within it."""
    where = quote(PlaceId(site).site, safe="/:")
    if len(where) > NAME_BYTES_MAX:  # three signs a byte: an index would not hold it
        where = f"sha256:{hashlib.sha256(where.encode()).hexdigest()}"
    return f"order {where} {number(order)}"


def posting_of(event: ev.AnyPosting) -> dict[str, Any]:
    """The facts of a posting that other kinds do not have."""
    assert event.site is not None  # Posting.check
    return {
        "transformation": order_key(event.site, event.order),
        "posting": PostingFact(
            order=number(event.order),
            operation=number(event.operation) if event.operation is not None else None,
            document=number(event.document) if event.document is not None else None,
            reverses=number(event.reverses) if isinstance(event, ev.PostingReversed) else None,
            reversed_kind=event.reversed_kind if isinstance(event, ev.PostingReversed) else None,
        ),
        **_named(event),
    }


def _named(event: ev.AnyPosting) -> dict[str, Any]:
    match event:
        case ev.IssuedToOrder():
            return {"mentions": inputs_of(event.items)}
        case ev.ReturnedFromOrder():
            back = _back(event.items, Role.RETURNED, Flow.GIVE_BACK, status=Status.IN_STOCK)
            return {"mentions": back}
        case ev.OutputReported():
            return {
                "mentions": outputs_of(event.outputs, Status.IN_STOCK, Flow.ENTER),
                "ranges": ranges_of(event.outputs, Role.OUTPUT, status=Status.IN_STOCK, flow=Flow.ENTER),
                "memberships": memberships_of(event.outputs),
                "uom_factors": factors_of(event.outputs),
                "mixed": event.mixed,
            }
        case ev.PostingReversed():
            status = _STATUS_AFTER_REVERSAL[event.reversed_kind]
            return {"mentions": _back(event.items, Role.REVERSED, Flow.REVERSE, status=status)}
        case ev.OrderClosed():
            return {}
        case _:
            assert_never(event)


def _back(items: tuple[ev.ItemQuantity, ...], role: Role, flow: Flow, *, status: Status | None) -> tuple[Mention, ...]:
    return unique(
        [
            Mention(i.item, role, quantity=i.quantity, uom=i.uom, status=status, flow=flow, by_class=by_class(i))
            for i in items
        ]
    )
