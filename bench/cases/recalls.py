"""Recalls beside the plain trace of the same lot: the first row of a preview, and a freeze until its set is whole."""

import asyncio
import contextlib
import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bench.asked import Asked
from bench.measuring import middle, over, rates_in_turn, seconds_of
from bench.questions import Question, forward_questions
from bench.results import Row, at_most
from bench.rows import RowSet, of_rows
from bench.wire import Connection, connected
from bench.world import World

_PREVIEWED = 200_000
"""A coordinator looks through sets up to about so large."""
_FROZEN_WITHIN_SECONDS = 1_800.0
_POLL_SECONDS = 0.02
_NODE, _MEMBER = b'{"type":"node"', b'{"type":"member"'
_LINES = "application/x-ndjson"
Taken = Callable[[bytes], object]


async def recalls(world: World, asked: Asked) -> AsyncIterator[Row]:
    """Members are held against the nodes of the trace and its seed: items, levels, certainty."""
    questions = forward_questions(world.size.units)
    previewed = [q for q in questions if q.nodes <= _PREVIEWED][-1]
    async with contextlib.AsyncExitStack() as stack:
        # The first preview and the first freeze are not timed: side by side.
        coordinator, compared = await asyncio.gather(
            _freezing(world, asked, stack, lot=questions[0].lot), _compared(asked, previewed)
        )
        yield await _preview(asked, compared)
        yield await _freeze(asked, coordinator, questions[-1])


async def _freezing(world: World, asked: Asked, stack: contextlib.AsyncExitStack, *, lot: str) -> Connection:
    """A connection to a process that freezes, once it has frozen the lot: that builds its graph."""
    # The query process has its graph.
    limits = {"statement_timeout_seconds": 900, "trace_graph_min_links": 0}
    cases = await stack.enter_async_context(world.process("cases-bench", world.url, **limits))
    coordinator = await stack.enter_async_context(connected(cases.url, asked.key))
    async with connected(asked.process.url, asked.key) as query:
        await _frozen(query, coordinator, lot)
    return coordinator


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a first preview of a lot says: how many members, and whether they are the nodes of its trace."""

    question: Question
    members: int
    equal: bool


async def _compared(asked: Asked, question: Question) -> _Compared:
    told = _Lines(_MEMBER)
    await _ask_preview(asked.quick, question, taken=told.take)
    members = told.members()
    return _Compared(question, members.count, members.same_as(await _traced(asked.quick, question.lot)))


async def _ask_preview(connection: Connection, question: Question, *, taken: Taken) -> None:
    body = orjson.dumps({"rule": {"lots": [question.lot]}})
    await connection.post("/v1/recalls/preview", body, accept=_LINES, taken=taken)


async def _preview(asked: Asked, compared: _Compared) -> Row:
    question = compared.question

    async def preview(connection: Connection, taken: Taken) -> None:
        await _ask_preview(connection, question, taken=taken)

    async def trace(connection: Connection, taken: Taken) -> None:
        await connection.get("/v1/trace/forward", taken=taken, item=question.lot, format="ndjson")

    ours, theirs = await rates_in_turn(
        asked.size.rate_rounds, [lambda: _first(asked, preview, _MEMBER), lambda: _first(asked, trace, _NODE)]
    )
    return Row(
        case="recall: first row of a preview",
        size=question.size,
        against="first row of the forward trace",
        ratios=over(ours, theirs),
        bar=at_most(5.0),
        equal=compared.equal,
        ours=middle(ours),
        theirs=middle(theirs),
        note=f"{compared.members} members",
    )


class _Seen(Exception):
    """What was waited for is there; the rest is not read."""


async def _first(asked: Asked, read: Callable[[Connection, Taken], Awaitable[None]], marked: bytes) -> float:
    """Seconds until a piece has a row in it. Then the client leaves, which ends the question."""

    def taken(piece: bytes) -> None:
        if marked in piece:
            raise _Seen

    async with connected(asked.process.url, asked.key) as connection:
        await connection.get("/healthz")
        began = time.perf_counter()
        try:
            await read(connection, taken)
        except _Seen:
            return time.perf_counter() - began
    raise ValueError("the answer has no row")


async def _freeze(asked: Asked, coordinator: Connection, question: Question) -> Row:
    async def trace() -> float:
        return await seconds_of(
            lambda: asked.quick.get("/v1/trace/forward", taken=len, item=question.lot, format="ndjson")
        )

    await trace()  # warms up: what the domain tells of odd items is remembered from then on
    before = await trace()
    case, took = await _frozen(asked.quick, coordinator, question.lot)
    told = _Lines(b"")
    await asked.quick.get(f"/v1/recalls/{case['recall']}/units", taken=told.take, format="ndjson")
    members = told.members()
    named = case["freeze"]["sha256"] == told.sha256.hexdigest()
    equal = named and members.same_as(await _traced(asked.quick, question.lot))

    async def freeze() -> float:
        return (await _frozen(asked.quick, coordinator, question.lot))[1]

    # The freeze that was compared is the first round.
    rounds = max(0, min(asked.size.rounds, int(asked.size.budget_seconds / took)) - 1)
    more, traces = await rates_in_turn(rounds, [freeze, trace]) if rounds else ((), ())
    ours, theirs = (took, *more), (before, *traces)
    return Row(
        case="recall: a freeze until its set is whole",
        size=question.size,
        against="the forward trace, NDJSON",
        ratios=over(ours, theirs),
        bar=at_most(4.0),
        equal=equal,
        ours=middle(ours),
        theirs=middle(theirs),
        note=f"{members.count} members",
    )


async def _frozen(query: Connection, coordinator: Connection, lot: str) -> tuple[dict[str, Any], float]:
    """A new recall of the lot once frozen, and the seconds from asking for the freeze until it was.

    The evaluation that follows a freeze by itself is waited for, so that it is in nobody's time.
    """
    path = f"/v1/recalls/{(case_id := f'bench-{uuid.uuid4().hex[:12]}')}"
    said = {"reason": "measured", "actor": "bench"}
    await _post(coordinator, "/v1/recalls", id=case_id, title="A lot, measured", **said)
    await _post(coordinator, f"{path}/scope", change="set", rule={"lots": [lot]}, **said)
    began = time.perf_counter()
    await _post(coordinator, f"{path}/freeze", **said)
    case = await _until(query, path, lambda case: case["freeze"]["state"] != "freezing")
    seconds = time.perf_counter() - began
    if case["freeze"]["state"] != "frozen":
        raise ValueError(f"{lot}: {case['freeze']}")
    return await _until(query, path, lambda case: case["evaluated_to"] is not None), seconds


async def _post(coordinator: Connection, path: str, **body: Any) -> None:
    await coordinator.post(path, orjson.dumps(body))


async def _until(query: Connection, path: str, so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(_FROZEN_WITHIN_SECONDS):
        while True:
            case: dict[str, Any] = json.loads((await query.get(path)).body)
            if so(case):
                return case
            await asyncio.sleep(_POLL_SECONDS)


async def _traced(connection: Connection, lot: str) -> RowSet:
    """What a set must hold: the nodes of the trace, and the lot itself."""
    told = _Lines(_NODE)
    told.rows.append((lot, "0", "certain"))
    await connection.get("/v1/trace/forward", taken=told.take, item=lot, format="ndjson")
    return told.members()


@dataclass(slots=True)
class _Lines:
    """Lines of an answer as they come, of which only what is compared is kept: those that begin with `marked`."""

    marked: bytes
    rows: list[Sequence[str]] = field(default_factory=list)
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _rest: bytes = b""

    def take(self, piece: bytes) -> None:
        self.sha256.update(piece)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(self.marked):
                self.rows.append(_cells(orjson.loads(line)))

    def members(self) -> RowSet:
        return of_rows(self.rows)


def _cells(row: dict[str, Any]) -> Sequence[str]:
    return row["item"], str(row["level"]), row["certainty"]
