"""A trace as an answer: walked, dressed and sent while it is made. What traces and exposures share (SEMANTICS §3)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request, Response

from domain.answers import Node, Trace, Way
from domain.ids import ItemId
from domain.walk import Mode
from services.access import Caller
from services.problems import Problem
from services.query import rendering
from services.query.asking import instant
from services.query.dressing import Dressing, listed
from services.query.formats import Format
from services.query.graph.dressing import ColumnDressing
from services.query.paging import Cursor, limit_of
from services.query.pieces import Head, Pieces, head_of, sent, whole, written
from services.query.snapshot import Asked, NeedsMore, Questions
from services.query.totals import Totals, counted_once
from services.query.walks import Start, Walk, Walked, walked

PARAMETERS = ("mode", "at", "as_of", "follow", "since", "until", "wait_for", "unknown", "limit", "cursor", "format")

FEW_SHOWN = 1_000
"""A page of so many nodes does not wait for who reads large answers, though its gaps may name every item."""
SUPERSEDED_SHOWN = 1_000
"""Superseded links listed; `superseded_count` tells how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceAsked:
    """How a trace is asked for. `question` is its digest, for cursors."""

    name: str
    way: Way
    mode: Mode
    follow_all: bool
    follow_removed: bool
    at_us: int | None
    since_us: int | None
    until_us: int | None
    limit: int | None
    cursor: Cursor | None
    question: str
    form: Format

    @property
    def walk(self) -> Walk:
        """How it is walked."""
        return Walk(
            way=self.way,
            mode=self.mode,
            at_us=self.at_us,
            follow_all=self.follow_all,
            follow_removed=self.follow_removed,
        )

    def shows(self, node: Node) -> bool:
        """Whether the node lies in the window and on this page or a later one."""
        after = self.cursor is None or (node.level, node.item) > (self.cursor.level, self.cursor.item)
        if not after or node.reached_us is None:
            return after
        return (self.since_us is None or node.reached_us >= self.since_us) and (
            self.until_us is None or node.reached_us < self.until_us
        )


def trace_asked(query: Mapping[str, str], way: Way, *, name: str, question: str, form: Format) -> TraceAsked:
    """The parameters of a trace. Raises Problem 422."""
    mode, follow, token = query.get("mode", "ever"), query.get("follow"), query.get("cursor")
    if mode not in list(Mode):
        raise Problem(422, "invalid-parameter", f"mode: {mode} is none of {', '.join(Mode)}")
    if follow not in (None, "all", "removed_parts"):
        raise Problem(422, "invalid-parameter", f"follow: {follow} is not known: it takes all or removed_parts")
    if follow == "removed_parts" and (way is not Way.FORWARD or name == "exposure"):
        raise Problem(
            422, "invalid-parameter", "follow: removed_parts asks where a unit's parts went: trace it forward"
        )
    if query.get("unknown") not in (None, "skip"):
        raise Problem(422, "invalid-parameter", f"unknown: {query['unknown']} is not known: it takes skip")
    limit = limit_of(query.get("limit"))
    if token is not None and limit is None:
        raise Problem(422, "invalid-parameter", "limit: a cursor needs the limit of its pages")
    return TraceAsked(
        name=name,
        way=way,
        mode=Mode(mode),
        follow_all=follow == "all",
        follow_removed=follow == "removed_parts",
        at_us=instant(query.get("at"), "at"),
        since_us=instant(query.get("since"), "since"),
        until_us=instant(query.get("until"), "until"),
        limit=limit,
        cursor=Cursor.of(token, question) if token is not None else None,
        question=question,
        form=form,
    )


async def answer(
    questions: Questions,
    request: Request,
    *,
    caller: Caller,
    ask: TraceAsked,
    begin: Callable[[Asked], Awaitable[Start]],
    given: Mapping[str, str] | None = None,
    begun: Asked | None = None,
) -> Response:
    """The response: whole if small, else streamed from its first piece on. Errors before that keep their status.

    `given` are the parameters where they come in a body. `begun`: the question was asked at once, and leads to more
    than a few links. What shows no nodes is counted in that snapshot yet, if the graph knows all of it.
    """
    few = begun is None
    if begun is not None and not ask.form.shows_nodes:
        with suppress(NeedsMore):
            return await _whole(
                request, _pieces(questions, request, nullcontext(begun), ask=ask, begin=begin, few=few), ask.form
            )
    pinned = (ask.cursor.vector, ask.cursor.now_us) if ask.cursor is not None else None

    def make() -> Pieces:
        asking = questions.ask(caller, request, pinned=pinned, given=given)
        return _pieces(questions, request, asking, ask=ask, begin=begin, few=few)

    await questions.wait(given if given is not None else request.query_params)  # not in a turn
    short = not ask.form.shows_nodes or (ask.limit is not None and ask.limit <= FEW_SHOWN)
    large = begun is not None and not short and ask.limit is None
    turns, tenant_id = questions.turns, caller.tenant_id
    return await sent(request, make, ask.form, turns=turns, tenant_id=tenant_id, large=large, short=short)


async def answer_of_few(
    questions: Questions,
    request: Request,
    *,
    asked: Asked,
    ask: TraceAsked,
    begin: Callable[[Asked], Awaitable[Start]],
) -> Response:
    """The same response for what leads to a few links that the graph knows. Raises NeedsMore.

    It is over so soon that nobody needs to watch whether the client leaves.
    """
    return await _whole(request, _pieces(questions, request, nullcontext(asked), ask=ask, begin=begin), ask.form)


async def _whole(request: Request, pieces: Pieces, form: Format) -> Response:
    head = await anext(pieces)
    assert isinstance(head, Head)
    body = b"".join([p async for p in pieces if isinstance(p, bytes)])
    return whole(request, head, body=body, form=form)


async def _pieces(
    questions: Questions,
    request: Request,
    asking: AbstractAsyncContextManager[Asked],
    *,
    ask: TraceAsked,
    begin: Callable[[Asked], Awaitable[Start]],
    few: bool = True,
) -> Pieces:
    async with asking as asked:
        start = await begin(asked)
        walk = await walked(questions.graphs, questions.settings, asked=asked, walk=ask.walk, start=start, few=few)
        answer = await (_by_columns if walk.over_graph is not None else _by_nodes)(ask, asked, start, walk=walk)
        frame = asked.frame(answer.trace.incomplete)
        yield _head(request, ask, frame, following=answer.following)
        lasting = {name: frame.pop(name) for name in ("complete", "incomplete_because")}
        yield ask.form.begin({"question": ask.name, "items": list(answer.trace.items), **frame})
        async for piece in answer.pieces:
            if piece:
                yield piece
        tail = await _tail(start, answer.trace, answer.dressing) if ask.form.tells else {}
        yield ask.form.end({**lasting, **tail, "next": answer.following})


@dataclass(slots=True)
class _Answer:
    """`trace` has everything but the nodes, `dressing` what comes to light with them; `following`: the next page."""

    trace: Trace
    dressing: Dressing
    following: str | None
    pieces: AsyncIterator[bytes]


async def _by_nodes(ask: TraceAsked, asked: Asked, start: Start, *, walk: Walked) -> _Answer:
    found = walk.trace
    veil = await asked.scope.veil(found, way=ask.way, follow_all=ask.follow_all) if asked.scope else None
    found = veil.trace if veil is not None else found
    nodes = [n for n in found.nodes if ask.shows(n)]
    found.nodes = []
    more = ask.limit is not None and len(nodes) > ask.limit
    last = nodes[ask.limit - 1] if ask.limit is not None and more else None
    following = _following(ask, asked, (last.level, str(last.item)) if last is not None else None)
    if ask.cursor is not None:
        del nodes[ask.limit :]
    counted = counted_once(nodes, start.items) - set(start.items)
    totals = Totals(counted) if ask.cursor is None else None
    dressing = Dressing(asked, at_us=_at_us(ask, asked), totals=totals, veil=veil)
    dressing.link_json, dressing.standing_json = walk.link_json, walk.standing_json

    async def pieces() -> AsyncIterator[bytes]:
        await dressing.about(start.items, stand=walk.stand)
        async for rows in dressing.dressed(listed(nodes), stand=walk.stand, show=ask.limit):
            yield await written(partial(ask.form.rows, rows), len(rows))

    return _Answer(found, dressing, following, pieces())


async def _by_columns(ask: TraceAsked, asked: Asked, start: Start, *, walk: Walked) -> _Answer:
    over = walk.over_graph
    assert over is not None
    after = (ask.cursor.level, ask.cursor.item) if ask.cursor is not None else None
    if not (ask.since_us is None and ask.until_us is None and after is None):
        await asyncio.to_thread(over.narrow, since_us=ask.since_us, until_us=ask.until_us, after=after)
    following = _following(ask, asked, over.last(ask.limit) if ask.limit is not None else None)
    if ask.cursor is not None:
        over.order = over.order[: ask.limit]
    totals = Totals(()) if ask.cursor is None else None
    dressing = Dressing(asked, at_us=_at_us(ask, asked), totals=totals)
    columns = ColumnDressing(dressing, over, tells=ask.form.tells)
    form = ask.form.columns if ask.form.shows_nodes else None

    async def pieces() -> AsyncIterator[bytes]:
        if ask.form.tells:
            await columns.about(start.items)
        async for piece in columns.pieces(form, show=ask.limit):
            yield piece

    return _Answer(over.trace, dressing, following, pieces())


def _at_us(ask: TraceAsked, asked: Asked) -> int:
    return asked.fresh.now_us if ask.at_us is None else ask.at_us


async def summed(
    questions: Questions,
    asked: Asked,
    items: Sequence[ItemId],
    *,
    way: Way,
    seen: Callable[[Sequence[Mapping[str, Any]]], None] = lambda rows: None,
) -> dict[str, Any]:
    """A trace of known items without its nodes, which `seen` is shown some at a time. For callers who see all sites."""
    start = Start(items)
    walk = await walked(questions.graphs, questions.settings, asked=asked, walk=Walk(way=way), start=start)
    found = walk.trace
    affected = await walk.counted(())
    dressing = Dressing(asked, at_us=asked.fresh.now_us, totals=Totals(affected))
    await dressing.about(items, stand=walk.stand)
    async for rows in dressing.dressed(walk.chunks(), stand=walk.stand):
        seen(rows)
    return {
        "question": way,
        "items": list(items),
        **asked.frame(found.incomplete),
        **await _tail(start, found, dressing),
    }


def _following(ask: TraceAsked, asked: Asked, last: tuple[int, str] | None) -> str | None:
    """The cursor after this node, the last of a page that is not the last."""
    if last is None:
        return None
    vector = asked.fresh.vector if asked.vector is None else asked.vector
    return Cursor(ask.question, vector, asked.fresh.now_us, *last).token()


def _head(request: Request, ask: TraceAsked, frame: Mapping[str, Any], *, following: str | None) -> Head:
    head = head_of(frame, name=ask.name, form=ask.form)
    if following is not None:
        head.headers["Link"] = f'<{request.url.include_query_params(cursor=following)}>; rel="next"'
    return head


async def _tail(start: Start, found: Trace, dressing: Dressing) -> dict[str, Any]:
    conflicts = dict.fromkeys((*found.conflicts, *await dressing.conflicts()))
    return {
        "totals": dressing.totals.json() if dressing.totals is not None else None,
        "gaps": [rendering.gap_json(g) for g in (*start.gaps, *found.gaps, *dressing.gaps())],
        "conflicts": [rendering.conflict_json(c) for c in conflicts],
        "superseded": [rendering.superseded_json(s) for s in found.superseded[:SUPERSEDED_SHOWN]],
        "superseded_count": len(found.superseded),
    }
