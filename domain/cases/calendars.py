"""Working days, and the calendar arithmetic of deadlines: days, months and quarters as a law counts them.

A calendar is data (`services/regimes/calendars/*.toml`): its week, its holidays and its make-up working days (调休), of
the years that were announced. Of a year that it does not know it takes the week alone, and says so.
"""

import calendar as months
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

MAX_WORKING_DAYS = 1_000
"""Most working days that a deadline may count: four years."""


class InvalidCalendar(ValueError):
    """The data of a calendar contradict each other; the message names the field and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Which days an authority works. `rest_weekdays`: ISO numbers, 1 is Monday.

    `years` are those whose holidays are known; empty: it has none to know, its week is all there is.
    """

    code: str
    title: str
    rest_weekdays: frozenset[int]
    years: frozenset[int] = frozenset()
    holidays: frozenset[date] = frozenset()
    made_up: frozenset[date] = frozenset()
    """days of rest by the week that are worked all the same (调休上班)"""

    def works(self, day: date) -> bool:
        """Whether the authority works on that day."""
        if day in self.made_up:
            return True
        return day not in self.holidays and day.isoweekday() not in self.rest_weekdays

    def knows(self, first: date, last: date) -> bool:
        """Whether the holidays of every year from `first` to `last` are known."""
        return not self.years or all(year in self.years for year in range(first.year, last.year + 1))

    def after(self, day: date, working_days: int) -> date:
        """The last of so many working days, the first being the next one after `day` (the day itself never counts)."""
        if not 0 <= working_days <= MAX_WORKING_DAYS:
            raise ValueError(f"working_days: {working_days} is not from 0 to {MAX_WORKING_DAYS}")
        while working_days:
            day += timedelta(days=1)
            working_days -= self.works(day)
        return day


def months_after(day: date, count: int) -> date:
    """The day of the same number `count` months on; the last of its month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))


def quarter_end(day: date, count: int) -> date:
    """The last day of the `count`-th calendar quarter, 1 being the one that `day` lies in."""
    last_month = (day.month - 1) // 3 * 3 + 3
    begun = months_after(date(day.year, last_month, 1), 3 * (count - 1))
    return begun.replace(day=months.monthrange(begun.year, begun.month)[1])


def calendar_of(code: str, document: Mapping[str, Any]) -> Calendar:
    """A calendar from its data. Raises InvalidCalendar."""
    known = {"title", "rest_weekdays", "years", "holidays", "made_up"}
    unknown = sorted(set(document) - known)
    if unknown:
        raise InvalidCalendar(f"{code}: {unknown[0]} is not known: a calendar has {', '.join(sorted(known))}")
    rest = _whole_numbers(code, document, "rest_weekdays")
    if not rest <= set(range(1, 8)) or len(rest) == 7:
        raise InvalidCalendar(f"{code}: rest_weekdays: give ISO numbers, 1 is Monday, and leave one day to work")
    found = Calendar(
        code=code,
        title=str(document.get("title", code)),
        rest_weekdays=rest,
        years=_whole_numbers(code, document, "years"),
        holidays=_dates(code, document, "holidays"),
        made_up=_dates(code, document, "made_up"),
    )
    both = sorted(found.holidays & found.made_up)
    if both:
        raise InvalidCalendar(f"{code}: {both[0]} is a holiday and a working day: keep one")
    # A date of a year that is not listed would hide that the rest of that year is unknown.
    outside = sorted(d for d in found.holidays | found.made_up if d.year not in found.years)
    if outside:
        raise InvalidCalendar(f"{code}: {outside[0]} lies in a year that `years` does not list: add it there")
    return found


def _whole_numbers(code: str, document: Mapping[str, Any], name: str) -> frozenset[int]:
    values = document.get(name, [])
    if not isinstance(values, list) or not all(type(v) is int for v in values):
        raise InvalidCalendar(f"{code}: {name}: give a list of whole numbers")
    return frozenset(values)


def _dates(code: str, document: Mapping[str, Any], name: str) -> frozenset[date]:
    """The days of a list; a pair `[first, last]` stands for both and all between."""
    values, found = document.get(name, []), set()
    if not isinstance(values, list):
        raise InvalidCalendar(f"{code}: {name}: give a list of days, e.g. [2026-05-01, [2026-10-01, 2026-10-07]]")
    for value in values:
        pair = value if isinstance(value, list) else [value, value]
        if len(pair) != 2 or not all(type(d) is date for d in pair) or pair[0] > pair[1]:
            raise InvalidCalendar(f"{code}: {name}: {value} is neither a day nor a pair of first and last day")
        found |= {pair[0] + timedelta(days=n) for n in range((pair[1] - pair[0]).days + 1)}
    return frozenset(found)
