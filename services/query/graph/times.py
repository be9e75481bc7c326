"""Instants as RFC 3339, many at once: what `domain.moments.iso` gives."""

from functools import cache

import numpy as np

from domain.moments import DAY_US
from services.query.graph.groups import Ints, told_apart
from services.query.graph.texts import Texts
from services.query.weaving import Column, Part, woven

_SECOND_US = 1_000_000


def iso_texts(instants_us: Ints) -> Texts:
    """In UTC; fractions of a second only where there are any."""
    day, of_day_us = np.divmod(instants_us, DAY_US)
    second, fraction_us = np.divmod(of_day_us, _SECOND_US)
    days, which = told_apart(day)
    dates = Texts.of([b"%bT" % date for date in np.datetime_as_string(days.astype("M8[D]")).astype("S").tolist()])
    return woven((Column.of(dates, which), Column.of(_of_day(), second), _fractions(fraction_us), b"Z"), len(second))


def _fractions(fraction_us: Ints) -> Column | bytes:
    """A point and six digits where they are not zero."""
    some = np.flatnonzero(fraction_us)
    if not len(some):
        return b""
    digits = _digits(3)
    pieces = (b".", Column.of(digits, fraction_us[some] // 1_000), Column.of(digits, fraction_us[some] % 1_000))
    return Column(len(fraction_us), (Part(woven(pieces, len(some)), np.arange(len(some)), some),))


@cache
def _of_day() -> Texts:
    """Each second of a day."""
    two, second = _digits(2), np.arange(86_400)
    pieces = (
        Column.of(two, second // 3_600),
        b":",
        Column.of(two, second // 60 % 60),
        b":",
        Column.of(two, second % 60),
    )
    return woven(pieces, len(second))


@cache
def _digits(width: int) -> Texts:
    return Texts.of([f"{n:0{width}}".encode() for n in range(10**width)])
