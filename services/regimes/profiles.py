"""Regime profiles and calendars, read from the files of this package and from a folder of one's own."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from domain.cases.calendars import Calendar, InvalidCalendar, calendar_of
from domain.cases.regimes import InvalidRegime, Regime, regime_of
from services.settings import SettingsError


class InvalidProfiles(SettingsError):
    """A profile or calendar cannot be read. The message names the file, what is wrong and the fix."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The regimes there are, by code, and the calendars they count by."""

    regimes: Mapping[str, Regime]
    calendars: Mapping[str, Calendar]

    def calendar(self, regime: Regime) -> Calendar:
        """The calendar of a regime's authority."""
        return self.calendars[regime.calendar]


def load_profiles(folder: Path | None = None) -> Profiles:
    """Those of the package, and those of `folder`: its `*.toml` are regimes, `calendars/*.toml` calendars.

    A file of the folder takes the place of the package's of the same name. Raises InvalidProfiles.
    """
    own = files(__package__)
    calendars = {c: _read(calendar_of, c, path) for c, path in _files(own / "calendars")}
    regimes = {c: _read(regime_of, c, path) for c, path in _files(own)}
    if folder is not None:
        if not folder.is_dir():
            raise InvalidProfiles(f"{folder} is no folder: make it, or leave ZHUISU_REGIMES_DIR empty")
        calendars |= {c: _read(calendar_of, c, path) for c, path in _files(folder / "calendars")}
        regimes |= {c: _read(regime_of, c, path) for c, path in _files(folder)}
    for regime in regimes.values():
        if regime.calendar not in calendars:
            known = ", ".join(sorted(calendars))
            raise InvalidProfiles(f"{regime.code}: calendar {regime.calendar} is not there: it takes {known}")
    return Profiles(dict(sorted(regimes.items())), calendars)


def _files(folder: Any) -> Iterator[tuple[str, Any]]:
    if folder.is_dir():
        for path in sorted(folder.iterdir(), key=lambda p: str(p.name)):
            if path.name.endswith(".toml"):
                yield path.name.removesuffix(".toml"), path


def _read(parse: Any, code: str, path: Any) -> Any:
    try:
        return parse(code, tomllib.loads(path.read_text(encoding="utf-8")))
    except (InvalidCalendar, InvalidRegime, tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidProfiles(f"{path.name}: {error}") from error
