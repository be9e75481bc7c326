"""Notices sent, and what consignees and examiners say: POST notifications, responses, verdicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.recall import RecallCase
from domain.ids import ItemId
from services.access import Caller
from services.cases.affected import affected, held_in
from services.cases.commands import CaseDesk
from services.cases.looking import looking, recall_now
from services.cases.responding import COLUMNS, RESPONSES, Now, RowRefused, act_of_row, checked, reached
from services.cases.rows_in import Row, Rows, actor_of, rows_of
from services.cases.telling import Listing, Teller, Told, merged, tell
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.recall_consignees import consignees

REJECTED_SHOWN = 1_000
_COMMON = ("consignee", "response", "remedy", "why", "verdict", "at", "by", "reached_by")
_NOTICE = ("consignee", "how", "at", "items", "document_sha256")
_BYTES_MAX = 64 << 20


@dataclass(slots=True)
class _Read:
    """The acts of the rows that are right, by row; and what is wrong with the others."""

    acts: list[tuple[int, acts.AnyAct]]
    rejected: list[dict[str, Any]]


def create_router(desk: CaseDesk, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["recalls"])
    who = Annotated[Caller, Depends(recaller)]

    @router.post("/v1/recalls/{case_id}/notifications", openapi_extra=_described("notifications", _NOTICE))
    async def notify(case_id: str, request: Request, caller: who) -> JSONResponse:
        """Say who was told, how and when: rows `consignee`, `how`, `at`; or `to`: `direct`, `accounts` or `all`."""
        refuse_limited(caller.sites)
        told = await rows_of(request, name="notifications", bytes_max=_BYTES_MAX)
        case = await recall_now(desk, caller.tenant_id, case_id)
        told = await _addressed(desk, case, told, caller=caller)
        now = Now.of(desk.clock, desk.settings)
        return await _answer(
            desk, case, _read(told, lambda r: _notified(r.cells, caller, now)), told=told, caller=caller
        )

    for path, default in (("responses", None), ("verdicts", "verdict")):
        router.add_api_route(
            f"/v1/recalls/{{case_id}}/{path}",
            _responses(desk, recaller, default=default),
            methods=["POST"],
            description=_TEXT[path],
            name=f"{path}_recall",
            openapi_extra=_described(path, COLUMNS),
        )
    return router


_TEXT = {
    "responses": "What consignees say of their items: rows of " + ", ".join(RESPONSES) + "; per unit, or so much of a"
    " lot. What is right is recorded, what is wrong is named by row.",
    "verdicts": "What examinations found: rows `item`, `verdict` (affected, inspected_clear, repairable, scrap), `at`.",
}


def _responses(desk: CaseDesk, recaller: Callable[..., Any], *, default: str | None) -> Callable[..., Any]:
    async def respond(case_id: str, request: Request, caller: Annotated[Caller, Depends(recaller)]) -> JSONResponse:
        refuse_limited(caller.sites)
        told = await rows_of(request, name="responses" if default is None else "verdicts", bytes_max=_BYTES_MAX)
        case = await recall_now(desk, caller.tenant_id, case_id)
        now = Now.of(desk.clock, desk.settings)
        _known(told.common, _COMMON)
        notices: dict[int, acts.AnyAct] = {}

        def act(row: Row) -> acts.AnyAct:
            every = {**told.common, **row.cells}
            found = act_of_row(every, caller=caller, default=default, now=now)
            if (notice := reached(every, found, caller=caller, now=now)) is not None:
                notices[row.number] = notice
            return found

        read = await _of_the_set(desk, case, _read(told, act), caller=caller)
        taken = [notices[n] for n in dict.fromkeys(number for number, _ in read.acts) if n in notices]
        return await _answer(desk, case, read, told=told, caller=caller, notices=taken)

    return respond


def _notified(cells: Mapping[str, Any], caller: Caller, now: Now) -> acts.AnyAct:
    said = {k: v for k, v in cells.items() if v not in (None, "")}
    unknown = sorted(set(said) - set(_NOTICE))
    if unknown:
        raise RowRefused(unknown[0], f"is not known here: a row has some of {', '.join(_NOTICE)}")
    return checked({"at": now.text, **said, "act": "notified"}, caller, now)


async def _addressed(desk: CaseDesk, case: RecallCase, told: Rows, *, caller: Caller) -> Rows:
    """The rows; with `to` a row for each consignee that it means."""
    first = dict(told.rows[0].cells) if len(told.rows) == 1 else {}
    to = first.pop("to", None)
    if to is None:
        _known(told.common, _NOTICE)
        return replace(told, rows=tuple(replace(r, cells={**told.common, **r.cells}) for r in told.rows))
    if to not in ("direct", "accounts", "all"):
        raise Problem(422, "invalid-command", f"to: {str(to)[:40]} is none of direct, accounts, all")
    async with looking(desk, caller.tenant_id) as asked:
        tree = await consignees(asked, case, own_party=caller.own_party)
    meant = [
        c.party for c in tree.ordered() if c.party and (to == "all" or (not c.owner and (to == "accounts" or c.direct)))
    ]
    if not meant:
        raise Problem(409, "no-consignees", f"to: nobody is meant by {to}: nothing affected left us to anybody named")
    return replace(told, rows=tuple(Row(n, {**first, "consignee": party}) for n, party in enumerate(meant, 1)))


def _known(common: Mapping[str, Any], names: tuple[str, ...]) -> None:
    unknown = sorted(set(common) - set(names))
    if unknown:
        raise Problem(422, "invalid-command", f"{unknown[0]}: is not known here: it takes {', '.join(names)}")


def _read(told: Rows, act: Callable[[Row], acts.AnyAct]) -> _Read:
    found = _Read([], [])
    for row in told.rows:
        if row.error is not None:
            found.rejected.append({"row": row.number, "field": None, "detail": row.error})
            continue
        try:
            found.acts.append((row.number, act(row)))
        except RowRefused as error:
            found.rejected.append({"row": row.number, "field": error.field, "detail": str(error)})
    return found


async def _of_the_set(desk: CaseDesk, case: RecallCase, read: _Read, *, caller: Caller) -> _Read:
    """Without what is not affected; a container stands for what it holds of the set."""
    named = {i.item for _, act in read.acts if isinstance(act, Listing) for i in act.items}
    async with looking(desk, caller.tenant_id) as asked:
        known = await affected(asked, case, named)
        others = sorted(i for i in named - known if i.kind in ("container", None))
        held = await held_in(asked, case, others)
    found = _Read([], list(read.rejected))
    for number, act in read.acts:
        if not isinstance(act, Listing):
            found.acts.append((number, act))
            continue
        items: list[acts.ItemAmount] = []
        strange: list[ItemId] = []
        for one in act.items:
            if one.item in known:
                items.append(one)
            elif one.item in held:
                items += [acts.ItemAmount(item=inside) for inside in held[one.item]]
            else:
                strange.append(one.item)
        for item in strange:
            detail = f"{item} is not affected: GET /v1/recalls/{case.case_id}/explain?item= says why"
            found.rejected.append({"row": number, "field": "item", "code": "not-affected", "detail": detail})
        if items or not act.items:
            found.acts.append((number, replace(act, items=tuple(items))))
    return found


async def _answer(
    desk: CaseDesk,
    case: RecallCase,
    read: _Read,
    *,
    told: Rows,
    caller: Caller,
    notices: Sequence[acts.AnyAct] = (),
) -> JSONResponse:
    rejected = sorted(read.rejected, key=lambda r: r["row"])
    if not read.acts:
        raise Problem(
            422,
            "no-row-taken",
            f"no row could be recorded: {rejected[0]['detail']}",
            rejected=rejected[:REJECTED_SHOWN],
        )
    by = Teller(caller, actor_of(told, caller), told.signed.reason)
    done: Told = await tell(desk, case, merged([*notices, *(act for _, act in read.acts)]), by=by)
    return JSONResponse(
        {
            "recall": case.case_id,
            "rows": len({number for number, _ in read.acts}),
            "acts": done.acts,
            "position": done.position,
            "reopened": done.reopened,
            "rejected": rejected[:REJECTED_SHOWN],
            "rejected_count": len(rejected),
        }
    )


def _described(name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    row = {"type": "object", "properties": {c: {} for c in columns}}
    signing = {"actor": {"type": "string"}, "reason": {"type": "string"}}
    schema = {"type": "object", "properties": {name: {"type": "array", "items": row}, **signing}}
    sheet = {"schema": {"type": "string"}, "example": ",".join(columns)}
    return {"requestBody": {"content": {"application/json": {"schema": schema}, "text/csv": sheet}}}
