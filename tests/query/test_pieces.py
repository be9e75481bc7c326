"""Pieces of an answer come in order, and one is made while the one before is read."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import pytest
from starlette.types import Message

from services.query.pieces import one_ahead
from services.query.watching import SENT_AT_ONCE_BYTES, Streamed

SECONDS = 20.0


async def _all(works: list[Callable[[], bytes]]) -> AsyncIterator[Callable[[], bytes]]:
    for work in works:
        yield work


async def test_a_piece_is_made_while_the_one_before_is_read_and_no_further() -> None:
    begun = [threading.Event() for _ in range(3)]

    def work(number: int) -> Callable[[], bytes]:
        def make() -> bytes:
            begun[number].set()
            return str(number).encode()

        return make

    async with aclosing(one_ahead(_all([work(n) for n in range(3)]))) as pieces:
        assert await anext(pieces) == b"0"
        assert await asyncio.to_thread(begun[1].wait, SECONDS)  # nobody asked for it yet
        assert not begun[2].is_set()
        assert [piece async for piece in pieces] == [b"1", b"2"]


async def test_where_a_piece_cannot_be_made_those_before_it_were_given() -> None:
    def fails() -> bytes:
        raise ValueError("not this one")

    async with aclosing(one_ahead(_all([lambda: b"0", fails, lambda: b"2"]))) as pieces:
        assert await anext(pieces) == b"0"
        with pytest.raises(ValueError, match="not this one"):
            await anext(pieces)


async def test_while_a_large_piece_is_sent_others_have_their_turn() -> None:
    large, begun = bytes(range(256)) * (SENT_AT_ONCE_BYTES // 64), b"begun" * SENT_AT_ONCE_BYTES
    turns, taken, turns_before = 0, bytearray(), list[int]()

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def rest() -> AsyncGenerator[bytes, None]:
        yield large
        yield b"and the rest"

    async def sending(message: Message) -> None:
        body = message.get("body", b"")
        assert len(body) <= SENT_AT_ONCE_BYTES
        taken.extend(body)
        if len(body) == SENT_AT_ONCE_BYTES:
            turns_before.append(turns)

    async def stays() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    answering = asyncio.create_task(other())
    scope = {"type": "http", "path": "/", "asgi": {"version": "3.0", "spec_version": "2.4"}}
    await Streamed([begun], rest(), media_type="text/csv", headers={})(scope, stays, sending)
    answering.cancel()
    assert bytes(taken) == begun + large + b"and the rest"
    assert len(turns_before) >= 8
    assert len(set(turns_before)) == len(turns_before)
