"""The cases API and its jobs: every command's routes together, and everything that follows by itself."""

import asyncpg
from fastapi import APIRouter

from services.access import Keys, Role
from services.access.http import caller_with
from services.cases.commands import CaseDesk
from services.cases.complaining import ComplaintWatch
from services.cases.delta import Delta
from services.cases.drills import ScheduledDrills
from services.cases.freezing import FreezeJob
from services.cases.holding import Holds
from services.cases.jobs import Jobs
from services.cases.reminders import Reminders
from services.cases.routes import (
    clocks,
    closing,
    drills,
    effectiveness,
    incidents,
    notices,
    packs,
    recalls,
    removals,
    responses,
    supplier_notices,
)
from services.cases.turning_up import TurningUp
from services.query.evaluating import Evaluator
from services.query.snapshot import Questions
from services.regimes.profiles import Profiles


def create_router(*, desk: CaseDesk, keys: Keys, questions: Questions, profiles: Profiles) -> APIRouter:
    """The routes that change cases, for the role recall."""
    recaller = caller_with(Role.RECALL, keys)
    router = APIRouter()
    for group in (recalls, closing, removals, responses, effectiveness, notices, supplier_notices):
        router.include_router(group.create_router(desk, recaller=recaller))
    router.include_router(clocks.create_router(desk, profiles, recaller=recaller))
    router.include_router(incidents.create_router(desk, questions, profiles, recaller=recaller))
    router.include_router(drills.create_router(desk, questions, recaller=recaller))
    router.include_router(packs.create_router(desk, questions))
    return router


def create_jobs(*, desk: CaseDesk, views: asyncpg.Pool, questions: Questions, profiles: Profiles) -> Jobs:
    """What follows from acts, and what is watched in each tenant. `views` acts as the projector."""
    evaluator = Evaluator(questions.graphs, questions.settings)
    return Jobs(
        desk=desk,
        views=views,
        jobs=(
            FreezeJob(desk, evaluator),
            Holds(desk),
            Delta(desk, views, evaluator=evaluator),
            Reminders(desk, profiles),
            TurningUp(desk),
        ),
        watches=(ScheduledDrills(desk, questions), ComplaintWatch(desk, questions)),
        pace_seconds=desk.settings.case_jobs_pace_seconds,
    )
