"""What a time may be, and what is refused in words."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.moments import InvalidMoment, Moment


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01+14:00", "9999-12-31", "yesterday", ""],
)
def test_a_time_outside_all_time_is_refused_as_any_other_that_is_none(text: str) -> None:
    with pytest.raises(InvalidMoment):
        Moment.parse(text, zone="+00:00")


@given(
    moment=st.datetimes(),
    digits=st.integers(0, 6),
    offset=st.sampled_from(["Z", "+00:00", "+08:00", "-11:30", "+14:00", "+24:00", "+08:61"]),
)
def test_a_plain_time_is_read_as_one_that_is_first_put_right(moment: datetime, digits: int, offset: str) -> None:
    fraction = f".{moment.microsecond:06d}"[: digits + 1] if digits else ""
    text = f"{moment:%H:%M:%S}{fraction}{offset}"
    day = moment.date().isoformat()

    def read(told: str) -> object:
        try:
            found = Moment.parse(told)
        except InvalidMoment:
            return None
        return found.earliest_us, found.latest_us

    assert read(f"{day}T{text}") == read(f"{day} {text}")
    if (found := read(f"{day}T{text}")) is not None:
        assert Moment.parse(f"{day}T{text}").text == f"{day}T{text}"
        assert found[0] == found[1]
