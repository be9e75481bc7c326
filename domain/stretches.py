"""Stretches of time that signs begin and end: while an instrument was suspect, while a recipe was in use.

A sign may be known to a day only, or may yet be void: what lies surely inside is certain, the rest possible.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.bookings import may_begin_us
from domain.facts import EventFacts
from domain.happened import Happened

EDGE = "edge"
PENDING = "replacement_pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """[since, until) is where something may have been the case; (sure_since, sure_until) where it surely was.

    None: without end on that side. `reasons`: why only possibly, everywhere.
    """

    since_us: int | None = None
    until_us: int | None = None
    sure_since_us: int | None = None
    sure_until_us: int | None = None
    reasons: frozenset[str] = frozenset()

    def doubt(self, facts: EventFacts) -> frozenset[str]:
        """Why an event that overlaps it is only possibly in it; empty: it surely is."""
        after = self.sure_since_us is None or may_begin_us(facts) > self.sure_since_us
        before = self.sure_until_us is None or facts.latest_us < self.sure_until_us
        return self.reasons if after and before else self.reasons | {EDGE}

    def within(self, since_us: int | None, until_us: int | None) -> "Stretch | None":
        """The part of it that lies in a window; None: no part."""
        since = max((t for t in (self.since_us, since_us) if t is not None), default=None)
        until = min((t for t in (self.until_us, until_us) if t is not None), default=None)
        if since is not None and until is not None and since >= until:
            return None
        sure = {"sure_since_us": self.sure_since_us, "sure_until_us": self.sure_until_us}
        return Stretch(since_us=since, until_us=until, reasons=self.reasons, **sure)


def from_sign(sign: Happened, ends: Sequence[Happened], *, reasons: Iterable[str] = ()) -> Stretch:
    """From a sign to the first end that surely comes after it and stands."""
    facts = sign.facts
    after = [e for e in ends if not e.pending and e.facts.earliest_us > facts.latest_us]
    maybe = [e for e in ends if e.no != sign.no and e.facts.latest_us >= facts.earliest_us]
    last_us = min((e.facts.latest_us for e in after), default=None)
    sure_us = min((e.facts.earliest_us for e in maybe), default=None)
    return Stretch(
        since_us=facts.earliest_us,
        until_us=last_us + 1 if last_us is not None else None,
        sure_since_us=facts.latest_us,
        sure_until_us=sure_us,
        reasons=_reasons(sign, reasons),
    )


def up_to_sign(sign: Happened, begins: Sequence[Happened], *, reasons: Iterable[str] = ()) -> Stretch:
    """From the last beginning that surely comes before a sign and stands, to the sign."""
    facts = sign.facts
    before = [b for b in begins if not b.pending and b.facts.latest_us < facts.earliest_us]
    maybe = [b for b in begins if b.no != sign.no and b.facts.earliest_us <= facts.latest_us]
    return Stretch(
        since_us=max((b.facts.earliest_us for b in before), default=None),
        until_us=facts.latest_us + 1,
        sure_since_us=max((b.facts.latest_us for b in maybe), default=None),
        sure_until_us=facts.earliest_us,
        reasons=_reasons(sign, reasons),
    )


def _reasons(sign: Happened, reasons: Iterable[str]) -> frozenset[str]:
    return frozenset({*reasons, *({PENDING} if sign.pending else ())})


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration that counts; `left_good` None: nothing says how an instrument found out of tolerance was left."""

    event: Happened
    found_good: bool
    left_good: bool | None


UNKNOWN_LEFT = "left_unknown"


def suspect(calibrations: Iterable[Calibration], *, found_by: str | None = None) -> list[Stretch]:
    """When an instrument was, or may have been, out of tolerance (IATF 16949 7.1.5.2.1).

    Before a calibration that found it so, back to the last that surely left it good; and after one that does not say
    that it left it good, until the next that did. `found_by`: only what the calibration of this event id brought up.
    """
    told = list(calibrations)
    good = [c.event for c in told if c.left_good]
    found = []
    for c in told:
        if found_by is not None and c.event.facts.event_id != found_by:
            continue
        if not c.found_good:
            found.append(up_to_sign(c.event, good))
        if not c.left_good:
            unknown = () if c.left_good is False else (UNKNOWN_LEFT,)
            found.append(from_sign(c.event, good, reasons=unknown))
    return found


def in_use(changes: Iterable[tuple[Happened, bool]]) -> list[Stretch]:
    """When a recipe was in use on one equipment, from all its changes; true: to the recipe asked about."""
    told = list(changes)
    others = [event for event, to_it in told if not to_it]
    return [from_sign(event, others) for event, to_it in told if to_it]
