"""Working days, months and quarters as a law counts them."""

import calendar as months
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.calendars import Calendar, InvalidCalendar, calendar_of, months_after, quarter_end

DAYS = st.dates(date(2001, 1, 1), date(2039, 12, 31))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    near = st.lists(st.dates(date(2025, 1, 1), date(2026, 12, 31)), max_size=20)
    holidays = frozenset(draw(near))
    return Calendar(
        code="any",
        title="any",
        rest_weekdays=draw(st.frozensets(st.integers(1, 7), max_size=6)),
        years=frozenset({2025, 2026}),
        holidays=holidays,
        made_up=frozenset(draw(near)) - holidays,
    )


@given(calendars(), st.dates(date(2024, 11, 1), date(2027, 2, 1)), st.integers(1, 40))
def test_the_last_working_day_is_one_and_as_many_lie_between(any_calendar: Calendar, day: date, count: int) -> None:
    last = any_calendar.after(day, count)
    between = [day + timedelta(days=n) for n in range(1, (last - day).days + 1)]
    assert any_calendar.works(last)
    assert sum(map(any_calendar.works, between)) == count


@given(calendars(), st.dates(date(2024, 11, 1), date(2027, 2, 1)), st.tuples(st.integers(0, 20), st.integers(0, 20)))
def test_working_days_add_up(any_calendar: Calendar, day: date, counts: tuple[int, int]) -> None:
    first, second = counts
    assert any_calendar.after(any_calendar.after(day, first), second) == any_calendar.after(day, first + second)


@given(DAYS, st.integers(0, 240))
def test_a_month_on_is_the_same_day_or_the_last_of_its_month(day: date, count: int) -> None:
    found = months_after(day, count)
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == count
    assert found.day == min(day.day, months.monthrange(found.year, found.month)[1])


@given(DAYS, DAYS, st.integers(0, 60))
def test_who_begins_later_is_due_no_earlier(one: date, other: date, count: int) -> None:
    first, second = sorted((one, other))
    assert months_after(first, count) <= months_after(second, count)
    assert quarter_end(first, count + 1) <= quarter_end(second, count + 1)


@given(DAYS, st.integers(1, 40))
def test_a_quarter_ends_on_the_last_day_of_its_third_month(day: date, count: int) -> None:
    end = quarter_end(day, count)
    assert end.month % 3 == 0
    assert (end + timedelta(days=1)).day == 1
    assert 3 * (count - 1) <= (end.year - day.year) * 12 + end.month - day.month < 3 * count


def test_the_year_ends_are_counted_over() -> None:
    assert months_after(date(2025, 11, 30), 3) == date(2026, 2, 28)
    assert months_after(date(2023, 11, 30), 3) == date(2024, 2, 29)
    assert quarter_end(date(2026, 12, 31), 1) == date(2026, 12, 31)
    assert quarter_end(date(2026, 10, 1), 2) == date(2027, 3, 31)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"rest_weekdays": [1, 2, 3, 4, 5, 6, 7]}, "leave one day to work"),
        ({"rest_weekdays": [0]}, "ISO numbers"),
        ({"rest_weekdays": [6], "years": [2026], "holidays": [[date(2026, 5, 5), date(2026, 5, 1)]]}, "neither a day"),
        ({"rest_weekdays": [6], "years": [2026], "holidays": ["2026-05-05"]}, "neither a day"),
        ({"rest_weekdays": [6], "years": [2025], "holidays": [date(2026, 5, 5)]}, "`years` does not list"),
        (
            {"rest_weekdays": [6], "years": [2026], "holidays": [date(2026, 5, 9)], "made_up": [date(2026, 5, 9)]},
            "is a holiday and a working day",
        ),
        ({"rest_weekdays": [6], "holiday": []}, "holiday is not known"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused_with_the_fix(document: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidCalendar, match=told):
        calendar_of("mine", document)
