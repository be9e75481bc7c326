"""Which items are there: found by a fragment of their id."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.access import Caller
from services.query.asking import NAMED, known_parameters
from services.query.snapshot import Questions

_SEARCH = f"""
SELECT uri, kind, material FROM views.items i WHERE tenant_id = $1 AND uri ILIKE $2
AND {NAMED}
ORDER BY length(uri), uri LIMIT 100
"""


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items")
    async def search_items(q: str, request: Request, caller: reader) -> JSONResponse:
        """Items whose id, serial or lot number contains the text; at most 100."""
        known_parameters(request, "q", "wait_for")
        async with questions.ask(caller, request) as asked:
            fragment = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            rows = await asked.connection.fetch(_SEARCH, asked.tenant_id, fragment)
            own = await asked.scope.own_items(r["uri"] for r in rows) if asked.scope is not None else None
            found = [
                {"item": r["uri"], "kind": r["kind"], "material": r["material"]}
                for r in rows
                if own is None or r["uri"] in own
            ]
            return JSONResponse({"items": found, "next": None} | asked.frame([]))

    return router
