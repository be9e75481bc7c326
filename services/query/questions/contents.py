"""What a container holds, at every depth."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from domain.contents import Content, contents
from services.access import Caller
from services.query import rendering
from services.query.answering import answered
from services.query.asking import known_parameters
from services.query.caching import json_answer
from services.query.scope import Scope
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
            found = await asked.item(item)
            question = contents(found, at_us=asked.at_us(request))
            held = await answered(question, asked.record())
            rows = [rendering.content_json(c) for c in held]
            if asked.scope is not None:
                own = await answered(contents(found, at_us=asked.at_us(request)), asked.scope.record())
                rows = [row if c in own else _hidden(c, asked.scope) for c, row in zip(held, rows, strict=True)]
            return json_answer(request, {"item": found, "items": rows} | asked.frame([]))

    return router


def _hidden(held: Content, scope: Scope) -> dict[str, Any]:
    """That there is something, at that depth; whether it is theirs or not, its being there was recorded elsewhere."""
    nothing = dict.fromkeys(rendering.content_json(held), None)
    return nothing | {"item": scope.opaque(held.item), "depth": held.depth, "hidden": True}
