"""Clocks and regime profiles as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from domain.cases.acts import Reminded
from domain.cases.clocks import Clock, waiting_of
from domain.cases.happenings import clocks_in, regimes_of
from domain.cases.record import Recorded
from domain.cases.regimes import Duty, Regime
from domain.moments import from_us, iso
from services.query.rendering import text
from services.regimes.profiles import Profiles


def case_clocks(history: Sequence[Recorded], profiles: Profiles, *, now_us: int) -> tuple[Clock, ...]:
    """The clocks of a case."""
    return clocks_in(history, profiles.regimes, calendars=profiles.calendars, now_us=now_us)


def clocks_json(history: Sequence[Recorded], profiles: Profiles, *, now_us: int) -> dict[str, Any]:
    """What is due, met and overdue in a case, and what has not begun. A regime that nobody described is told."""
    named = regimes_of(history)
    clocks = case_clocks(history, profiles, now_us=now_us)
    reminded = [r.act for r in history if isinstance(r.act, Reminded)]
    waiting = [
        {**_duty_json(profiles.regimes[code], duty), "starts_with": list(duty.trigger)}
        for code in named
        if code in profiles.regimes
        for duty in waiting_of(profiles.regimes[code], [c for c in clocks if c.regime == code])
    ]
    return {
        "regimes": list(named),
        "unknown_regimes": [code for code in named if code not in profiles.regimes],
        "clocks": [_clock_json(c, profiles.regimes[c.regime], reminded, now_us=now_us) for c in clocks],
        "waiting": waiting,
    }


def clock_name(regime: str, duty: str) -> str:
    """How acts and paths name a clock."""
    return f"{regime}.{duty}"


def _clock_json(clock: Clock, regime: Regime, reminded: Sequence[Reminded], *, now_us: int) -> dict[str, Any]:
    name = clock_name(clock.regime, clock.duty.code)
    return {
        **_duty_json(regime, clock.duty),
        "nth": clock.step,
        "status": clock.status(now_us),
        "started_at": iso(clock.started_us),
        "started_by": clock.started_by,
        "due_at": iso(clock.due_us),
        "due_local": from_us(clock.due_us).astimezone(ZoneInfo(regime.zone)).isoformat(),
        "seconds_left": None if clock.met_us is not None else (clock.due_us - now_us) / 1_000_000,
        "calendar_known": clock.calendar_known,
        "warning": None if clock.calendar_known else _calendar_warning(regime, clock),
        "met_at": iso(clock.met_us) if clock.met_us is not None else None,
        "met_by": clock.met_by,
        "reminded": sorted({text(r.share) or "" for r in reminded if (r.clock, r.nth) == (name, clock.step)}),
    }


def _calendar_warning(regime: Regime, clock: Clock) -> dict[str, str]:
    """What to do where holidays are not announced yet: days worked in exchange may make it due earlier."""
    year = from_us(clock.due_us).astimezone(ZoneInfo(regime.zone)).year
    return {
        "en": f"the calendar {regime.calendar} does not know all holidays up to {year}: only weekends are left out, and"
        " days worked in exchange for holidays may make this due earlier; put the announced calendar in"
        " ZHUISU_REGIMES_DIR",
        "zh": f"日历 {regime.calendar} 尚无截至 {year} 年的全部节假日安排：此处仅扣除周末，"
        "若有调休上班日，实际期限可能更早；请将已公布的日历放入 ZHUISU_REGIMES_DIR",
    }


def _duty_json(regime: Regime, duty: Duty) -> dict[str, Any]:
    return {
        "clock": clock_name(regime.code, duty.code),
        "title": asdict(duty.title),
        "authority": asdict(regime.authority),
        "source": duty.source,
        "checked": duty.checked,
    }


def regime_json(regime: Regime, profiles: Profiles) -> dict[str, Any]:
    """A profile, as the file says it."""
    calendar = profiles.calendar(regime)
    return {
        "regime": regime.code,
        "title": asdict(regime.title),
        "authority": asdict(regime.authority),
        "zone": regime.zone,
        "calendar": {"code": calendar.code, "title": calendar.title, "years": sorted(calendar.years)},
        "retention_years": regime.retention_years,
        "remind_at": [float(share) for share in regime.remind_at],
        "duties": [
            {
                "duty": d.code,
                "title": asdict(d.title),
                "trigger": list(d.trigger),
                "due": {d.due.unit: d.due.count} | ({"grace_days": d.due.grace_days} if d.due.grace_days else {}),
                "repeat": d.repeat,
                "repeat_limit": d.repeat_limit,
                "each": d.each,
                "requires": list(d.requires),
                "met_by": [f"met:{d.code}", *d.met_by],
                "ends": list(d.ends),
                "source": d.source,
                "checked": d.checked,
            }
            for d in regime.duties
        ],
    }
