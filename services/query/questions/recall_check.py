"""GET /v1/recalls/check: which open recalls one unit is in, for anybody (docs/recall.md, 'Check one unit').

It tells nothing else: a unit that nobody recorded, one that is not affected and one of another tenant answer alike.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.buckets import DONE, place
from domain.cases.claims import claims_of, remedies_of
from domain.cases.custody import custody
from domain.cases.handing import Ours
from domain.cases.recall import RecallCase, fold
from domain.ids import InvalidId, ItemId, lot_in_link
from domain.links import ALWAYS_US
from domain.moments import Moment
from domain.state import State, states
from services.access import Caller
from services.access.callers import the_service
from services.away import refused_while_away
from services.database import QUICK_SECONDS
from services.problems import Problem, described
from services.query.answering import answered
from services.query.asking import known_parameters
from services.query.case_acts import acts_of
from services.query.client_rates import ClientRates
from services.query.snapshot import Asked, Questions
from services.query.working_set import working_set

_TENANT = "SELECT tenant_id, own_party FROM public.zhuisu_tenant_named($1)"
_CASES = """
SELECT DISTINCT m.case_id FROM views.case_members m JOIN views.items i USING (item_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2)
"""
_REFUSALS = {
    422: "the item is no id of a unit or lot",
    429: "too many questions from this address",
    503: "the database is away",
}


@dataclass(frozen=True, slots=True)
class _Unit:
    """The thing asked about: every id of it, and what its own id says that it belongs to where nobody recorded it."""

    item: ItemId
    ids: Sequence[ItemId]
    state: State


def create_router(questions: Questions) -> APIRouter:
    """The one question that needs no key. Its rate is counted in this process."""
    settings = questions.settings
    rates = ClientRates(settings.recall_checks_per_minute)
    names = [n.strip() for n in settings.recall_check_tenants.split(",") if n.strip()] or [settings.tenant_name]
    router = APIRouter(tags=["recalls"])

    @router.get("/v1/recalls/check", responses=described(_REFUSALS))
    async def check_unit(item: str, request: Request, tenant: str | None = None) -> JSONResponse:
        """Which open recalls a unit is in, its remedy, and whether it had that. Needs no key.

        `complete` false: newer events are still being applied, or one could not be: ask again later.
        """
        known_parameters(request, "item", "tenant")
        rates.admit(request.client.host if request.client is not None else None)
        caller = await _public_caller(questions, names, tenant)
        asked_item = _parsed(item)
        async with questions.ask(caller, None) as asked:
            unit = await _unit(asked, asked_item, printed=lot_in_link(item))
            cases = await _cases(asked, unit)
            found = [told for case in cases if _is_open(case) and (told := await _told(asked, case, unit))]
            known = {case.case_id for case in cases}
            # What was declared as an event, without a case here.
            found += [_declared(recall) for recall in unit.state.recalls if recall not in known]
            codes = asked.fresh.codes
            body = {"item": asked_item, "recalls": found, "complete": not codes, "incomplete_because": codes}
            return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return router


async def _public_caller(questions: Questions, names: Sequence[str], wanted: str | None) -> Caller:
    """The service, for the tenant that is meant; one that is not open to the public is as empty as one that is not."""
    name = names[0] if wanted is None else wanted if wanted in names else ""
    with refused_while_away():
        async with asyncio.timeout(QUICK_SECONDS):
            row = await questions.pool.fetchrow(_TENANT, name)
    tenant_id, own_party = (row["tenant_id"], row["own_party"]) if row is not None else (0, "")
    return replace(the_service(tenant_id), own_party=own_party)


def _parsed(text: str) -> ItemId:
    """Raises Problem 422, which tells nothing of what is recorded."""
    try:
        item = ItemId.parse(text)
    except InvalidId as error:
        raise Problem(422, "not-an-item-id", str(error)) from error
    if item.kind == "class":
        raise Problem(422, "not-an-item-id", "this is a product: add the serial or lot number that stands on the unit")
    return item


async def _unit(asked: Asked, item: ItemId, *, printed: ItemId | None) -> _Unit:
    state: State = (await answered(states([item], at_us=asked.fresh.now_us), asked.record()))[item]
    ids = list(dict.fromkeys([item, *state.ids]))
    if printed is not None and not state.event_count:
        ids.append(printed)  # nobody recorded the unit: its lot is all there is to judge by
    return _Unit(item, ids, state)


async def _cases(asked: Asked, unit: _Unit) -> list[RecallCase]:
    """Recalls that list the unit, or that the record says reach it: by itself, its lot, its container."""
    rows = await asked.connection.fetch(_CASES, asked.tenant_id, list(unit.ids))
    ids = sorted({*(r[0] for r in rows), *unit.state.recalls})
    told = await acts_of(asked.connection, asked.tenant_id, ids)
    return [case for _, history in sorted(told.items()) if (case := fold(history)) is not None]


def _is_open(case: RecallCase) -> bool:
    return case.mode == "live" and case.approved is not None and not case.closed


async def _told(asked: Asked, case: RecallCase, unit: _Unit) -> dict[str, Any] | None:
    """What is told of one recall; None where the unit is in none of its approved sets, or was removed."""
    if not await working_set(asked, case.without_unapproved, of=unit.ids) and (
        case.case_id not in unit.state.recalls or _removed(case, unit)
    ):
        return None
    question = custody([unit.item], ours=Ours("", {}, {}), at_us=ALWAYS_US, case_id=case.case_id)
    standing = (await answered(question, asked.record()))[unit.item]
    claims = [c for c in (*claims_of(case.history), *remedies_of(standing)) if c.item in unit.ids]
    placed = place(standing.standing, claims, opened_us=Moment.parse(case.opened.occurred_at).latest_us)
    notice = case.about.notice
    return {
        "recall": case.case_id,
        "title": case.about.title,
        "remedies": list(notice.remedies) if notice is not None else [],
        "remedy_available": notice.remedy_available if notice is not None else None,
        "done": placed.bucket in DONE,
    }


def _removed(case: RecallCase, unit: _Unit) -> bool:
    """Whether somebody decided that the unit itself leaves the recall: its lot may still be in it."""
    decisions = [a.act for a in case.history if isinstance(a.act, acts.RemovalDecided)]
    mine = [d for d in decisions if not set(unit.ids).isdisjoint(d.items)]
    return bool(mine) and mine[-1].decision == "remove"


def _declared(recall: str) -> dict[str, Any]:
    return {"recall": recall, "title": None, "remedies": [], "remedy_available": None, "done": False}
