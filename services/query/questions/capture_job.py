"""How far a capture has got: running until what it captured is in the views (EPCIS 2.0 §12)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.access import Caller
from services.problems import Problem
from services.query.asking import vector_of
from services.query.snapshot import Questions

_JOB = "SELECT job FROM views.capture_jobs WHERE capture_id = $1"


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/epcis/v2/capture/{capture_id}")
    async def get_capture(capture_id: str, request: Request, caller: reader) -> JSONResponse:
        """A capture job: running until what it captured is in the views."""
        uid, _, token = capture_id.partition("~")
        recorded = vector_of(token, "captureID") or {}
        async with questions.ask(caller, request) as asked:
            seen = all(asked.fresh.vector.get(p, -1) >= o for p, o in recorded.items())
            job = await asked.connection.fetchval(_JOB, uid)
            if seen and job is None:
                raise Problem(404, "unknown-capture", f"there is no capture job {capture_id}")
            until = vector_of(job["position"], "position") if job and job["position"] else {}
            done = job is not None and all(asked.fresh.vector.get(p, -1) >= o for p, o in (until or {}).items())
            return JSONResponse(
                {
                    "captureID": capture_id,
                    "running": not done,
                    "success": job["success"] if job is not None else None,
                    "createdAt": job["created_at"] if job is not None else None,
                    "finishedAt": job["finished_at"] if done and job is not None else None,
                    "errors": job.get("errors", []) if job is not None else [],
                }
            )

    return router
