"""Ids are read again from the log as they were written into it."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain import gs1
from domain.ids import (
    MAX_ID_CHARS,
    InvalidId,
    ItemId,
    PartyId,
    PlaceId,
    drawn_from,
    lot_of_supplier,
    number_of,
)

QUOTED = '"' * 200  # each is three characters in a canonical link
GTIN, GLN = "09506000134352", "4000001000005"


@pytest.mark.parametrize(
    ("of", "sent"),
    [
        (ItemId, {"product": "P" * 300, "serial": "S" * 300}),
        (ItemId, {"product": "P", "serial": QUOTED}),
        (ItemId, {"gtin": GTIN, "lot": QUOTED}),
        (ItemId, f"https://id.gs1.org/01/{GTIN}/21/{QUOTED}"),
        (PlaceId, f"https://id.gs1.org/414/{GLN}/254/{QUOTED}"),
        (PartyId, f"https://id.gs1.org/414/{GLN}/254/{QUOTED}"),
    ],
)
def test_an_id_that_is_too_long_once_it_is_put_together_is_refused(of: type[ItemId], sent: object) -> None:
    """Else it would be accepted, and nobody could read it from the log."""
    with pytest.raises(InvalidId, match=f"at most {MAX_ID_CHARS}"):
        of.parse(sent)


@pytest.mark.parametrize("sent", [{"product": "P" * 200, "serial": "S" * 200}, {"gtin": GTIN, "serial": '"/%'}])
def test_an_id_is_the_same_when_it_is_read_again(sent: dict[str, str]) -> None:
    assert ItemId.parse(ItemId.parse(sent)) == ItemId.parse(str(ItemId.parse(sent)))


PATHS = st.lists(
    st.sampled_from(
        [
            *("01", "gtin", "10", "21", "lot", "00", "414", "254", "x", "", "%41", "A B", "?", "#", ";", "é", "\t"),
            *(GTIN, "9506000134352", "09506000134353", GLN, "SERIAL-1", "L/2", "urn:a", "[", "]"),
        ]
    ),
    max_size=7,
).map("/".join)


@given(path=PATHS)
@example(path=f"01/{GTIN}/10/L1/21/S1")
@example(path=f"01/{GTIN}/21/S?x=1")
def test_a_link_on_the_canonical_host_is_read_as_on_any_other(path: str) -> None:
    """Those that are plain are taken apart without looking for host and query."""

    def read(host: str) -> object:
        try:
            return gs1.parse(f"https://{host}/{path}")
        except InvalidId as error:
            return str(error)

    assert read("id.gs1.org") == read("id.example.org")


@pytest.mark.parametrize("sent", ["urn:zhuisu:unit:own:P:1", "urn:Zhuisu:unit:own:P:1", "URN:ZHUISU:unit:own:P:1"])
def test_a_native_id_in_a_uri_is_one_however_its_scheme_is_written(sent: str) -> None:
    assert ItemId.parse(sent) == "urn:zhuisu:unit:own:P:1"


def test_a_native_id_with_a_space_in_it_is_none() -> None:
    with pytest.raises(InvalidId):
        ItemId.parse("urn:zhuisu:lot:a b:P:1")


WORDS = st.text(st.sampled_from("aZ7/:%>- \u3000\u00a0\u2028\x85\u0301\u0338é批号"), min_size=1, max_size=6)


@given(issuer=st.none() | WORDS, product=WORDS, number=WORDS, which=st.sampled_from(["lot", "serial"]))
@example(issuer=None, product="电芯", number="批号　5", which="lot")
@example(issuer="甲　公司", product="P", number="1", which="serial")
def test_a_native_id_that_is_taken_is_read_from_the_log_as_it_is(
    *, issuer: str | None, product: str, number: str, which: str
) -> None:
    """Words are kept as they are written: a wide space in a lot number is no reason to lose its events."""
    try:
        item = ItemId.parse({"issuer": issuer, "product": product, which: number})
    except InvalidId:
        return
    assert ItemId.parse(str(item)) == item


def test_a_lot_number_with_a_wide_space_is_taken() -> None:
    item = ItemId.parse({"product": "电芯", "lot": "批号　5"})
    assert item == "urn:zhuisu:lot:own:电芯:批号　5"
    assert (ItemId.parse(str(item)), number_of(item)) == (item, "批号　5")


@given(text=WORDS | st.text(max_size=4) | st.just("V" * 500) | st.just('"' * 200))
@example(text="e\u0301")
@example(text="a\nb")
@example(text=" ")
def test_what_an_event_names_without_an_id_has_one_that_is_read_again(text: str) -> None:
    """The event is in the log: who refused it here would lose it, or every trace through that vessel."""
    for item in (
        drawn_from(text, "event-1"),
        drawn_from("V", text),
        lot_of_supplier(text, supplier="urn:test:s", material="urn:zhuisu:class:own:P"),
        lot_of_supplier("L", supplier=text, material=None),
    ):
        assert ItemId.parse(str(item)) == item
        assert item.kind == "lot"


@pytest.mark.parametrize(
    "sent", [f"https://id.gs1.org/01/{GTIN}/10/e%CC%81", f"https://id.gs1.org/01/{GTIN}/10/e\u0301"]
)
def test_a_letter_and_its_mark_in_a_link_are_one_sign(sent: str) -> None:
    """The log is read so: whoever asked with two signs was told that there is no such item."""
    assert ItemId.parse(sent) == f"https://id.gs1.org/01/{GTIN}/10/\xe9" == ItemId.parse(str(ItemId.parse(sent)))


def test_a_link_with_a_sign_that_no_id_may_have_is_read_from_the_log_as_it_is() -> None:
    item = ItemId.parse(f"https://id.gs1.org/01/{GTIN}/10/a%C2%85b")
    assert ItemId.parse(str(item)) == item


ENCODED = st.lists(
    st.sampled_from([*"aZ7>=<%:;é批", "\u3000", "\u0301", "\u0338", "\u0323", "\u1100", "\u1161", "%3E", "%20"]),
    max_size=6,
).map("".join)


@given(tail=ENCODED, host=st.sampled_from(["https://id.gs1.org", "https://x.org", "urn:test"]), quoted=st.booleans())
@example(tail="a\u3000", host="https://id.gs1.org", quoted=True)
@example(tail=">\u0301", host="https://id.gs1.org", quoted=True)
@example(tail=">\u0338", host="https://id.gs1.org", quoted=False)
@example(tail=">\u0323\u0301", host="https://id.gs1.org", quoted=True)
def test_an_id_that_is_taken_is_the_same_when_it_is_read_and_when_it_is_asked(
    *, tail: str, host: str, quoted: bool
) -> None:
    """What is taken is written into the log, read from it, and found by who asks with what was sent."""
    for sort in (f"01/{GTIN}/10/", f"01/{GTIN}/21/", "8004/4000001", f"414/{GLN}/254/"):
        sent = f"{host}:{sort}{tail}" if host == "urn:test" else f"{host}/{sort}{quote(tail) if quoted else tail}"
        for of in (ItemId, PlaceId, PartyId):
            try:
                taken = of.parse(sent)
            except InvalidId:
                continue
            assert of.parse(str(taken)) == taken == of.recorded(str(taken))
            assert of.parse(sent) == taken


def test_a_wide_space_that_ends_a_link_stays() -> None:
    sent = f"https://id.gs1.org/01/{GTIN}/10/a%E3%80%80"
    assert ItemId.parse(sent) == sent
