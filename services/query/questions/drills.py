"""GET /v1/drills: the mock recalls that were run, and whether they become faster and account for more."""

from collections.abc import Sequence
from decimal import Decimal
from statistics import median
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases.acts import DrillRun
from domain.cases.record import Recorded, counted
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import acts_of, jobs_of, refuse_limited
from services.query.case_json import act_json
from services.query.snapshot import Asked, Questions

TREND_RUNS = 10
"""Runs that the trend sets beside as many before them."""
_SHOWN_MAX = 200
_NEWEST = """
SELECT a.case_id, max(e.appended_us) AS run_us
FROM views.case_acts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND a.act = 'drill_run' AND a.case_type = 'drill'
GROUP BY a.case_id ORDER BY run_us DESC, a.case_id LIMIT $2
"""


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["drills"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/drills")
    async def list_drills(request: Request, caller: reader) -> JSONResponse:
        """Mock recalls, newest first, at most 200; `trend` sets the newest ten beside the ten before."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            rows = await asked.connection.fetch(_NEWEST, asked.tenant_id, _SHOWN_MAX + 1)
            runs = await _runs(asked, [r["case_id"] for r in rows[:_SHOWN_MAX]])
            cut = ["row_limit"] if len(rows) > _SHOWN_MAX else []
            jobs = [j for j in await jobs_of(asked.connection, asked.tenant_id, "") if j["job"] == "drills"]
            told = {"drills": [drill_json(r) for r in runs], "trend": trend(runs), "jobs": jobs}
            return JSONResponse({**told, **asked.frame(cut)})

    @router.get("/v1/drills/{case_id}")
    async def get_drill(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """One mock recall as it was recorded."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            runs = await _runs(asked, [case_id])
            if not runs:
                raise Problem(404, "unknown-case", f"there is no drill {case_id[:100]}: GET /v1/drills lists them")
            return JSONResponse({**drill_json(runs[0]), **asked.frame([])})

    return router


async def _runs(asked: Asked, case_ids: Sequence[str]) -> list[Recorded]:
    found = await acts_of(asked.connection, asked.tenant_id, case_ids, vector=asked.vector)
    runs = [drill_of(counted(found.get(case_id, []))) for case_id in case_ids]
    return [r for r in runs if r is not None]


def drill_of(history: Sequence[Recorded]) -> Recorded | None:
    """The run that a drill's acts tell of."""
    return next((a for a in history if isinstance(a.act, DrillRun) and a.case_type == "drill"), None)


def drill_json(run: Recorded) -> dict[str, Any]:
    """A run with its result."""
    told = {k: v for k, v in act_json(run).items() if k not in ("act", "sequence")}
    return {"drill": run.case_id, "mode": "mock", **told}


def trend(runs: Sequence[Recorded]) -> dict[str, Any]:
    """Medians of the newest runs and of those before them; `runs` newest first."""
    return {"newest": _medians(runs[:TREND_RUNS]), "before": _medians(runs[TREND_RUNS : 2 * TREND_RUNS])}


def _medians(runs: Sequence[Recorded]) -> dict[str, Any]:
    acts = [r.act for r in runs if isinstance(r.act, DrillRun)]
    seconds = sorted(float(a.seconds) for a in acts)
    shares = sorted(Decimal(s) for a in acts if (s := a.result.get("share_accounted")) is not None)
    return {
        "runs": len(acts),
        "seconds": median(seconds) if seconds else None,
        "seconds_max": seconds[-1] if seconds else None,
        "share_accounted": format(median(shares), "f") if shares else None,
        "share_accounted_min": format(shares[0], "f") if shares else None,
        "share_unknown": len(acts) - len(shares),
        "incomplete": sum(not a.result.get("complete", False) for a in acts),
    }
