"""Commands on a recall: open, describe, scope, approve, stop, reopen. Closing: closing.py."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.recall import RecallCase, decide, fold
from domain.cases.record import Recorded
from domain.cases.scope_writing import document_of
from domain.events.casework import check_case_id
from domain.moments import Moment
from domain.ports import LogUnavailable
from domain.positions import InvalidPosition, parse_vector, vector_token
from services.access import Caller
from services.cases.bodies import Body, body_of, described
from services.cases.commands import CaseDesk, Command
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.case_json import recall_json
from services.query.rules import rule_of

Propose = Callable[[RecallCase], acts.AnyAct]
_STATUS = {"unknown-case": 404}
_WORDS = {"reason": "the supplier withdrew lot L-9", "actor": "Wang Fang"}


async def in_recall(desk: CaseDesk, case_id: str, body: Body, *, propose: Propose, status: int = 200) -> JSONResponse:
    """Do in a recall what `propose` makes of how it stands; answers the recall after it.

    Raises Problem: 404 `unknown-case`, 409 where the act may not follow, and what CaseDesk raises.
    """

    def next_act(recorded: Sequence[Recorded]) -> acts.AnyAct:
        case = fold(recorded)
        if case is None:
            raise Problem(404, "unknown-case", f"there is no recall {case_id[:100]}: GET /v1/recalls lists them")
        act = propose(case)
        _allowed(case, act, body)
        return act

    return await _done(desk, case_id, body, next_act=next_act, status=status)


async def opened(desk: CaseDesk, case_id: str, body: Body, *, act: acts.Opened) -> JSONResponse:
    """Open a recall; the same again answers as the first time. Raises Problem 409 `case-exists`."""
    there = await desk.acts(body.caller.tenant_id, case_id)
    if there:
        first = next((a for a in there if isinstance(a.act, acts.Opened)), None)
        case = fold(there)
        if case is None or first is None or (first.act, first.key_id) != (act, body.caller.key_id):
            raise Problem(409, "case-exists", f"case {case_id} is there already: choose another id", case=case_id)
        return _answer(case, 201)

    return await _done(desk, case_id, body, next_act=lambda recorded: act, status=201)


async def _done(
    desk: CaseDesk,
    case_id: str,
    body: Body,
    *,
    next_act: Callable[[Sequence[Recorded]], acts.AnyAct],
    status: int,
) -> JSONResponse:
    command = Command(
        case_id=case_id,
        case_type="recall",
        caller=body.caller,
        actor=body.actor,
        reason=body.signed.reason,
        expected_sequence=body.signed.expected_sequence,
    )
    done = await desk.do(command, next_act)
    case = fold(done.acts)
    assert case is not None
    return _answer(case, status)


def _answer(case: RecallCase, status: int) -> JSONResponse:
    return JSONResponse(recall_json(case), status, headers={"Location": f"/v1/recalls/{case.case_id}"})


def _allowed(case: RecallCase | None, act: acts.AnyAct, body: Body) -> None:
    refusal = decide(case, act, actor=body.actor, key_id=body.caller.key_id)
    if refusal is not None:
        raise Problem(_STATUS.get(refusal.code, 409), refusal.code, refusal.detail)


def create_router(desk: CaseDesk, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["recalls"])
    who = Annotated[Caller, Depends(recaller)]

    @router.post(
        "/v1/recalls", status_code=201, openapi_extra=described(acts.Opened, {"title": "Cell lot L-9", **_WORDS})
    )
    async def open_recall(request: Request, caller: who) -> JSONResponse:
        """Open a recall: `mode` draft (default), live or mock. `id` may be given, and makes it safe to send again."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        case_id = str(body.fields.pop("id", None) or f"recall-{uuid.uuid4().hex[:12]}")
        try:
            check_case_id(case_id)
        except ValueError as error:
            raise Problem(422, "invalid-command", str(error).replace("case_id", "id", 1)) from error
        return await opened(desk, case_id, body, act=body.act(acts.Opened))

    for path, act, text in _PLAIN:
        router.add_api_route(
            f"/v1/recalls/{{case_id}}/{path}",
            _plain(desk, recaller, act=act),
            methods=["POST"],
            description=text,
            name=f"{path}_recall",
            openapi_extra=described(act, _WORDS),
        )

    @router.post(
        "/v1/recalls/{case_id}/freeze", status_code=202, openapi_extra=described(None, {"position": "0-1207", **_WORDS})
    )
    async def freeze_recall(case_id: str, request: Request, caller: who) -> JSONResponse:
        """Freeze the scope as known at `position` (now where left out): the set is stored, and never computed again.

        202: the recall is `freezing` until every partition is applied up to there and the set is whole.
        """
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        body.reasoned()
        vector = await _vector(desk, body.fields.pop("position", None))
        as_of = Moment.parse(desk.clock.now())

        def propose(case: RecallCase) -> acts.AnyAct:
            number = max((f.number for f in case.freezes), default=0) + 1
            return body.act(acts.FreezeRequested, freeze=number, vector=vector, as_of=as_of, rule=case.rule or {})

        return await in_recall(desk, case_id, body, propose=propose, status=202)

    @router.post("/v1/recalls/{case_id}/approve", openapi_extra=described(None, {"freeze": 1, **_WORDS}))
    async def approve_recall(case_id: str, request: Request, caller: who) -> JSONResponse:
        """Approve the newest frozen set (or `freeze`): a second person, by another key than asked for the freeze."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)

        def propose(case: RecallCase) -> acts.AnyAct:
            newest = case.frozen.number if case.frozen is not None else 0
            return body.act(acts.Approved, freeze=body.fields.get("freeze", newest))

        return await in_recall(desk, case_id, body, propose=propose)

    return router


async def _vector(desk: CaseDesk, named: Any) -> str:
    """The position to freeze at: what is in the log now, or the named one if the log has it. Raises Problem."""
    try:
        ends = await desk.log.end()
    except LogUnavailable as error:
        raise Problem(503, "log-unavailable", f"{error}: try again", headers={"Retry-After": "2"}) from error
    if named is None:
        return vector_token({partition: end - 1 for partition, end in ends.items()})
    try:
        vector = parse_vector(str(named))
    except InvalidPosition as error:
        raise Problem(422, "invalid-command", f"position: {error}") from error
    if any(offset >= ends.get(partition, 0) for partition, offset in vector.items()):
        raise Problem(
            422, "invalid-command", f"position: {str(named)[:100]} is not in the log yet: leave it out for now"
        )
    return vector_token(vector)


_PLAIN: tuple[tuple[str, type[acts.AnyAct], str], ...] = (
    ("describe", acts.Described, "Correct what the recall says of itself; a draft becomes live by `mode`."),
    (
        "scope",
        acts.Scoped,
        "Set, widen or narrow the `rule` of what is affected, as `change` says; `reason` is kept. Freeze it after.",
    ),
    ("stop", acts.EffortStopped, "Active recall stops (停止积极召回); the case stays open for what is outstanding."),
    ("reopen", acts.Reopened, "Reopen a recall, because a unit turned up (`items`) or for another reason."),
)
"""Commands whose body is the act itself, with a reason."""


def _plain(desk: CaseDesk, recaller: Callable[..., Any], *, act: type[acts.AnyAct]) -> Callable[..., Any]:
    async def command(case_id: str, request: Request, caller: Annotated[Caller, Depends(recaller)]) -> JSONResponse:
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        body.reasoned()
        proposed: acts.AnyAct = body.act(act)
        if isinstance(proposed, acts.Scoped):
            proposed = replace(proposed, rule=document_of(rule_of(proposed.rule, caller)))
        return await in_recall(desk, case_id, body, propose=lambda case: proposed)

    return command
