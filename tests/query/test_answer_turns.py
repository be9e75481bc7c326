"""Answers that last have turns: others' connections, and other tenants' turns, are left to them."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from fastapi import Request
from starlette.types import Message

from services.problems import Problem
from services.query import answer_turns, watching
from services.query.answer_turns import AnswerTurns, FairTurns
from services.query.formats import AsCsv, Shape
from services.query.pieces import WHOLE_BYTES, Head, Pieces, sent
from services.query.watching import ReadTooSlowly, Streamed
from tests.waiting import eventually

FORM = AsCsv(Shape("nodes", "node", ("item",)), for_spreadsheet=False)
REQUEST = Request({"type": "http", "path": "/", "headers": [], "query_string": b""})
SCOPE = {"type": "http", "path": "/", "asgi": {"version": "3.0", "spec_version": "2.4"}}


class Made:
    """Answers of so many bytes, that tell how many are open and how many were begun."""

    def __init__(self, size: int) -> None:
        self.size, self.open, self.begun = size, 0, 0

    async def make(self) -> Pieces:
        self.open, self.begun = self.open + 1, self.begun + 1
        try:
            yield Head({})
            yield b"." * self.size
            yield b"end"
        finally:
            self.open -= 1


def answer(made: Made, turns: AnswerTurns, *, large: bool = False, short: bool = False) -> "asyncio.Task[object]":
    return asyncio.create_task(sent(REQUEST, made.make, FORM, turns=turns, tenant_id=1, large=large, short=short))


async def test_one_tenant_leaves_a_turn_to_others_and_who_gives_up_keeps_none() -> None:
    turns = FairTurns(3)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(turns.taken(1))
        assert not turns.free(1)
        waiting = [asyncio.create_task(held.enter_async_context(turns.taken(1))) for _ in range(5)]
        await asyncio.sleep(0)
        async with turns.taken(2):
            assert not turns.free(2)
            assert not turns.free(3)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert turns.free(1)
    async with turns.taken(1), turns.taken(1):
        assert turns.free(2)


async def test_who_waits_in_vain_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_turns, "TURN_SECONDS", 0.01)
    turns = FairTurns(2)
    async with turns.taken(1), turns.taken(2):
        for tenant in (1, 3):  # its own turns are taken, and all are
            with pytest.raises(Problem) as told:
                async with turns.taken(tenant):
                    raise AssertionError
            assert (told.value.status, told.value.code) == (503, "too-many-at-once")
            assert told.value.headers["Retry-After"] == "10"
    assert turns.free(1)
    assert turns.free(3)


async def test_what_is_whole_needs_no_turn_of_those_that_are_read() -> None:
    turns, small, large = AnswerTurns(2), Made(10), Made(WHOLE_BYTES + 1)
    held = await answer(large, turns)
    assert isinstance(held, Streamed)
    assert not turns.reading.free(1)
    assert not isinstance(await answer(small, turns), Streamed)
    assert not isinstance(await answer(Made(WHOLE_BYTES + 1), turns, short=True), Streamed)
    assert (small.open, large.open) == (0, 1)


@pytest.mark.parametrize("large", [False, True])
async def test_a_large_one_holds_nothing_while_it_waits(large: bool) -> None:
    turns, first, second = AnswerTurns(2), Made(WHOLE_BYTES + 1), Made(WHOLE_BYTES + 1)
    read = await answer(first, turns)
    assert isinstance(read, Streamed)
    waiting = answer(second, turns, large=large)

    async def waits() -> bool:
        return second.begun == (0 if large else 1) and second.open == 0 and turns.making.free(1)

    await eventually(waits)
    assert not waiting.done()
    taken = await _read(read)
    assert taken == b"." * first.size + b"end"
    assert isinstance(await waiting, Streamed)
    assert (first.open, second.open) == (0, 1)
    assert second.begun == (1 if large else 2)


async def test_a_turn_ends_with_who_left_before_a_byte_was_sent() -> None:
    turns, made = AnswerTurns(2), Made(WHOLE_BYTES + 1)
    read = await answer(made, turns)
    assert isinstance(read, Streamed)

    async def gone(message: Message) -> None:
        raise OSError("gone")

    with pytest.raises(Exception):  # noqa: B017 - the framework's own
        await read(SCOPE, _stays, gone)
    assert made.open == 0
    assert turns.reading.free(1)


async def test_a_turn_ends_where_it_cannot_be_made() -> None:
    async def broken() -> Pieces:
        yield Head({})
        raise ValueError("not this one")

    turns = AnswerTurns(2)
    for large in (False, True):
        with pytest.raises(ValueError, match="not this one"):
            await sent(REQUEST, broken, FORM, turns=turns, tenant_id=1, large=large)
    assert turns.reading.free(1)
    assert turns.making.free(1)


@pytest.mark.parametrize("bound", ["STALLED_SECONDS", "READ_WITHIN_SECONDS"])
async def test_who_reads_nothing_or_too_slowly_is_cut_off(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(watching, bound, 0.05)
    turns, made = AnswerTurns(2), Made(WHOLE_BYTES + 1)
    read = await answer(made, turns)
    assert isinstance(read, Streamed)

    async def stalled(message: Message) -> None:
        await asyncio.Event().wait()

    with pytest.raises(ReadTooSlowly):
        async with asyncio.timeout(20):
            await read(SCOPE, _stays, stalled)
    assert made.open == 0
    assert turns.reading.free(1)


async def _stays() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def _read(answer: Streamed) -> bytes:
    taken = bytearray()

    async def sending(message: Message) -> None:
        taken.extend(message.get("body", b""))

    await answer(SCOPE, _stays, sending)
    return bytes(taken)
