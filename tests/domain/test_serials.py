"""Serials that count in an alphabet, with a check digit: docs/semantics.md 'Serial ranges'."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events as ev
from domain.ids import ItemId
from domain.serials import DIGITS_AND_LETTERS, Shape, serials_of, vin_check_digit, within
from tests.domain.telling import History, at, item, q

PRODUCT = item("class:P")


def serials(first: str, last: str, **more: object) -> list[str]:
    found = serials_of(PRODUCT, first, last, **more)  # type: ignore[arg-type]
    members = [i.rsplit(":", 1)[1] for i in found.items()]
    assert found.count == len(members)
    assert all(found.holds(i) for i in found.items())
    return members


def test_check_digits_of_vehicle_numbers() -> None:
    assert vin_check_digit("1M8GDM9AXKP042788") == "X"
    assert vin_check_digit("11111111111111111") == "1"
    assert vin_check_digit("1M8GDM9AXKP04278") is None
    assert vin_check_digit("1M8GDM9AXKPO42788") is None


def test_digits_step_and_exclusions() -> None:
    assert serials("B-0009", "B-0013", step=2, exclude=("B-0011",)) == ["B-0009", "B-0013"]


def test_letters_count_by_their_position_not_as_text() -> None:
    assert serials("X9Y", "XA1", alphabet=DIGITS_AND_LETTERS, width=2) == ["X9Y", "X9Z", "XA0", "XA1"]
    assert serials("QZ", "QX", alphabet="ZYX", width=1) == ["QZ", "QY", "QX"]


def test_a_vehicle_number_counts_over_its_check_digit() -> None:
    # by hand: one more in the last place (weight 2) moves the sum by 2; 89 to 90 by 3 - 9 * 2
    found = serials("1M8GDM9AXKP042788", "1M8GDM9A8KP042790", check="vin")
    assert found == ["1M8GDM9AXKP042788", "1M8GDM9A1KP042789", "1M8GDM9A8KP042790"]


def test_a_gs1_check_digit_ends_the_serial() -> None:
    assert serials("1007", "1038", check="gs1") == ["1007", "1014", "1021", "1038"]


@pytest.mark.parametrize(
    ("first", "last", "more", "field"),
    [
        ("B0001", "C0002", {}, "last"),
        ("B0002", "B0001", {}, "last"),
        ("B001", "B0002", {}, "last"),
        ("ABC", "ABD", {}, "width"),
        ("B0001", "B0004", {"step": 2}, "last"),
        ("B0001", "B0004", {"step": 0}, "step"),
        ("B0001", "B0004", {"exclude": ("B0005",)}, "exclude"),
        ("B0001", "B0004", {"exclude": ("B0002", "B0002")}, "exclude"),
        ("B1", "B1", {"exclude": ("B1",)}, "exclude"),
        ("B1", "B2", {"alphabet": "11"}, "alphabet"),
        ("B1", "B2", {"width": 3}, "width|first"),
        ("A" * 20, "B" * 20, {"alphabet": DIGITS_AND_LETTERS}, "width"),
        ("1M8GDM9A1KP042788", "1M8GDM9AXKP042788", {"check": "vin"}, "first: the ninth character .* digit X"),
        ("1001", "1006", {"check": "gs1"}, "first: 1001 must end in the check digit 7"),
    ],
)
def test_what_does_not_count_up_is_refused(first: str, last: str, *, more: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=f"^({field})"):
        ev.SerialRange(product=PRODUCT, first=first, last=last, **more)  # type: ignore[arg-type]


def test_the_quantity_beside_a_range_is_its_length() -> None:
    serials = ev.SerialRange(product=PRODUCT, first="B1", last="B9")
    assert ev.Output(range=serials, quantity=Decimal(9)).range == serials
    with pytest.raises(ValueError, match="quantity: 8 is said, the range holds 9"):
        ev.Output(range=serials, quantity=Decimal(8))


@given(st.sampled_from(["0123456789", "ZYXW", DIGITS_AND_LETTERS]), st.integers(1, 5), st.data())
def test_writing_and_reading_are_each_others_inverse(alphabet: str, width: int, data: st.DataObject) -> None:
    for check, head in ((None, "H-"), ("gs1", "77")) if alphabet == "0123456789" else ((None, "H-"),):
        shape = Shape(alphabet, width, check)
        ordinal = data.draw(st.integers(0, len(alphabet) ** width - 1))
        assert shape.read(shape.write(head, ordinal)) == (head, ordinal)
        assert Shape.of_key(shape.key) == shape


@pytest.mark.parametrize(
    ("serial", "first", "last", "inside"),
    [
        ("S2", "S1", "S10", True),
        ("S11", "S1", "S10", False),
        ("T5", "S1", "S10", False),
        ("A0", "9Y", "A1", True),
        ("9X", "9Y", "A1", False),
        ("1M8GDM9A1KP042789", "1M8GDM9AXKP042788", "1M8GDM9A8KP042790", True),
        ("zz", "a?", "b?", True),
    ],
)
def test_a_recall_of_a_stretch_of_serials(serial: str, first: str, last: str, *, inside: bool) -> None:
    assert within(serial, first, last) is inside


def test_a_recall_by_serials_reaches_vehicles_by_their_counter() -> None:
    h = History()
    vins = list(serials_of(PRODUCT, *VINS, check="vin").items())
    h.tell(
        ev.Commissioned(
            occurred_at=at(1),
            items=(ev.Output(range=ev.SerialRange(product=PRODUCT, first=VINS[0], last=VINS[1], check="vin")),),
        )
    )
    scope = ev.ProductScope(product=PRODUCT, first_serial=VINS[0], last_serial=vins[3].rsplit(":", 1)[1], check="vin")
    h.tell(ev.RecallDeclared(occurred_at=at(2), recall_id="R", products=(scope,)))
    recalled = [bool(h.state(f"P/{i.rsplit(':', 1)[1]}").recalls) for i in vins]
    assert recalled == [True] * 4 + [False] * (len(vins) - 4)
    assert sorted(vins) != vins  # as texts they stand in another order


VINS = ("1M8GDM9AXKP042788", Shape("0123456789", 6, "vin").write("1M8GDM9A*KP", 42797))


def test_members_of_a_range_live_as_if_each_had_been_listed() -> None:
    h = History()
    serials = ev.SerialRange(product=PRODUCT, first="B1", last="B3", exclude=("B2",))
    h.made([ev.Output(range=serials, lot=item("lot:P/7"))], of=["lot:C/9"], at_hour=1)
    h.tell(ev.Sold(occurred_at=at(2), items=(q("P/B3"),)))
    assert h.forward("lot:C/9") == h.forward("lot:P/7") == {item("P/B1"): "certain", item("P/B3"): "certain"}
    assert set(h.backward("P/B1")) == {item("lot:C/9"), item("lot:P/7")}
    assert (h.state("P/B1").status, h.state("P/B3").status, h.state("P/B2").event_count) == ("in_stock", "sold", 0)


def test_a_recall_by_serials_does_not_reach_a_unit_by_way_of_its_lot() -> None:
    h = History()
    serials = ev.SerialRange(product=PRODUCT, first="B1", last="B4")
    h.made([ev.Output(range=serials, lot=item("lot:P/7"))], at_hour=1)
    scope = ev.ProductScope(product=PRODUCT, first_serial="B1", last_serial="B2")
    h.tell(ev.RecallDeclared(occurred_at=at(2), recall_id="R", products=(scope,)))
    assert [h.state(f"P/B{n}").recalls for n in (1, 2, 3, 4)] == [("R",), ("R",), (), ()]


def test_a_serial_commissioned_in_two_ranges_is_a_conflict() -> None:
    h = History()
    told = [
        h.tell(ev.Commissioned(occurred_at=at(1), items=(ev.Output(range=ev.SerialRange(
            product=PRODUCT, first=first, last=last)),)))
        for first, last in (("B1", "B5"), ("B5", "B9"))
    ]  # fmt: skip
    [conflict] = h.state("P/B5").conflicts
    assert (conflict.code, conflict.event_ids) == ("commissioned_twice", tuple(told))
    assert h.state("P/B4").conflicts == ()


@given(
    head=st.text(st.sampled_from('aé\u0301\u0338>"\u3000 批/%'), max_size=5),
    alphabet=st.sampled_from([None, "AB", "é批", "A\u0301", 'x"', "A\u3000"]),
    product=st.sampled_from(["urn:zhuisu:class:own:P", "https://id.gs1.org/01/09506000134352", "9" * 300]),
    times=st.sampled_from([1, 100]),
)
def test_members_of_a_range_that_is_taken_are_read_again_as_they_are(
    *, head: str, alphabet: str | None, product: str, times: int
) -> None:
    """Else a frozen set that has one would lose the part that lists it."""
    low, high = ("1", "3") if alphabet is None else (alphabet[0], alphabet[1])
    material = ItemId.parse({"product": product} if ":" not in product else product)
    try:
        named = ev.SerialRange(product=material, first=head * times + low, last=head * times + high, alphabet=alphabet)
    except ValueError:
        return
    found = named.serials
    for member in found.items():
        again = ItemId.recorded(str(member))
        assert ItemId.recorded(str(again)) == again  # whatever is in the log is read
        if found.flaw() is None:
            assert ItemId.parse(str(member)) == member
            assert found.holds(member)


def test_a_letter_and_its_mark_in_serials_are_one_sign() -> None:
    found = serials_of(PRODUCT, "e\u03011", "e\u03013", exclude=("e\u03012",))
    assert [str(i) for i in found.items()] == ["urn:zhuisu:unit:own:P:\xe91", "urn:zhuisu:unit:own:P:\xe93"]
    assert all(found.holds(ItemId.parse(str(i))) for i in found.items())


def test_a_member_longer_than_an_id_is_read_from_the_log_and_not_taken_any_more() -> None:
    found = serials_of(PRODUCT, "S" * 600 + "1", "S" * 600 + "3")
    assert "at most 512" in (found.flaw() or "")
    for member in found.items():
        assert ItemId.recorded(str(member)) == member
        assert found.holds(member)
