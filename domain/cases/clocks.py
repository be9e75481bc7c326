"""Clocks of a case: what is due when, what was met, what is overdue (docs/recall.md, 'Clocks').

A clock is computed at read from what happened in the case and a regime profile; nothing of it is stored but the acts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

from domain.cases.calendars import Calendar, months_after, quarter_end
from domain.cases.regimes import STEPS_MAX, Due, Duty, Regime
from domain.moments import from_us, to_us

HOUR_US = 3_600_000_000

_ENDS = frozenset({"effort_stopped", "closed"})

Status = Literal["due", "overdue", "met", "met_late"]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened in a case, by the name that profiles use: an act, a fact told, `met:<duty>`.

    Where only the day is known, `earliest_us` starts clocks and `latest_us` meets them: never a day too much.
    `regime` and `step` narrow what a `met:` is about; None: whatever is due.
    """

    name: str
    earliest_us: int
    latest_us: int
    event_id: str
    regime: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One thing due once. `step` counts the times of a duty that repeats, or its triggers, from 1.

    `calendar_known` False: working days of a year whose holidays nobody has announced; `due_us` may be off.
    """

    regime: str
    duty: Duty
    step: int
    started_us: int
    started_by: str
    due_us: int
    calendar_known: bool
    met_us: int | None = None
    met_by: str | None = None

    def status(self, now_us: int) -> Status:
        """Met at the last instant allowed is in time."""
        if self.met_us is not None:
            return "met" if self.met_us <= self.due_us else "met_late"
        return "due" if now_us <= self.due_us else "overdue"

    def reached(self, shares: Sequence[Fraction], now_us: int) -> Fraction | None:
        """The greatest of these shares of the time allowed that has passed; None: none, or it is met."""
        if self.met_us is not None:
            return None
        gone, allowed = now_us - self.started_us, self.due_us - self.started_us
        return max((s for s in shares if gone >= s * allowed), default=None)

    def changes_us(self, shares: Sequence[Fraction], now_us: int) -> int | None:
        """The next instant at which one of these shares has passed, or it is due; None: nothing more comes by itself.

        Also what is met is due: then what repeats begins anew.
        """
        allowed = self.due_us - self.started_us
        passing = [self.started_us + ceil(share * allowed) for share in shares] if self.met_us is None else []
        return min((at_us for at_us in (*passing, self.due_us) if at_us > now_us), default=None)


def due_of(due: Due, started_us: int, *, times: int, regime: Regime, calendar: Calendar) -> tuple[int, bool]:
    """The last instant allowed when so many `times` of it are, and whether the calendar knew every day it counted."""
    if due.unit == "hours":
        return started_us + due.count * times * HOUR_US, True
    zone = ZoneInfo(regime.zone)
    first = from_us(started_us).astimezone(zone).date()
    last = _last_day(due, first, times=times, calendar=calendar)
    ended = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
    return to_us(ended), due.unit != "working_days" or calendar.knows(first, last)


def _last_day(due: Due, first: date, *, times: int, calendar: Calendar) -> date:
    match due.unit:
        case "days" | "hours":
            return first + timedelta(days=due.count * times)
        case "working_days":
            day = first
            for _ in range(times):
                day = calendar.after(day, due.count)
            return day
        case "months":
            return months_after(first, due.count * times)
        case "quarters":
            return quarter_end(first, due.count * times) + timedelta(days=due.grace_days)


def clocks_of(regime: Regime, happened: Sequence[Happening], *, calendar: Calendar, now_us: int) -> tuple[Clock, ...]:
    """Every clock that has started, in the order of the profile.

    `happened` in the order it was recorded: what is recorded later never renumbers a step.
    """
    reading = _Reading(regime, _standing(regime, happened), calendar, now_us)
    return tuple(c for duty in regime.duties for c in reading.clocks(duty))


def waiting_of(regime: Regime, clocks: Iterable[Clock]) -> tuple[Duty, ...]:
    """The duties that nothing has started yet."""
    started = {c.duty.code for c in clocks}
    return tuple(d for d in regime.duties if d.code not in started)


def _follows_end(duty: Duty) -> bool:
    """Whether it is owed once a case is over, each time it is: its steps count how often."""
    return set(duty.trigger) <= _ENDS


def _standing(regime: Regime, happened: Sequence[Happening]) -> list[Happening]:
    """What happened, without the ends of a case that was reopened since, and what was reported of them."""
    reopened = max((n for n, h in enumerate(happened) if h.name == "reopened"), default=-1)
    undone = _ENDS.union(*({f"met:{d.code}", *d.met_by} for d in regime.duties if _follows_end(d)))
    return [h for n, h in enumerate(happened) if n > reopened or h.name not in undone]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One profile over what happened in one case."""

    regime: Regime
    happened: Sequence[Happening]
    calendar: Calendar
    now_us: int

    def clocks(self, duty: Duty) -> list[Clock]:
        started = self._started(duty)
        return self._met(duty, self._repeated(duty, started) if duty.repeat else started)

    def _started(self, duty: Duty) -> list[Clock]:
        """A clock for the earliest trigger, or for each."""
        triggers = list(enumerate(self._named(duty.trigger), 1))
        if duty.requires:
            first_us = min((h.earliest_us for h in self._named(duty.requires)), default=None)
            triggers = [(n, t) for n, t in triggers if first_us is not None and t.latest_us >= first_us]
        if not duty.each:
            step = 1 + (sum(h.name == "reopened" for h in self.happened) if _follows_end(duty) else 0)
            triggers = [(step, t) for _, t in sorted(triggers, key=lambda one: one[1].earliest_us)[:1]]
        clocks = [self._clock(duty, t.earliest_us, step=n, by=t.event_id) for n, t in triggers]
        return [c for c in clocks if not self._ended(duty, c)]

    def _repeated(self, duty: Duty, started: Sequence[Clock]) -> list[Clock]:
        """Every time up to now, and the one that comes next. Counted from the trigger: the end of a month stays one."""
        clocks = list(started)
        while clocks and clocks[-1].due_us <= self.now_us and len(clocks) < (duty.repeat_limit or STEPS_MAX):
            following = self._clock(duty, clocks[0].started_us, step=len(clocks) + 1, by=clocks[0].started_by)
            following = replace(following, started_us=clocks[-1].due_us)
            if self._ended(duty, following):
                break
            clocks.append(following)
        return clocks

    def _clock(self, duty: Duty, started_us: int, *, step: int, by: str) -> Clock:
        times = step if duty.repeat else 1
        due_us, known = due_of(duty.due, started_us, times=times, regime=self.regime, calendar=self.calendar)
        return Clock(
            regime=self.regime.code,
            duty=duty,
            step=step,
            started_us=started_us,
            started_by=by,
            due_us=due_us,
            calendar_known=known,
        )

    def _ended(self, duty: Duty, clock: Clock) -> bool:
        """Whether it was over before this was due. What was due before the end stays due."""
        return any(h.latest_us < clock.due_us for h in self._named(duty.ends))

    def _met(self, duty: Duty, clocks: list[Clock]) -> list[Clock]:
        """Each meeting meets the step it names, else the earliest open one whose time had begun."""
        for h in sorted(self._named((f"met:{duty.code}",)), key=lambda h: (h.step is None, h.latest_us)):
            for n, clock in enumerate(clocks):
                begun = h.step == clock.step if h.step is not None else self._begun(duty, clock, h)
                if begun and clock.met_us is None:
                    clocks[n] = replace(clock, met_us=h.latest_us, met_by=h.event_id)
                    break
        return clocks

    def _begun(self, duty: Duty, clock: Clock, h: Happening) -> bool:
        """What is due once may be met before its clock runs; a report of before is none of what came after."""
        return not (duty.each or duty.repeat) or h.latest_us >= clock.started_us

    def _named(self, names: Iterable[str]) -> list[Happening]:
        """What happened under these names; a duty that an act meets counts as `met:` too."""
        wanted = set(names)
        for duty in self.regime.duties:
            if f"met:{duty.code}" in wanted:
                wanted |= set(duty.met_by)
        return [h for h in self.happened if h.name in wanted and h.regime in (None, self.regime.code)]
