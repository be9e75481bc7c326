"""What a container holds, at every depth."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.contents import contents
from domain.record import answer_async
from services.access import Caller
from services.query import rendering
from services.query.asking import item_asked, known_parameters
from services.query.snapshot import Questions


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items/contents")
    async def get_contents(item: str, request: Request, caller: reader) -> JSONResponse:
        """What a container holds, at every depth."""
        known_parameters(request, "item", "at", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await item_asked(asked.connection, asked.tenant_id, item)
            held = await answer_async(contents(found, at_us=asked.at_us(request)), asked.record().look_up)
            rows = [rendering.content_json(c) for c in held]
            return JSONResponse({"item": found, "items": rows} | asked.frame([]))

    return router
