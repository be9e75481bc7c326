"""Who computes long lets those pass who are answered soon: threads share one interpreter, and often few cores.

A request counts as small until a thread computes for it (`give_way`). While small ones are being answered such threads
pause between their steps, but for no more than three times as long as they computed.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

PATIENCE = 3.0
"""A step of so many milliseconds is followed by a pause of so many times as many, at most."""
LONGEST_PAUSE_SECONDS = 0.02
SMALL_SECONDS = 0.02
"""Who began longer ago waits for something else than the interpreter: a database, the client."""

_turn: ContextVar["Turn | None"] = ContextVar("turn", default=None)


def give_way() -> None:
    """Between two steps of what takes long: let small requests pass. On an event loop's own thread it never waits."""
    turn = _turn.get()
    if turn is not None:
        turn.give_way()


class Turns:
    """The requests of one event loop that are being answered."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, *, longest_pause_seconds: float = LONGEST_PAUSE_SECONDS
    ) -> None:
        self.now, self.longest_pause_seconds = now, longest_pause_seconds
        self.nobody = threading.Event()
        """set while no small request is being answered"""
        self.nobody.set()
        self.loop_thread = 0
        self._lock = threading.Lock()
        self._small: set[Turn] = set()
        self._began = now()

    def serving(self, app: ASGIApp) -> ASGIApp:
        """The application, each of its requests with a turn of its own."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            with self.taken():
                await app(scope, receive, send)

        return serve

    @contextmanager
    def taken(self) -> Iterator["Turn"]:
        """One request is being answered, on this thread's event loop."""
        self.loop_thread = threading.get_ident()
        turn = Turn(self)
        token = _turn.set(turn)
        with self._lock:
            self._small.add(turn)
            self._began = self.now()
            self.nobody.clear()
        try:
            yield turn
        finally:
            self.leave(turn)
            _turn.reset(token)

    def leave(self, turn: "Turn") -> None:
        """It is over, or is none of the small ones. Any thread may tell."""
        with self._lock:
            self._small.discard(turn)
            if not self._small:
                self.nobody.set()

    def waits(self, now: float) -> bool:
        """Whether a small request is being answered."""
        return bool(self._small) and now - self._began < SMALL_SECONDS


class Turn:
    """One request's. It counts as small until a thread computes for it."""

    __slots__ = ("_since", "_small", "_turns")

    def __init__(self, turns: Turns) -> None:
        self._turns, self._small, self._since = turns, True, turns.now()

    def give_way(self) -> None:
        turns = self._turns
        if threading.get_ident() == turns.loop_thread:
            return
        if self._small:
            self._small = False
            turns.leave(self)
        now = turns.now()
        if turns.waits(now):
            turns.nobody.wait(min(PATIENCE * (now - self._since), turns.longest_pause_seconds))
            self._since = turns.now()
