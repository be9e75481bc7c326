"""What capture takes: sizes, counts and rates, from settings."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from services.ingest.reading import Bounds
from services.problems import Problem
from services.settings import Settings

_KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of requests and events; sizes in bytes, times as their names say."""

    body_bytes: int
    batch_events: int
    event_bytes: int
    bounds: Bounds
    items_per_event: int
    serials_per_event: int
    future_tolerance_us: int
    append_deadline_seconds: float
    events_per_second: int


def limits_of(settings: Settings) -> Limits:
    """The limits that settings name."""
    return Limits(
        body_bytes=settings.max_body_bytes,
        batch_events=settings.max_batch_events,
        event_bytes=settings.max_event_bytes,
        bounds=Bounds(settings.max_json_depth, settings.max_string_chars),
        items_per_event=settings.max_items_per_event,
        serials_per_event=settings.max_range_serials_per_event,
        future_tolerance_us=int(settings.future_tolerance_seconds * 1_000_000),
        append_deadline_seconds=settings.append_deadline_seconds,
        events_per_second=settings.rate_events_per_second_per_key,
    )


class Rates:
    """Events a second of each key, in this process.

    A request is admitted while its key owes nothing, and its events are owed then: so a batch larger than a second's
    worth is taken whole, and the next request waits until it is paid off.
    """

    def __init__(self, events_per_second: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._monotonic = events_per_second, monotonic
        self._paid_at: OrderedDict[int, float] = OrderedDict()

    def admit(self, key_id: int) -> None:
        """Raises Problem 429, with the time until the key owes nothing."""
        if not self._rate:
            return
        owed_seconds = self._paid_at.get(key_id, 0.0) - self._monotonic()
        if owed_seconds > 0:
            detail = f"this key may send {self._rate} events a second to this process: send the rest later"
            raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(math.ceil(owed_seconds))})

    def charge(self, key_id: int, events: int) -> None:
        """Count events that were sent, whatever became of them."""
        if not self._rate:
            return
        now = self._monotonic()
        self._paid_at[key_id] = max(self._paid_at.get(key_id, now), now) + events / self._rate
        self._paid_at.move_to_end(key_id)
        while len(self._paid_at) > _KEYS_MAX:
            self._paid_at.popitem(last=False)
