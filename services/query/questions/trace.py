"""Where items came from, and what they went into and where that is now (SEMANTICS §3)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.genealogy import Conflict, Gap, Limits, Trace, Way, trace
from domain.ids import ItemId
from domain.record import answer_async
from domain.state import State, states
from domain.walk import Mode
from services.access import Caller
from services.problems import Problem
from services.query import rendering
from services.query.asking import instant, item_asked, known_parameters
from services.query.conflicts import conflicts_about
from services.query.snapshot import Asked, Questions

STATE_CHUNK = 1_000
"""Items whose state is read at once."""


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/trace/{way}")
    async def get_trace(way: Way, item: str, *, request: Request, caller: reader) -> JSONResponse:
        """Where an item came from (backward), or what it went into and where that is now (forward)."""
        return await _trace(questions, way, request=request, caller=caller, texts=[item])

    @router.post("/v1/trace/{way}")
    async def post_trace(way: Way, body: dict[str, Any], *, request: Request, caller: reader) -> JSONResponse:
        """The same for many items: {"items": [...]}."""
        texts = body.get("items")
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
            raise Problem(422, "invalid-body", 'items: send {"items": ["<id>", …]} with at least one id')
        return await _trace(questions, way, request=request, caller=caller, texts=texts)

    return router


async def _trace(questions: Questions, way: Way, *, request: Request, caller: Caller, texts: list[str]) -> JSONResponse:
    known_parameters(request, "item", "mode", "at", "as_of", "follow", "since", "until", "wait_for")
    query = request.query_params
    mode, follow = query.get("mode", "ever"), query.get("follow")
    if mode not in list(Mode):
        raise Problem(422, "invalid-parameter", f"mode: {mode} is none of {', '.join(Mode)}")
    if follow not in (None, "all"):
        raise Problem(422, "invalid-parameter", f"follow: {follow} is not known: it takes all")
    limits = Limits(questions.settings.trace_depth_limit, questions.settings.trace_row_limit)
    async with questions.ask(caller, request) as asked:
        items = [await item_asked(asked.connection, asked.tenant_id, t) for t in texts]
        at_us = instant(query.get("at"), "at")
        question = trace(
            items,
            way=way,
            mode=Mode(mode),
            at_us=at_us,
            now_us=asked.fresh.now_us,
            follow_all=follow == "all",
            limits=limits,
        )
        found = await answer_async(question, asked.record().look_up)
        about = [*items, *(n.item for n in found.nodes)]
        found.conflicts += await conflicts_about(asked.connection, asked.tenant_id, about, vector=asked.vector)
        standing = await _states(asked, [n.item for n in found.nodes], asked.at_us(request))
        window = (instant(query.get("since"), "since"), instant(query.get("until"), "until"))
        return JSONResponse(_answer(way, found, asked, standing=standing, window=window))


async def _states(asked: Asked, items: list[ItemId], at_us: int) -> dict[ItemId, State]:
    standing: dict[ItemId, State] = {}
    for start in range(0, len(items), STATE_CHUNK):
        chunk = items[start : start + STATE_CHUNK]
        standing |= await answer_async(states(chunk, at_us=at_us), asked.record().look_up)
    return standing


def _answer(
    way: Way, found: Trace, asked: Asked, *, standing: dict[ItemId, State], window: tuple[int | None, int | None]
) -> dict[str, Any]:
    since_us, until_us = window

    def shown(reached_us: int | None) -> bool:
        if reached_us is None:
            return True
        return (since_us is None or reached_us >= since_us) and (until_us is None or reached_us < until_us)

    found.nodes = [n for n in found.nodes if shown(n.reached_us)]
    gaps: list[Gap] = [*found.gaps, *(g for n in found.nodes for g in standing[n.item].gaps)]
    conflicts: list[Conflict] = [*found.conflicts, *(c for n in found.nodes for c in standing[n.item].conflicts)]
    conflicts = list(dict.fromkeys(conflicts))
    return {
        "question": way,
        "items": list(found.items),
        **asked.frame(found.incomplete),
        "totals": rendering.totals_json(found, standing),
        "nodes": [rendering.node_json(n, standing[n.item]) for n in found.nodes],
        "gaps": [rendering.gap_json(g) for g in gaps],
        "conflicts": [rendering.conflict_json(c) for c in conflicts],
        "next": None,
    }
