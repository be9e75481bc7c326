"""Reading the time: the one place that asks the machine, and the one that tests replace."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock, UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until moved. For tests and for generated data."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def advance(self, **delta: float) -> None:
        """Move by the given timedelta arguments, e.g. `advance(seconds=5)`."""
        self.instant += timedelta(**delta)
