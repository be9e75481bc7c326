"""Going down as deep as the record does: boxes may be in boxes a thousand deep, and a call in a call may not."""

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")
Deep = Generator["Generator[Any, Any, T]", T, T]
"""What yields a step of its own kind where a function would call itself, and is sent what that gives."""


def to_the_end(first: Deep[T]) -> T:
    """What the first step gives, all that it goes down to done before it."""
    steps, given = [first], None
    while True:
        try:
            steps.append(steps[-1].send(given))  # type: ignore[arg-type]
            given = None
        except StopIteration as done:
            steps.pop()
            if not steps:
                result: T = done.value
                return result
            given = done.value
