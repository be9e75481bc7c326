"""Order postings: P1 to P9 of docs/semantics.md, and what else the rules there say."""

import itertools
from decimal import Decimal
from typing import Any

import pytest

from domain import events as ev
from domain.answers import Trace, Way
from domain.genealogy import trace
from domain.memory import MemoryRecord
from domain.record import answer
from tests.domain.telling import History, at, item, named_map, q, us

KG = "KGM"


class Order:
    """Tells postings to order 4711 at S."""

    def __init__(self, h: History | None = None, *, order: str = "4711") -> None:
        self.h = h or History()
        self.order = order

    def tell(self, cls: Any, hour: float, *, source: str = "erp", correct: bool = False, **fields: Any) -> str:
        head = {"occurred_at": at(hour), "site": ev_site("S"), "order": self.order}
        return self.h.tell(cls(**{**head, **fields}), source=source, correct=correct)

    def issue(self, name: str, quantity: Any = 300, hour: float = 6, *, uom: str | None = KG, **more: Any) -> str:
        basis = more.pop("basis", ev.Basis.DECLARED)
        amount = None if quantity is None else Decimal(str(quantity))
        issued = ev.Issued(item=item(name), quantity=amount, uom=uom, basis=basis)
        return self.tell(ev.IssuedToOrder, hour, items=(issued,), **more)

    def back(self, name: str, quantity: Any, hour: float = 10, *, uom: str | None = KG, **more: Any) -> str:
        return self.tell(ev.ReturnedFromOrder, hour, items=(q(name, quantity, uom),), **more)

    def output(self, *names: str, hour: float = 22, **more: Any) -> str:
        outputs = tuple(ev.Output(item=item(n)) for n in names)
        return self.tell(ev.OutputReported, hour, outputs=outputs, **more)

    def reverse(self, document: str, name: str, quantity: Any = None, *, uom: str | None = KG, **more: Any) -> str:
        kind, hour = more.pop("reversed_kind", "issued_to_order"), more.pop("hour", 30)
        fields = {"reverses": document, "reversed_kind": kind, "items": (q(name, quantity, uom),)}
        return self.tell(ev.PostingReversed, hour, **fields, **more)

    def close(self, hour: float = 40, **more: Any) -> str:
        return self.tell(ev.OrderClosed, hour, **more)


def ev_site(name: str) -> Any:
    from domain.ids import PlaceId

    return PlaceId.parse(name)


def gaps(found: Trace) -> list[tuple[str, Decimal | None, str | None]]:
    return [(g.code, g.quantity, g.uom) for g in found.gaps]


def conflicts(found: Trace) -> list[str]:
    return [c.code for c in found.conflicts]


def test_e14_p1_issued_and_nothing_reported() -> None:
    o = Order()
    o.issue("lot:L/1", 300)
    found = o.h.trace(Way.FORWARD, "lot:L/1")
    assert found.nodes == []
    assert gaps(found) == [("open_wip", Decimal(300), KG)]
    o.close()
    assert gaps(o.h.trace(Way.FORWARD, "lot:L/1")) == [("unaccounted", Decimal(300), KG)]


def test_p1_what_is_partly_back_is_open_with_the_rest() -> None:
    o = Order()
    o.issue("lot:L/1", 300, document="D1")
    o.back("lot:L/1", "120.5")
    o.reverse("D1", "lot:L/1", "0.5")
    assert gaps(o.h.trace(Way.FORWARD, "lot:L/1")) == [("open_wip", Decimal("179"), KG)]
    o.back("lot:L/1", 179)
    assert gaps(o.h.trace(Way.FORWARD, "lot:L/1")) == []


def test_p2_issue_in_the_morning_output_at_night_in_any_order_of_arrival() -> None:
    o = Order()
    o.issue("lot:L/1")
    o.output("M/1", "M/2")
    o.close()
    for log in itertools.permutations(o.h.log):
        view = MemoryRecord(log).as_of()
        for way, start, expected in ((Way.FORWARD, "lot:L/1", {"M/1", "M/2"}), (Way.BACKWARD, "M/2", {"lot:L/1"})):
            found = answer(trace([item(start)], way=way, now_us=us(100)), view.look_up)
            assert {n.item: n.certainty for n in found.nodes} == {item(n): "certain" for n in expected}
        assert gaps(found) == [("no_upstream", None, None)]


def test_an_open_order_may_bring_forth_more() -> None:
    o = Order()
    o.issue("lot:L/1")
    o.output("M/1")
    assert gaps(o.h.trace(Way.FORWARD, "lot:L/1")) == [("open_wip", None, None)]
    o.close()
    assert gaps(o.h.trace(Way.FORWARD, "lot:L/1")) == []


def test_p3_a_document_reversed_in_parts_goes_at_exactly_zero() -> None:
    o = Order()
    o.issue("lot:L/1")
    o.issue("lot:K/1", document="00D1")
    o.issue("lot:K/1", 0.5, document="77")
    o.output("M/1", "M/2")
    o.close()
    o.reverse("00D1", "lot:K/1", 100)
    o.reverse("00D1", "lot:K/1", 200)
    assert o.h.forward("lot:K/1") == named_map({"M/1": "certain", "M/2": "certain"})
    o.reverse("0077", "lot:K/1", "0.50")
    assert o.h.forward("lot:K/1") == {}
    assert o.h.backward("M/1") == named_map({"lot:L/1": "certain"})


def test_p4_a_gram_that_stayed_keeps_the_link() -> None:
    o = Order()
    o.issue("lot:L/1")
    o.output("M/1", "M/2")
    o.back("lot:L/1", "299.99")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain", "M/2": "certain"})


@pytest.mark.parametrize(
    ("quantity", "uom", "told"), [(None, KG, []), (1254, "MTR", ["mixed_units"]), (301, KG, ["negative_net"])]
)
def test_p5_what_cannot_be_weighed_keeps_the_link(quantity: int | None, uom: str, told: list[str]) -> None:
    o = Order()
    o.issue("lot:L/1")
    o.output("M/1", "M/2")
    o.back("lot:L/1", quantity, uom=uom)
    found = o.h.trace(Way.FORWARD, "lot:L/1")
    assert [(n.certainty, n.reasons) for n in found.nodes] == [("possible", ("net_quantity",))] * 2
    assert conflicts(found) == told
    assert conflicts(o.h.trace(Way.BACKWARD, "M/1")) == told


@pytest.mark.parametrize(("uom", "rest"), [("GRM", 0), ("GRM", 1), ("TNE", 0)])
def test_grams_and_kilograms_are_one_measure(uom: str, rest: int) -> None:
    o = Order()
    o.issue("lot:L/1", 300, document="D1")
    o.output("M/1")
    o.reverse("D1", "lot:L/1", 100000 if uom == "GRM" else "0.1", uom=uom)
    o.back("lot:L/1", 200000 - rest if uom == "GRM" else "0.2", uom=uom)
    assert o.h.forward("lot:L/1") == ({} if rest == 0 else named_map({"M/1": "certain"}))
    assert conflicts(o.h.trace(Way.FORWARD, "lot:L/1")) == []


def test_p6_a_reversed_output_did_not_happen() -> None:
    o = Order()
    o.issue("lot:L/1")
    o.output("M/1", document="D8")
    o.output("M/2", document="D9")
    o.reverse("D9", "M/2", reversed_kind="output_reported", uom=None)
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})
    assert o.h.backward("M/2") == {}


def test_p7_erp_pads_numbers_and_sites_have_docks() -> None:
    o = Order()
    site = "https://id.gs1.org/414/0614141000005"
    o.issue("lot:L/1", order="000000004711", operation="0010", site=ev_site(site))
    o.output("M/1", order=" 4711", operation="10", site=ev_site(f"{site}/254/dock-3"), source="mes")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})
    o.output("M/2", order="4711", site=ev_site("elsewhere"))
    o.output("M/3", order="47110", site=ev_site(site))
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})


def test_p8_operations_of_an_order() -> None:
    o = Order()
    o.issue("lot:L/1", operation="10")
    o.output("M/1", operation="20")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "inferred"})
    assert o.h.backward("M/1") == named_map({"lot:L/1": "inferred"})
    o.output("M/2", operation="10")
    assert o.h.forward("lot:L/1") == named_map({"M/2": "certain"})
    o.output("M/3")
    assert o.h.forward("lot:L/1") == named_map({"M/2": "certain", "M/3": "certain"})


def test_one_material_in_two_operations_is_not_several_inputs_of_either() -> None:
    o = Order()
    o.issue("lot:L/1", operation="10")
    o.issue("lot:L/2", operation="20")
    o.output("M/1", "M/2", operation="10")
    o.output("N/1", "N/2", operation="20")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain", "M/2": "certain"})
    o.output("P/1")
    assert o.h.forward("lot:L/1")[item("P/1")] == "several_inputs"


def test_p9_a_return_that_may_be_void_leaves_the_link_possible() -> None:
    o = Order()
    o.issue("lot:L/1")
    o.output("M/1")
    back = o.back("lot:L/1", 300)
    assert o.h.forward("lot:L/1") == {}
    o.h.tell(ev.Voided(occurred_at=at(41), target=back, replaced_by=("later",)), source="erp")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "replacement_pending"})
    assert o.h.backward("M/1") == named_map({"lot:L/1": "replacement_pending"})
    o.h.tell(ev.ReturnedFromOrder(**_head("later"), items=(q("lot:L/1", 200, KG),)), source="erp")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})


def _head(event_id: str) -> dict[str, Any]:
    return {"occurred_at": at(11), "site": ev_site("S"), "order": "4711", "event_id": event_id}


def test_a_reversal_that_may_be_void_too() -> None:
    o = Order()
    o.issue("lot:L/1", document="D1")
    o.output("M/1")
    back = o.reverse("D1", "lot:L/1")
    assert o.h.forward("lot:L/1") == {}
    o.h.tell(ev.Voided(occurred_at=at(41), target=back, replaced_by=("never",)), source="erp")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "replacement_pending"})
    assert o.h.backward("M/1") == named_map({"lot:L/1": "replacement_pending"})


@pytest.mark.parametrize("more", [{"source": "mes"}, {"order": "4712"}, {"reversed_kind": "output_reported"}])
def test_a_reversal_of_what_is_not_its_own_changes_nothing(more: dict[str, Any]) -> None:
    o = Order()
    o.issue("lot:L/1", document="D1")
    o.output("M/1")
    o.reverse("D1", "lot:L/1", **more)
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})
    if more != {"order": "4712"}:  # that is another transformation, and its own conflict
        assert conflicts(o.h.trace(Way.FORWARD, "lot:L/1")) == ["unmatched_reversal"]
    o.reverse("D1", "lot:L/1", source="mes", correct=True)
    assert o.h.forward("lot:L/1") == {}


def test_no_more_is_reversed_than_a_document_posted() -> None:
    """What is too much of one document does not take away another."""
    o = Order()
    o.issue("lot:L/1", 100, document="D1")
    o.issue("lot:L/1", 50, document="D2")
    o.output("M/1")
    o.reverse("D1", "lot:L/1", 150)
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})
    assert conflicts(o.h.trace(Way.FORWARD, "lot:L/1")) == ["unmatched_reversal"]


def test_what_is_reversed_too_much_of_one_document_is_not_taken_from_another() -> None:
    o = Order()
    o.issue("lot:L/1", 100, document="D1")
    o.issue("lot:L/1", 50, document="D2")
    o.output("M/1")
    o.reverse("D1", "lot:L/1", 120)
    o.back("lot:L/1", 30)
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})


def test_an_order_whose_closing_may_be_void_is_open() -> None:
    o = Order()
    o.issue("lot:L/1")
    closing = o.close()
    o.h.tell(ev.Voided(occurred_at=at(41), target=closing, replaced_by=("never",)), source="erp")
    assert gaps(o.h.trace(Way.FORWARD, "lot:L/1")) == [("open_wip", Decimal(300), KG)]


def test_a_reversed_return_was_none() -> None:
    o = Order()
    o.issue("lot:L/1")
    o.output("M/1")
    o.back("lot:L/1", 300, document="D5")
    o.reverse("D5", "lot:L/1", 1, reversed_kind="returned_from_order")
    assert o.h.forward("lot:L/1") == named_map({"M/1": "certain"})


def test_a_returned_container_does_not_bring_back_what_it_stood_for() -> None:
    o = Order()
    o.h.pack("tray:T", "C/1", "C/2", at_hour=1)
    o.issue("tray:T", None, uom=None, document="D1")
    o.output("M/1")
    o.back("tray:T", None, uom=None)
    assert o.h.forward("C/1") == named_map({"M/1": "certain"})
    o.back("C/1", None, uom=None, hour=11)
    assert o.h.forward("C/1") == named_map({"M/1": "inferred"})
    assert o.h.backward("M/1")[item("C/1")] == "inferred"
    o.reverse("D1", "tray:T", uom=None)
    assert o.h.forward("C/2") == {}
    assert o.h.backward("M/1") == {}


def test_what_a_reversed_issue_took_had_not_left_its_container() -> None:
    """Else the lot would be missing where the container is used at last."""
    o = Order()
    o.h.pack("tray:T", "C/1", at_hour=1)
    o.issue("C/1", None, uom=None, document="D1", hour=2)
    o.reverse("D1", "C/1", uom=None, hour=3)
    o.h.made(["M/1"], ["tray:T"], at_hour=5)
    assert o.h.forward("C/1") == named_map({"M/1": "certain"})
    assert o.h.backward("M/1") == named_map({"C/1": "certain"})


def test_an_issue_booked_after_the_output_is_kept() -> None:
    o = Order()
    o.issue("lot:L/1", hour=20)
    o.output("M/1", hour=8)
    assert o.h.forward("lot:L/1") == named_map({"M/1": "against_time"})
    assert o.h.backward("M/1") == named_map({"lot:L/1": "against_time"})


def test_material_without_lot_issued_to_an_order() -> None:
    o = Order()
    o.h.tell(ev.Stored(occurred_at=at(1), site=ev_site("S"), items=(q("lot:G/1", 5, KG),)))
    o.issue("class:G", 2, basis=ev.Basis.BACKFLUSHED, document="D1")
    assert gaps(o.h.trace(Way.FORWARD, "lot:G/1")) == [("open_wip", Decimal(2), KG)]
    o.output("M/1")
    assert o.h.forward("lot:G/1") == named_map({"M/1": "basis,class_level"})
    o.reverse("D1", "class:G")
    assert o.h.forward("lot:G/1") == {}
    assert o.h.backward("M/1") == {}


@pytest.mark.parametrize("order", ["", "  ", "x" * 129, "47\n11"])
def test_numbers_are_numbers(order: str) -> None:
    with pytest.raises(ValueError, match="order: 1 to 128"):
        Order().issue("lot:L/1", order=order)


def test_a_posting_names_its_site() -> None:
    with pytest.raises(ValueError, match="site: name the site"):
        Order().issue("lot:L/1", site=None)
