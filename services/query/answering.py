"""Running a question over SQL so that a large one never keeps the process from answering small ones."""

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.record import Found, Need, Question
from services.query.record import SqlRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    value: T


async def answered(question: "Question[T]", record: SqlRecord) -> T:
    """The answer. What the question computes between needs is done in a thread: it may take seconds."""
    step = await asyncio.to_thread(_step, question, None)
    while not isinstance(step, _Done):
        step = await asyncio.to_thread(_step, question, await record.look_up(step))
    return step.value


def _step(question: "Question[T]", found: Found | None) -> "Need | _Done[T]":
    try:
        return next(question) if found is None else question.send(found)
    except StopIteration as done:
        return _Done(done.value)
