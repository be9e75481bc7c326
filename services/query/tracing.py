"""A trace as an answer: walked, dressed and sent while it is made. What traces and exposures share (SEMANTICS §3)."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from domain.answers import Node, Trace, Way
from domain.ids import ItemId
from domain.walk import Mode
from services.access import Caller
from services.problems import Problem
from services.query import rendering
from services.query.asking import instant
from services.query.dressing import STATE_CHUNK, Dressing, listed
from services.query.formats import Format
from services.query.paging import Cursor, limit_of
from services.query.pieces import Head, head_of, sent
from services.query.snapshot import Asked, Questions
from services.query.totals import Totals, counted_once
from services.query.walks import Start, Walk, walked

PARAMETERS = ("mode", "at", "as_of", "follow", "since", "until", "wait_for", "unknown", "limit", "cursor", "format")

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
            narrowed=(self.limit, self.since_us, self.until_us) != (None, None, None),
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
) -> Response:
    """The response: whole if small, else streamed from its first piece on. Errors before that keep their status.

    `given` are the parameters where they come in a body.
    """
    pieces = _pieces(questions, request, caller=caller, ask=ask, begin=begin, given=given)
    return await sent(request, pieces, ask.form)


async def _pieces(
    questions: Questions,
    request: Request,
    *,
    caller: Caller,
    ask: TraceAsked,
    begin: Callable[[Asked], Awaitable[Start]],
    given: Mapping[str, str] | None = None,
) -> AsyncGenerator[Head | bytes, None]:
    pinned = (ask.cursor.vector, ask.cursor.now_us) if ask.cursor is not None else None
    async with questions.ask(caller, request, pinned=pinned, given=given) as asked:
        start = await begin(asked)
        walk = await walked(questions.graphs, questions.settings, asked=asked, walk=ask.walk, start=start)
        over_graph, found = walk.over_graph, walk.trace
        veil = await asked.scope.veil(found, way=ask.way, follow_all=ask.follow_all) if asked.scope else None
        found = veil.trace if veil is not None else found
        nodes = [n for n in found.nodes if ask.shows(n)]
        found.nodes = []
        following = _next(ask, asked, nodes)
        yield _head(request, ask, asked, found=found, following=following)
        frame = asked.frame(found.incomplete)
        lasting = {name: frame.pop(name) for name in ("complete", "incomplete_because")}
        yield ask.form.begin({"question": ask.name, "items": list(found.items), **frame})
        at_us = asked.fresh.now_us if ask.at_us is None else ask.at_us
        if ask.cursor is not None:
            del nodes[ask.limit :]
        affected = over_graph.affected if over_graph else counted_once(nodes)
        dressing = Dressing(asked, at_us=at_us, totals=Totals(affected) if ask.cursor is None else None, veil=veil)
        await dressing.about(start.items)
        chunks = over_graph.chunks(STATE_CHUNK) if over_graph else listed(nodes)
        async for rows in dressing.dressed(chunks, stand=walk.stand, show=ask.limit):
            if rows:
                yield ask.form.rows(rows)
        tail = {**lasting, **await _tail(start, found, dressing), "next": following}
        yield ask.form.end(tail)


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
    affected = walk.over_graph.affected if walk.over_graph else counted_once(found.nodes)
    dressing = Dressing(asked, at_us=asked.fresh.now_us, totals=Totals(affected))
    await dressing.about(items)
    async for rows in dressing.dressed(walk.chunks(), stand=walk.stand):
        seen(rows)
    return {
        "question": way,
        "items": list(items),
        **asked.frame(found.incomplete),
        **await _tail(start, found, dressing),
    }


def _next(ask: TraceAsked, asked: Asked, nodes: Sequence[Node]) -> str | None:
    if ask.limit is None or len(nodes) <= ask.limit:
        return None
    last = nodes[ask.limit - 1]
    vector = asked.fresh.vector if asked.vector is None else asked.vector
    return Cursor(ask.question, vector, asked.fresh.now_us, last.level, str(last.item)).token()


def _head(request: Request, ask: TraceAsked, asked: Asked, *, found: Trace, following: str | None) -> Head:
    head = head_of(asked.frame(found.incomplete), name=ask.name, form=ask.form)
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
