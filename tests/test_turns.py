"""Threads that compute long let small requests pass, and are not kept for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from services import turns as module
from services.turns import PATIENCE, SMALL_SECONDS, Turns, give_way
from tests.conftest import NewDatabase
from tests.http.serving import serving

SECONDS = 20.0
"""So long a test waits for what must come; and so long is the longest pause, unless it says otherwise."""
AWHILE_SECONDS = 0.05
"""So long it waits for what must not come."""


@dataclass
class Clock:
    """Stands still until it is set."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Computing:
    """A request for which a thread computes a step, then lets others pass, when told to; then it goes on."""

    begin: threading.Event = field(default_factory=threading.Event)
    gone_on: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        assert self.begin.wait(SECONDS)
        give_way()
        self.gone_on.set()

    async def goes_on(self, seconds: float = SECONDS / 2) -> bool:
        self.begin.set()
        return await asyncio.to_thread(self.gone_on.wait, seconds)


@asynccontextmanager
async def computing(turns: Turns) -> AsyncIterator[Computing]:
    one = Computing()

    async def request() -> None:
        with turns.taken():
            await asyncio.to_thread(one.work)

    answering = asyncio.create_task(request())
    await asyncio.sleep(0)  # it has its turn now
    yield one
    one.begin.set()
    await asyncio.wait_for(answering, 2 * SECONDS)


async def test_who_computes_pauses_until_the_small_request_is_answered() -> None:
    clock = Clock()
    turns = Turns(clock, longest_pause_seconds=SECONDS)
    async with computing(turns) as one:
        clock.seconds = SECONDS
        with turns.taken():
            assert not await one.goes_on(AWHILE_SECONDS)
        assert await one.goes_on()


async def test_a_pause_is_at_most_so_many_times_as_long_as_the_step_before_it() -> None:
    clock = Clock()
    turns = Turns(clock, longest_pause_seconds=SECONDS)
    async with computing(turns) as one:
        clock.seconds = AWHILE_SECONDS / PATIENCE
        with turns.taken():
            assert await one.goes_on()


async def test_a_pause_is_never_longer_than_the_longest() -> None:
    clock = Clock()
    turns = Turns(clock, longest_pause_seconds=AWHILE_SECONDS)
    async with computing(turns) as one:
        clock.seconds = SECONDS
        with turns.taken():
            assert await one.goes_on()


async def test_who_waits_for_long_already_is_not_waited_for() -> None:
    clock = Clock()
    turns = Turns(clock, longest_pause_seconds=SECONDS)
    async with computing(turns) as one:
        clock.seconds = SECONDS
        with turns.taken():
            clock.seconds += 2 * SMALL_SECONDS
            assert await one.goes_on()


async def test_of_two_who_compute_neither_waits_for_the_other() -> None:
    clock = Clock()
    turns = Turns(clock, longest_pause_seconds=SECONDS)
    async with computing(turns) as one, computing(turns) as other:
        assert not turns.nobody.is_set(), "they count as small until they compute"
        clock.seconds = SMALL_SECONDS
        assert await one.goes_on()
        assert await other.goes_on()
        assert turns.nobody.is_set()


async def test_on_the_event_loops_own_thread_nobody_waits() -> None:
    clock, loop = Clock(), asyncio.get_running_loop()
    turns = Turns(clock, longest_pause_seconds=SECONDS)
    with turns.taken() as turn:
        clock.seconds = SECONDS
        with turns.taken():
            began = loop.time()
            turn.give_way()
            assert loop.time() - began < SECONDS / 2
        assert not turns.nobody.is_set(), "it is still a small one"
    assert turns.nobody.is_set()


async def test_without_a_request_nobody_waits() -> None:
    give_way()
    await asyncio.to_thread(give_way)


async def test_a_request_that_fails_is_over() -> None:
    turns = Turns()

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        assert not turns.nobody.is_set()
        raise ValueError(scope["type"])

    async def nothing(*_: object) -> None: ...

    with pytest.raises(ValueError, match="http"):
        await turns.serving(failing)({"type": "http"}, nothing, nothing)  # type: ignore[arg-type]
    assert turns.nobody.is_set()


async def test_the_service_gives_each_request_a_turn(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Turns] = []
    leave = Turns.leave

    def left(turns: Turns, turn: module.Turn) -> None:
        taken.append(turns)
        leave(turns, turn)

    monkeypatch.setattr(Turns, "leave", left)
    async with serving(await new_database(), roles=frozenset({"query"})) as client:
        await client.get("/healthz")
        await client.get("/v1/trace/backward", params={"item": "urn:zhuisu:lot:own:CELL:L-9"})
    assert len(taken) >= 2
    assert taken[-1].nobody.is_set()
