"""Random postings to two operations of one order, as steps of tests/domain/histories.py."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from domain import events as ev
from domain.ids import PlaceId
from tests.domain.telling import History, at, item, q

KINDS = ["issue", "issue", "issue", "return", "output", "output", "reverse", "reverse", "close"]
REVERSED = ["issued_to_order", "returned_from_order", "output_reported"]
AMOUNTS = st.sampled_from([None, "1", "1", "2", "3"])


@st.composite
def postings(draw: st.DrawFn, things: list[str], classes: list[str]) -> tuple[str, dict[str, Any]]:
    """A kind, and what it says: few quantities and documents, so that they meet."""
    kind = draw(st.sampled_from(KINDS))
    names = things if kind == "output" else [*things, *classes]
    return kind, {
        "hour": draw(st.integers(1, 8)),
        "order": draw(st.sampled_from(["7", "007"])),
        "operation": draw(st.sampled_from([None, None, None, "10", "20"])),
        "document": draw(st.sampled_from([None, "D1", "D2"])),
        "items": draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)),
        "quantity": draw(AMOUNTS),
        "uom": draw(st.sampled_from([None, None, None, "KGM"])),
        "reversed_kind": draw(st.sampled_from(REVERSED)),
        "source": draw(st.sampled_from(["mes", "mes", "mes", "erp"])),
    }


def post(h: History, kind: str, says: dict[str, Any]) -> None:
    """Tell one of them."""
    head: dict[str, Any] = {
        "occurred_at": at(says["hour"]),
        "site": PlaceId.parse("S"),
        "order": says["order"],
        "operation": says["operation"],
        "document": says["document"],
    }
    quantity = None if says["quantity"] is None else Decimal(says["quantity"])
    uom = says["uom"] if quantity is not None else None
    items = tuple(q(n, quantity, uom) for n in says["items"])
    event: ev.LifecycleEvent
    match kind:
        case "issue":
            issued = tuple(ev.Issued(item=i.item, quantity=quantity, uom=uom) for i in items)
            event = ev.IssuedToOrder(**head, items=issued)
        case "return":
            event = ev.ReturnedFromOrder(**head, items=items)
        case "output":
            outputs = tuple(ev.Output(item=item(n), quantity=quantity, uom=uom) for n in says["items"])
            event = ev.OutputReported(**head, outputs=outputs)
        case "reverse":
            event = ev.PostingReversed(
                **head, items=items, reverses=says["document"] or "D1", reversed_kind=says["reversed_kind"]
            )
        case _:
            event = ev.OrderClosed(**head)
    h.tell(event, source=says["source"])
