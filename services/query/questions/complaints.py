"""GET /v1/complaints: what is complained of, counted by lot and model; of a recall, too (REQUIREMENTS CN10)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.ids import InvalidId, ItemId
from services.access import Caller
from services.problems import Problem
from services.query.asking import instant, known_parameters
from services.query.case_acts import jobs_of, refuse_limited
from services.query.complaints import EVERY, OF_ITEM, SHOWN_MAX, Told, complaints, counts_json, of_recall
from services.query.questions.recalls import recall_asked
from services.query.snapshot import Questions


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["complaints"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/complaints")
    async def list_complaints(request: Request, caller: reader) -> JSONResponse:
        """Complaints, newest first, and their counts by model, lot, channel and harm.

        `item`: only of a unit, of a lot and its units, or of a product; `since`: only what happened since then. `jobs`
        tells how the watch over them stands that opens drafts.
        """
        known_parameters(request, "item", "since", "as_of", "wait_for")
        refuse_limited(caller.sites)
        said = request.query_params
        about = (OF_ITEM, _item(said["item"])) if "item" in said else (EVERY,)
        async with questions.ask(caller, request) as asked:
            told, cut = await complaints(asked, *about, since_us=instant(said.get("since"), "since") or 0)
            jobs = [j for j in await jobs_of(asked.connection, asked.tenant_id, "") if j["job"] == "complaints"]
            return JSONResponse({**_json(told), "jobs": jobs, **asked.frame(["row_limit"] if cut else [])})

    @router.get("/v1/recalls/{case_id}/complaints")
    async def list_of_recall(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """Complaints of what a recall affects, or was opened for."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            told, cut = await of_recall(asked, await recall_asked(asked, case_id))
            frame = asked.frame(["row_limit"] if cut else [])
            return JSONResponse({"recall": case_id, **_json(told), **frame})

    return router


def _json(told: list[Told]) -> dict[str, Any]:
    shown = [
        {
            "event_id": t.event_id,
            "item": t.item,
            "occurred_at": t.occurred_at,
            "channel": t.channel,
            "complaint_id": t.complaint_id,
            "symptom": t.symptom,
            "harm": t.harm,
            "lots": list(t.lots),
        }
        for t in told[:SHOWN_MAX]
    ]
    return {**counts_json(told), "complaints": shown, "complaint_count": len(told)}


def _item(text: str) -> ItemId:
    try:
        return ItemId.parse(text)
    except InvalidId as error:
        raise Problem(422, "invalid-parameter", f"item: {error}") from error
