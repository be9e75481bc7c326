"""When something happened: an instant, or a whole plant-local day, with the offset it was written in.

Instants are integers, microseconds since 1970-01-01 UTC (`…_us`): exact, and comparable with every other source's.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.values import value

DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"^(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?$")
_INSTANT = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|z|[+-]\d{2}:?\d{2})?$")

_PLAIN = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
"""As nearly all are written; of these nothing is to be put right before they are read."""


class InvalidMoment(ValueError):
    """A time that cannot be placed; the message says what to send instead."""


@value(frozen=True, slots=True)
class Moment:
    """`text` as sent (with its offset); `earliest_us` and `latest_us` bound when it was (equal for an instant)."""

    text: str
    earliest_us: int
    latest_us: int

    @classmethod
    def parse(cls, value: object, *, zone: str | None = None) -> Self:
        """From ISO 8601. A date alone is the whole local day. `zone` is what the source declared for bare times.

        Raises InvalidMoment for anything else: a time without offset from a source without a zone above all.
        """
        if isinstance(value, datetime):
            value = value.isoformat()
        if not isinstance(value, str):
            raise InvalidMoment(f"expected an ISO 8601 time as text, got {type(value).__name__}")
        if _PLAIN.fullmatch(value):
            try:
                instant = to_us(datetime.fromisoformat(value))
            except ValueError as error:
                raise InvalidMoment(f'"{value}": {error}') from error
            return cls(value, instant, instant)
        text = value.strip()
        day = _DATE.match(text)
        if day:
            return cls._day(text, day[1], zone=_zone(day[2], zone, text))
        if not _INSTANT.match(text):
            raise InvalidMoment(f'"{text[:40]}" is not an ISO 8601 time, e.g. 2026-03-01T08:00:00+08:00')
        try:
            parsed = datetime.fromisoformat(_micros(text.upper()).replace(",", "."))
        except ValueError as error:
            raise InvalidMoment(f'"{text}": {error}') from error
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=_zone(None, zone, text))
            text = parsed.isoformat()
        try:
            instant = to_us(parsed)
        except OverflowError as error:  # before year 1 once its offset is taken off
            raise InvalidMoment(f'"{text}": {error}') from error
        return cls(text, instant, instant)

    @classmethod
    def _day(cls, text: str, day: str, *, zone: Any) -> Self:
        try:
            start = datetime.combine(date.fromisoformat(day), time(), tzinfo=zone)
            end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), tzinfo=zone)
            earliest, latest = to_us(start), to_us(end) - 1
        except (ValueError, OverflowError) as error:
            raise InvalidMoment(f'"{text}": {error}') from error
        offset = start.isoformat()[19:]
        return cls(day + ("Z" if offset == "+00:00" else offset[:6]), earliest, latest)

    @property
    def is_instant(self) -> bool:
        return self.earliest_us == self.latest_us

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        def validate(value: Any, info: Any) -> Moment:
            return value if isinstance(value, cls) else cls.parse(value, zone=(info.context or {}).get("zone"))

        return {
            "type": "function-plain",
            "function": {"type": "with-info", "function": validate},
            "serialization": {"type": "function-plain", "function": lambda value: value.text},
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        text = "ISO 8601 with offset (2026-03-01T08:00:00+08:00), or a date alone: the whole local day"
        return {"type": "string", "description": text, "examples": ["2026-03-01T08:00:00+08:00"]}


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime, exactly."""
    delta = instant.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_us(instant_us: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=instant_us)


def iso(instant_us: int) -> str:
    """RFC 3339 in UTC, for answers."""
    return from_us(instant_us).isoformat().replace("+00:00", "Z")


def _micros(text: str) -> str:
    return re.sub(r"([.,]\d{6})\d+", r"\1", text).replace(" ", "T", 1)


def _zone(offset: str | None, zone: str | None, text: str) -> Any:
    if offset == "Z":
        return UTC
    if offset:
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        return timezone((1 if offset[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    if zone is None:
        raise InvalidMoment(
            f'"{text}" has no offset and this source has declared no zone: send {text}+08:00, '
            "or give the source's key a zone"
        )
    return zone_of(zone)


def zone_of(zone: str) -> tzinfo:
    """An IANA zone or a UTC offset (+08:00). Raises InvalidMoment."""
    fixed = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", zone)
    if fixed:
        delta = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        return timezone(delta if fixed[1] == "+" else -delta)
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidMoment(f"zone {zone!r} is not in the IANA list, e.g. Asia/Shanghai") from error
