"""Pieces of an answer come in order, and one is made while the one before is read."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from services.query.pieces import one_ahead

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
