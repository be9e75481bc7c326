"""Where one item is, who has it, and how it stands (SEMANTICS §4)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.ids import equivalents
from domain.record import answer_async
from domain.state import states
from services.access import Caller
from services.query import rendering
from services.query.asking import item_asked, known_parameters
from services.query.conflicts import conflicts_about
from services.query.snapshot import Questions

_PREFIXES = "SELECT prefix FROM views.company_prefixes"


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items/state")
    async def get_state(item: str, request: Request, caller: reader) -> JSONResponse:
        """Where an item is, who has it, and how it stands."""
        known_parameters(request, "item", "at", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await item_asked(asked.connection, asked.tenant_id, item)
            question = states([found], at_us=asked.at_us(request))
            state = (await answer_async(question, asked.record().look_up))[found]
            told = await conflicts_about(asked.connection, asked.tenant_id, state.ids, vector=asked.vector)
            rows = await asked.connection.fetch(_PREFIXES)
            body = rendering.state_json(state) | {"equivalent": equivalents(found, [r[0] for r in rows])}
            return JSONResponse(
                body
                | {"gaps": [rendering.gap_json(g) for g in state.gaps]}
                | {"conflicts": [rendering.conflict_json(c) for c in (*state.conflicts, *told)]}
                | asked.frame([])
            )

    return router
