"""Ids are read again from the log as they were written into it."""

import pytest

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
