"""What a scope rule would freeze: POST /v1/recalls/preview, and GET /v1/recalls/{id}/preview of a recall's own."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from domain.cases.scope import Rule
from domain.cases.scope_writing import document_of
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import refuse_limited
from services.query.evaluating import Evaluator
from services.query.evaluation import Affected
from services.query.formats import Format, Shape, format_of
from services.query.items_asked import body_of, json_of
from services.query.pieces import Pieces, head_of, sent, written
from services.query.questions.recalls import recall_asked
from services.query.rendering import conflict_json, gap_json, standing_json, text
from services.query.rules import rule_of
from services.query.snapshot import Questions
from services.query.watching import until_gone, watched

_IN_QUERY = ("as_of", "wait_for", "format")
_COLUMNS = (
    *("item", "kind", "level", "certainty", "reasons", "from", "event_ids", "seed", "top", "quantity", "uom"),
    *("status", "disposition", "site", "container", "holder", "owner", "on_hold"),
)
SHAPE = Shape("members", "member", _COLUMNS)
SECONDS_A_MEMBER = 0.000_1
"""What reading where a member is, and sending it, took on two cores; the walk is measured each time."""
EXAMPLE_RULE = {"rule": {"any": [{"lots": ["urn:zhuisu:lot:own:CELL-21700:L-9"]}]}}


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.post(
        "/v1/recalls/preview",
        response_class=Response,
        openapi_extra={"requestBody": {"content": {"application/json": {"example": EXAMPLE_RULE}}}},
    )
    async def preview_rule(request: Request, caller: reader) -> Response:
        """What `rule` would freeze now, and what that costs; nothing is changed. JSON, NDJSON or CSV, streamed."""
        known_parameters(request, *_IN_QUERY)
        refuse_limited(caller.sites)
        form = format_of(request, SHAPE)
        body = json_of(await body_of(request, limit_bytes=questions.settings.max_body_bytes))
        if set(body) != {"rule"}:
            raise Problem(422, "invalid-body", 'send {"rule": {...}}, and nothing else')
        rule = rule_of(body["rule"], caller)
        return await until_gone(request, _sent(questions, request, caller, rule=rule, form=form))

    @router.get("/v1/recalls/{case_id}/preview", response_class=Response)
    @watched
    async def preview_recall(case_id: str, *, request: Request, caller: reader) -> Response:
        """What the scope of this recall would freeze now."""
        known_parameters(request, *_IN_QUERY)
        refuse_limited(caller.sites)
        form = format_of(request, SHAPE)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
        if case.rule is None:
            raise Problem(409, "no-scope", f"recall {case_id} has no scope yet: POST /v1/recalls/{case_id}/scope")
        return await _sent(questions, request, caller, rule=rule_of(case.rule), form=form)

    return router


async def _sent(questions: Questions, request: Request, caller: Caller, *, rule: Rule, form: Format) -> Response:
    make = partial(_pieces, questions, request, caller, rule=rule, form=form)
    await questions.wait(request.query_params)  # not in a turn
    return await sent(request, make, form, turns=questions.turns, tenant_id=caller.tenant_id)


async def _pieces(questions: Questions, request: Request, caller: Caller, *, rule: Rule, form: Format) -> Pieces:
    async with questions.ask(caller, request) as asked:
        began = time.monotonic()
        found = await Evaluator(questions.graphs, questions.settings).begin(rule, asked)
        walked_seconds = time.monotonic() - began
        frame = asked.frame(list(found.incomplete))
        yield head_of(frame, name="preview", form=form)
        lasting = {name: frame.pop(name) for name in ("complete", "incomplete_because")}
        cost = {"rows": found.count, "seconds": round(walked_seconds + found.count * SECONDS_A_MEMBER, 3)}
        yield form.begin({"question": "preview", "rule": document_of(rule), **frame, "cost": cost})
        async for some in found.members():
            yield await written(partial(_rows, form, some), len(some))
        tail = {
            **lasting,
            "totals": found.totals(),
            "gaps": [gap_json(g) for g in dict.fromkeys(found.gaps)],
            "conflicts": [conflict_json(c) for c in found.conflicts()],
        }
        yield form.end(tail)


def _rows(form: Format, some: Sequence[Affected]) -> bytes:
    return form.rows([_row(one) for one in some])


def _row(one: Affected) -> dict[str, Any]:
    member = one.member
    standing = standing_json(one.state)
    return {
        "item": member.item,
        "kind": member.kind,
        "level": member.level,
        "certainty": member.certainty,
        "reasons": list(member.reasons),
        "from": list(member.came_from),
        "event_ids": list(member.event_ids),
        "seed": member.seed,
        "top": member.top,
        "quantity": text(member.quantity),
        "uom": member.uom,
        **{name: standing[name] for name in _COLUMNS if name in standing},
    }
