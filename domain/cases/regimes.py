"""Regime profiles: which duties a law or a standard lays on a case, by when, and where that is written.

Profiles are data (`services/regimes/*.toml`, and a folder of one's own): figures differ by country, product and
year, and some are being postponed. What the words mean: docs/recall.md, 'Clocks'.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Unit = Literal["hours", "days", "working_days", "months", "quarters"]
Checked = Literal["V", "K"]

_UNITS: dict[str, Unit] = {
    "hours": "hours",
    "days": "days",
    "working_days": "working_days",
    "months": "months",
    "quarters": "quarters",
}
_MOST: dict[Unit, int] = {"hours": 24 * 366, "days": 3_660, "working_days": 1_000, "months": 600, "quarters": 200}
_CODE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")
_NAME = re.compile(r"^[a-z][a-z_]{0,40}(:[a-z0-9][a-z0-9_-]{0,62})?$")

REMIND_AT = (Fraction(1, 2), Fraction(9, 10), Fraction(1))
"""Shares of the time allowed at which one is reminded, where a profile says nothing else; 1 is when it is due."""

STEPS_MAX = 400
"""Most times a repeated duty is asked for: a hundred years of quarters."""


class InvalidRegime(ValueError):
    """A profile cannot be read; the message names the field and what to write."""


@dataclass(frozen=True, slots=True)
class Title:
    """A name in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Due:
    """A stretch of time. Hours run by the instant, everything else by local days and ends with its last day.

    `grace_days` follow a quarter's end.
    """

    unit: Unit
    count: int
    grace_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One duty. Words of `trigger`, `met_by`, `ends` and `requires` are names of what happens in a case.

    The clock starts with the earliest trigger; with `each`, every one starts a clock of its own. `requires`: triggers
    before the first of these start nothing. `repeat`: due again and again, counted from the trigger, at most
    `repeat_limit` times, until one of `ends`. `checked`: V, the figure was seen in a text; K, of general knowledge.
    """

    code: str
    title: Title
    trigger: tuple[str, ...]
    due: Due
    source: str
    checked: Checked
    met_by: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    each: bool = False
    repeat: bool = False
    repeat_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """A profile. `zone` (IANA) is the authority's: its days are counted. `remind_at`: shares of the time allowed."""

    code: str
    title: Title
    authority: Title
    zone: str
    calendar: str
    duties: tuple[Duty, ...]
    retention_years: int | None = None
    remind_at: tuple[Fraction, ...] = REMIND_AT

    def duty(self, code: str) -> Duty | None:
        """The duty of that code."""
        return next((d for d in self.duties if d.code == code), None)


def regime_of(code: str, document: Mapping[str, Any]) -> Regime:
    """A profile from its data. Raises InvalidRegime."""
    known = {"title", "authority", "zone", "calendar", "retention_years", "remind_at", "duty"}
    _only(code, document, known)
    if not _CODE.match(code):
        raise InvalidRegime(f"{code}: a code has a-z, 0-9, - and _")
    zone = _text(code, document, "zone")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidRegime(f"{code}: zone: {zone} is no IANA zone, e.g. Asia/Shanghai") from error
    duties = tuple(_duty(code, d) for d in _list(code, document, "duty"))
    codes = [d.code for d in duties]
    twice = next((c for c in codes if codes.count(c) > 1), None)
    if twice or not duties:
        raise InvalidRegime(f"{code}: duty: {f'{twice} is there twice' if twice else 'give at least one'}")
    for duty in duties:
        words = (*duty.trigger, *duty.met_by, *duty.ends, *duty.requires)
        lost = next((w for w in words if w.startswith("met:") and w[4:] not in codes), None)
        if lost:
            raise InvalidRegime(f"{code}: {duty.code}: {lost} names no duty of this profile")
    return Regime(
        code=code,
        title=_title(code, document, "title"),
        authority=_title(code, document, "authority"),
        zone=zone,
        calendar=_text(code, document, "calendar"),
        duties=duties,
        retention_years=_count(code, document, "retention_years", most=200),
        remind_at=_shares(code, document),
    )


def _duty(regime: str, document: Any) -> Duty:
    if not isinstance(document, Mapping):
        raise InvalidRegime(f"{regime}: duty: write each as a table [[duty]]")
    code = _text(regime, document, "code")
    where = f"{regime}: {code}"
    if not _CODE.match(code):
        raise InvalidRegime(f"{where}: a code has a-z, 0-9, - and _")
    _only(where, document, {f.name for f in fields(Duty)})
    checked = document.get("checked")
    if checked != "V" and checked != "K":
        raise InvalidRegime(f'{where}: checked: write "V" (seen in a text) or "K" (known of the instrument only)')
    found = Duty(
        code=code,
        title=_title(where, document, "title"),
        trigger=_names(where, document, "trigger"),
        due=_due(where, document.get("due")),
        source=_text(where, document, "source"),
        checked="V" if checked == "V" else "K",
        met_by=_names(where, document, "met_by"),
        ends=_names(where, document, "ends"),
        requires=_names(where, document, "requires"),
        each=_flag(where, document, "each"),
        repeat=_flag(where, document, "repeat"),
        repeat_limit=_count(where, document, "repeat_limit", most=STEPS_MAX),
    )
    if not found.trigger:
        raise InvalidRegime(f"{where}: trigger: name at least one thing that starts the clock")
    if any(name.startswith("met:") for name in found.met_by):
        raise InvalidRegime(f"{where}: met_by: names acts; one duty does not meet another")
    if found.each and found.repeat:
        raise InvalidRegime(f"{where}: each and repeat: one of them, a clock for each trigger or again and again")
    if found.repeat_limit is not None and not found.repeat:
        raise InvalidRegime(f"{where}: repeat_limit: only for what repeats")
    return found


def _due(where: str, document: Any) -> Due:
    units = " or ".join(_UNITS)
    if not isinstance(document, Mapping):
        raise InvalidRegime(f"{where}: due: write e.g. due = {{ working_days = 5 }}, in {units}")
    given = [name for name in document if name in _UNITS]
    if len(given) != 1:
        raise InvalidRegime(f"{where}: due: one of {units}")
    unit = _UNITS[given[0]]
    _only(where, document, {unit, "grace_days"} if unit == "quarters" else {unit})
    count = _count(where, document, unit, most=_MOST[unit])
    if not count:
        raise InvalidRegime(f"{where}: due: {unit} must be 1 or more")
    return Due(unit, count, _count(where, document, "grace_days", most=3_660) or 0)


def _shares(where: str, document: Mapping[str, Any]) -> tuple[Fraction, ...]:
    if "remind_at" not in document:
        return REMIND_AT
    try:
        shares = sorted({Fraction(str(v)) for v in _list(where, document, "remind_at")})
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidRegime(f"{where}: remind_at: write shares as text, e.g. ['0.5', '1']") from error
    if any(not 0 <= share <= 10 for share in shares):
        raise InvalidRegime(f"{where}: remind_at: shares of the time allowed, 0 to 10; 1 is when it is due")
    return tuple(shares)


def _only(where: str, document: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(document) - known)
    if unknown:
        raise InvalidRegime(f"{where}: {unknown[0]} is not known here: it takes {', '.join(sorted(known))}")


def _text(where: str, document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRegime(f"{where}: {name}: is missing, write it as text")
    return value


def _title(where: str, document: Mapping[str, Any], name: str) -> Title:
    value = document.get(name)
    if not isinstance(value, Mapping):
        raise InvalidRegime(f"{where}: {name}: write {{ zh = '…', en = '…' }}")
    _only(f"{where}: {name}", value, {"zh", "en"})
    return Title(_text(f"{where}: {name}", value, "zh"), _text(f"{where}: {name}", value, "en"))


def _list(where: str, document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name, [])
    if not isinstance(value, list):
        raise InvalidRegime(f"{where}: {name}: write a list")
    return value


def _names(where: str, document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = _list(where, document, name)
    wrong = next((v for v in found if not isinstance(v, str) or not _NAME.match(v)), None)
    if wrong is not None:
        raise InvalidRegime(f"{where}: {name}: {wrong!r} is no name of what happens, e.g. approved or met:plan")
    return tuple(found)


def _flag(where: str, document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRegime(f"{where}: {name}: true or false")
    return value


def _count(where: str, document: Mapping[str, Any], name: str, *, most: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidRegime(f"{where}: {name}: a whole number from 0 to {most}")
    return value
