"""Ids are read again from the log as they were written into it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain import gs1
from domain.ids import MAX_ID_CHARS, InvalidId, ItemId, PartyId, PlaceId

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
