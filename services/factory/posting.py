"""The posting order: runs overlap in time, four sources interleave, some events come late and some come twice."""

import heapq
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from services.factory.master_data import described
from services.factory.names import Event
from services.factory.run import run
from services.factory.story import bad_run, every_seconds_of, lanes_of, runs_of
from services.factory.telling import Told

SOURCES = ("mes-cells", "mes-assembly", "wms", "retail")
"""The four systems. Each would post with a key of its own: only an event's own source may void it."""

START = datetime(2024, 1, 8, tzinfo=UTC)
_LATE_EVENTS = (40, 2_000)
_AGAIN_EVENTS = (1, 400)
_PLANT_ZONE = timezone(timedelta(hours=8))

Posted = tuple[str, Event]
"""(source, event as posted)"""


def generate(
    units: int, seed: int, *, late_share: float = 0.05, duplicate_share: float = 0.02, line: bool = True
) -> Iterator[Posted]:
    """What the factory's systems post while about `units` units are made, in posting order.

    The same arguments give the same events. Streams: memory does not grow with `units`. `late_share` of the events
    come after others that happened later, `duplicate_share` come twice. Without `line`, what reels, tanks and testers
    do is left out, and every input is scanned. Raises ValueError for no units, or shares
    outside 0 to 1.
    """
    for name, share in (("late_share", late_share), ("duplicate_share", duplicate_share)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name}: {share} is not between 0 and 1")
    in_order = _in_time_order(units, seed, line=line)
    return _disturbed(in_order, random.Random(f"{seed}:posting"), late_share=late_share, again_share=duplicate_share)


def _in_time_order(units: int, seed: int, *, line: bool) -> Iterator[Posted]:
    """All runs, merged by time: one waiting event of each run under way is held."""
    runs, story = runs_of(units), bad_run(units, seed)
    every_seconds, lanes = every_seconds_of(units), lanes_of(units) if line else 0
    under_way: list[tuple[int, int, Told, Iterator[Told]]] = []
    yield from (_posted(told, 0) for told in described())

    def advance(number: int, start: int, telling: Iterator[Told]) -> None:
        told = next(telling, None)
        if told is not None:
            heapq.heappush(under_way, (start + told[0], number, told, telling))

    for number in range(runs):
        start = number * every_seconds
        while under_way and under_way[0][0] < start:
            _, earlier, told, telling = heapq.heappop(under_way)
            yield _posted(told, earlier * every_seconds)
            advance(earlier, earlier * every_seconds, telling)
        advance(number, start, run(number, seed, is_story=number == story, lanes=lanes))
    while under_way:
        _, earlier, told, telling = heapq.heappop(under_way)
        yield _posted(told, earlier * every_seconds)
        advance(earlier, earlier * every_seconds, telling)


def _posted(told: Told, run_start_seconds: int) -> Posted:
    """The shop writes UTC, the plants their own time."""
    seconds, source, event = told
    zone = UTC if source == "retail" else _PLANT_ZONE

    def text(moment: int) -> str:
        written = (START + timedelta(seconds=run_start_seconds + moment)).astimezone(zone).isoformat()
        return written.replace("+00:00", "Z")

    times = {"occurred_at": text(seconds)}
    if "started_at" in event:
        times["started_at"] = text(event["started_at"])
    return source, event | times


def _disturbed(
    events: Iterator[Posted], chance: random.Random, *, late_share: float, again_share: float
) -> Iterator[Posted]:
    held: list[tuple[int, int, Posted]] = []
    for count, posted in enumerate(events, start=1):
        if chance.random() < again_share:
            heapq.heappush(held, (count + chance.randrange(*_AGAIN_EVENTS), -count, posted))
        if chance.random() < late_share:
            heapq.heappush(held, (count + chance.randrange(*_LATE_EVENTS), count, posted))
        else:
            yield posted
        while held and held[0][0] <= count:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]
