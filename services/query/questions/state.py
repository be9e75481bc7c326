"""Where one item is, who has it, and how it stands (SEMANTICS §4)."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from domain.ids import equivalents
from domain.state import states
from services.access import Caller
from services.query import rendering
from services.query.answering import answered
from services.query.asking import known_parameters
from services.query.caching import json_answer
from services.query.conflicts import ConflictsAbout
from services.query.scope import Seen, marked
from services.query.snapshot import Questions
from services.query.watching import watched

_PREFIXES = "SELECT prefix FROM views.company_prefixes"


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items/state", response_class=Response)
    @watched
    async def get_state(item: str, request: Request, caller: reader) -> Response:
        """Where an item is, who has it, and how it stands."""
        known_parameters(request, "item", "at", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await asked.item(item)
            at_us = asked.at_us(request)
            state = (await answered(states([found], at_us=at_us), asked.record()))[found]
            told = ConflictsAbout(asked.connection, asked.tenant_id, vector=asked.vector)
            await told.look(state.ids)
            state = replace(state, conflicts=(*state.conflicts, *told.found()))
            seen = Seen(state, state)
            if asked.scope is not None:
                seen = (await asked.scope.seen({found: state}, at_us=at_us))[found]
            rows = await asked.connection.fetch(_PREFIXES)
            body = rendering.state_json(seen.shown) | {"equivalent": equivalents(found, [r[0] for r in rows])}
            return json_answer(
                request,
                marked(body, seen)
                | {"gaps": [rendering.gap_json(g) for g in seen.shown.gaps]}
                | {"conflicts": [rendering.conflict_json(c) for c in seen.shown.conflicts]}
                | asked.frame([]),
            )

    return router
