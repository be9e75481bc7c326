"""How often one address may ask without a key."""

import pytest

from services.problems import Problem
from services.query.client_rates import ClientRates


class Time:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def refused(rates: ClientRates, address: str | None) -> int | None:
    """Seconds until the next question, None where this one is admitted."""
    try:
        rates.admit(address)
    except Problem as problem:
        return int(problem.headers["Retry-After"])
    return None


def test_a_minutes_worth_comes_at_once_and_then_one_at_a_time() -> None:
    time = Time()
    rates = ClientRates(6, time)
    assert [refused(rates, "192.0.2.1") for _ in range(6)] == [None] * 6
    assert refused(rates, "192.0.2.1") == 10
    assert refused(rates, "192.0.2.2") is None, "another address is another client"
    time.seconds += 10
    assert [refused(rates, "192.0.2.1") for _ in range(2)] == [None, 10]
    time.seconds += 3_600
    assert [refused(rates, "192.0.2.1") for _ in range(7)] == [None] * 6 + [10]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("unix", None, False),
    ],
)
def test_addresses_of_one_client(one: str, other: str | None, *, same: bool) -> None:
    rates = ClientRates(1, Time())
    assert refused(rates, one) is None
    assert (refused(rates, other) is not None) is same


def test_the_table_is_bounded_and_forgets_who_came_longest_ago() -> None:
    rates = ClientRates(1, Time())
    for n in range(10_001):
        assert refused(rates, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") is None
    assert refused(rates, "10.0.0.0") is None
    assert refused(rates, "10.0.0.9") is not None


def test_no_limit_is_none() -> None:
    assert [refused(ClientRates(0, Time()), "192.0.2.1") for _ in range(99)] == [None] * 99
