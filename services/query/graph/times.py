"""Instants as RFC 3339, many at once: what `domain.moments.iso` gives."""

import numpy as np

from domain.moments import DAY_US, iso
from services.query.graph.groups import Ints, told_apart
from services.query.graph.texts import Texts
from services.query.weaving import Column, Part, woven

_SECOND_US = 1_000_000
_DATE = len("2026-03-01T")


def _digits(width: int) -> Texts:
    return Texts.of([f"{n:0{width}}".encode() for n in range(10**width)])


_TWO, _THREE = _digits(2), _digits(3)


def iso_texts(instants_us: Ints) -> Texts:
    """In UTC; fractions of a second only where there are any."""
    day, of_day_us = np.divmod(instants_us, DAY_US)
    second, fraction_us = np.divmod(of_day_us, _SECOND_US)
    days, which = told_apart(day)
    dates = Texts.of([iso(n * DAY_US)[:_DATE].encode() for n in days.tolist()])
    some = np.flatnonzero(fraction_us)
    fractions = woven(
        (b".", Column.of(_THREE, fraction_us[some] // 1_000), Column.of(_THREE, fraction_us[some] % 1_000)), len(some)
    )
    fraction = Column(len(instants_us), (Part(fractions, np.arange(len(some)), some),))
    hour, minute = Column.of(_TWO, second // 3_600), Column.of(_TWO, second // 60 % 60)
    pieces = (Column.of(dates, which), hour, b":", minute, b":", Column.of(_TWO, second % 60), fraction, b"Z")
    return woven(pieces, len(instants_us))
