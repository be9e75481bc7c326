"""What a container holds, at every depth."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from domain.contents import contents
from services.access import Caller
from services.query import rendering
from services.query.answering import answered
from services.query.asking import item_asked, known_parameters
from services.query.caching import json_answer
from services.query.snapshot import Questions
from services.query.watching import watched


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items/contents", response_class=Response)
    @watched
    async def get_contents(item: str, request: Request, caller: reader) -> Response:
        """What a container holds, at every depth."""
        known_parameters(request, "item", "at", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await item_asked(asked.connection, asked.tenant_id, item)
            held = await answered(contents(found, at_us=asked.at_us(request)), asked.record())
            rows = [rendering.content_json(c) for c in held]
            return json_answer(request, {"item": found, "items": rows} | asked.frame([]))

    return router
