"""When what was only booked was made: at the booking or before it (docs/semantics.md, 'What is only booked')."""

from collections.abc import Iterable

from domain.facts import EventFacts
from domain.happened import OrderStart
from domain.moments import DAY_US

BOOKED_LATER = "booked_later"
BOOKING, ISSUE = "output_reported", "issued_to_order"
BOOKED_WITHIN_US = 31 * DAY_US
"""What is made is booked before the month's books are closed."""
ISSUED_LATE_US = DAY_US
"""An issue is booked on the day the material goes, not at the instant."""
UNSURE_BASES = ("allocated", "backflushed", "inferred")
"""An input with one of these is booked after the work, or by a rule: it does not say that work began then."""


def is_booked(facts: EventFacts) -> bool:
    """Whether the event books what was made, and does not tell when it was."""
    return facts.kind == BOOKING


def may_begin_us(facts: EventFacts) -> int:
    """The earliest instant at which the event, by itself, lets its outputs be made."""
    untold = is_booked(facts) and facts.started_us is None
    return facts.earliest_us - BOOKED_WITHIN_US if untold else facts.begins_us


def made_since_us(facts: EventFacts, starts: Iterable[OrderStart]) -> int:
    """The same, with what is known of how its order began."""
    since_us = may_begin_us(facts)
    issued_us = _issued_us(starts) if is_booked(facts) and facts.started_us is None else None
    return since_us if issued_us is None else max(since_us, issued_us - ISSUED_LATE_US)


def is_bounded(facts: EventFacts, starts: Iterable[OrderStart]) -> bool:
    """Whether the record itself says how far back the making may lie."""
    return not is_booked(facts) or facts.started_us is not None or _issued_us(starts) is not None


def _issued_us(starts: Iterable[OrderStart]) -> int | None:
    """When the order was first issued to; None where something of it may have been made before.

    An issue that may yet be void is no first one, but may be an earlier one. Issues by `UNSURE_BASES` are none.
    """
    issues, sure, booked = [], [], []
    for start in starts:
        begins_us = start.event.facts.begins_us
        if start.event.facts.kind == BOOKING:
            booked.append(begins_us)
        elif start.sure:
            issues.append(begins_us)
            if not start.event.pending:
                sure.append(begins_us)
    if not sure or min(booked, default=min(sure) + 1) <= min(sure):
        return None
    return min(issues)
