"""The cases API: every command's routes together."""

from fastapi import APIRouter

from services.access import Keys, Role
from services.access.http import caller_with
from services.cases.commands import CaseDesk
from services.cases.routes import (
    clocks,
    closing,
    effectiveness,
    incidents,
    notices,
    recalls,
    responses,
    supplier_notices,
)
from services.query.snapshot import Questions
from services.regimes.profiles import Profiles


def create_router(*, desk: CaseDesk, keys: Keys, questions: Questions, profiles: Profiles) -> APIRouter:
    """The routes that change cases, for the role recall."""
    recaller = caller_with(Role.RECALL, keys)
    router = APIRouter()
    for group in (recalls, closing, responses, effectiveness, notices, supplier_notices):
        router.include_router(group.create_router(desk, recaller=recaller))
    router.include_router(clocks.create_router(desk, profiles, recaller=recaller))
    router.include_router(incidents.create_router(desk, questions, profiles, recaller=recaller))
    return router
