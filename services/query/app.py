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
    """The read routes, all on one router: a request is matched at every router that is inside another, and anew."""
    questions = Questions(pool=pool, keys=keys, settings=settings, graphs=graphs)
    profiles = load_profiles(settings.regimes_dir)
    groups = [trace.create_router(questions)]
    if settings.recall_check == "on":
        # Before the routes that take an id in its place.
        groups.append(recall_check.create_router(questions))
    groups += [group.create_router(questions, profiles) for group in (clocks, incidents)]
    for question in (
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
        groups.append(question.create_router(questions))
    router = APIRouter()
    router.routes.extend(route for group in groups for route in group.routes)
    return router
