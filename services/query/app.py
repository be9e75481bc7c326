"""The query API: every question's routes together (DESIGN §7)."""

import asyncpg
from fastapi import APIRouter

from services.access import Keys
from services.query.graph.keeper import Graphs
from services.query.questions import (
    balance,
    capture_job,
    clocks,
    complaints,
    contents,
    drills,
    event,
    exposure,
    holds,
    incidents,
    master_data,
    recall_accounting,
    recall_alerts,
    recall_at_sites,
    recall_check,
    recall_consignees,
    recall_delta,
    recall_explain,
    recall_preview,
    recall_reports,
    recall_units,
    recalls,
    search,
    sortable_spreadsheet,
    state,
    supplier_notices,
    timeline,
    trace,
)
from services.query.snapshot import Questions
from services.regimes.profiles import load_profiles
from services.settings import Settings


def create_router(*, pool: asyncpg.Pool, keys: Keys, settings: Settings, graphs: Graphs) -> APIRouter:
    """The read routes."""
    questions = Questions(pool=pool, keys=keys, settings=settings, graphs=graphs)
    profiles = load_profiles(settings.regimes_dir)
    router = APIRouter()
    if settings.recall_check == "on":
        # Before the routes that take an id in its place.
        router.include_router(recall_check.create_router(questions))
    for group in (clocks, incidents):
        router.include_router(group.create_router(questions, profiles))
    for question in (
        trace,
        exposure,
        search,
        state,
        balance,
        contents,
        timeline,
        event,
        capture_job,
        master_data,
        drills,
        complaints,
        recalls,
        recall_preview,
        recall_at_sites,
        recall_units,
        holds,
        recall_accounting,
        recall_alerts,
        recall_consignees,
        recall_delta,
        recall_explain,
        recall_reports,
        sortable_spreadsheet,
        supplier_notices,
    ):
        router.include_router(question.create_router(questions))
    return router
