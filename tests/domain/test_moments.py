"""What a time may be, and what is refused in words."""

import pytest

from domain.moments import InvalidMoment, Moment


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01+14:00", "9999-12-31", "yesterday", ""],
)
def test_a_time_outside_all_time_is_refused_as_any_other_that_is_none(text: str) -> None:
    with pytest.raises(InvalidMoment):
        Moment.parse(text, zone="+00:00")
