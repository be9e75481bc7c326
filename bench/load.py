"""Events to post, each batch new to the log, and posting them over several connections at once."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice

import orjson

from bench.building import ACCEPTED_US, Tenant, callers
from bench.wire import Refused, connected
from domain.ports import Record
from services.factory import SOURCES, generate
from services.ingest.judging import Judged, Posted, judge
from services.ingest.limits import limits_of
from services.settings import load_settings

BATCH_EVENTS = 1_000
CONNECTIONS = 4
_ID = b'"event_id":"'
_NAMED = (_ID, b'"target":"', b'"replaced_by":["')


class Events:
    """A factory's events as JSON lines. Each taking has ids of its own, so nothing is ever a duplicate."""

    def __init__(self, events: int) -> None:
        self._lines: list[bytes] = []
        story = generate(max(200, events), seed=7, duplicate_share=0.0, line=False)
        for number, (_, event) in enumerate(islice(story, events)):
            self._lines.append(orjson.dumps({"event_id": f"event-{number}", **event}))
        self._takings = count(1)

    def lines(self, events: int | None = None) -> list[bytes]:
        """All, or the first of them, under new ids."""
        tag = f"t{next(self._takings)}:".encode()
        return [_retagged(line, tag) for line in self._lines[:events]]

    def batches(self) -> list[bytes]:
        """All as NDJSON bodies."""
        lines = self.lines()
        return [b"\n".join(lines[n : n + BATCH_EVENTS]) + b"\n" for n in range(0, len(lines), BATCH_EVENTS)]

    def __len__(self) -> int:
        return len(self._lines)


def _retagged(line: bytes, tag: bytes) -> bytes:
    for named in _NAMED:
        line = line.replace(named, named + tag)
    return line


def records_of(tenant: Tenant, lines: Sequence[bytes]) -> Iterator[Record]:
    """What ingest makes of them."""
    limits, caller = limits_of(load_settings()), callers(tenant)[SOURCES[0]]
    for number, line in enumerate(lines):
        judged = judge(json.loads(line), Posted(caller, ACCEPTED_US + number), index=0, limits=limits)
        if not isinstance(judged, Judged):
            raise ValueError(f"an event was refused: {judged}")
        yield judged.record


async def post_batches(urls: Sequence[str], key: str, *, path: str, bodies: Sequence[bytes]) -> float:
    """Seconds until all were answered, over CONNECTIONS connections in all."""
    waiting = iter(bodies)

    async def lane(url: str) -> None:
        async with connected(url, key) as connection:
            for body in waiting:
                answer = await connection.post(path, body, content_type="application/x-ndjson")
                _check(answer.status, answer.body)

    began = time.perf_counter()
    await asyncio.gather(*(lane(urls[n % len(urls)]) for n in range(CONNECTIONS)))
    return time.perf_counter() - began


async def post_singles(url: str, key: str, *, path: str, lines: Sequence[bytes], connections: int) -> float:
    """Seconds until each was answered by itself."""
    waiting = iter(lines)

    async def lane() -> None:
        async with connected(url, key) as connection:
            for line in waiting:
                answer = await connection.post(path, line)
                _check(answer.status, answer.body)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(connections)))
    return time.perf_counter() - began


def _check(status: int, body: bytes) -> None:
    """A streamed answer says in its last line how it went."""
    if status == 202:
        return
    told = json.loads(body.rstrip().rpartition(b"\n")[2])
    if told.get("status") != 202 or told.get("rejected"):
        raise Refused(f"not all were taken: {told}")
