"""The cases API: every command's routes together."""

from fastapi import APIRouter

from services.access import Keys, Role
from services.access.http import caller_with
from services.cases.commands import CaseDesk
from services.cases.routes import recalls


def create_router(*, desk: CaseDesk, keys: Keys) -> APIRouter:
    """The routes that change cases, for the role recall."""
    recaller = caller_with(Role.RECALL, keys)
    router = APIRouter()
    for group in (recalls,):
        router.include_router(group.create_router(desk, recaller=recaller))
    return router
