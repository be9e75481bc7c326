"""Commands on suppliers' notices: receive one, ask for containment, take in the 8D answer, close, reopen."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from domain.cases import acts
from domain.cases.record import Recorded
from domain.cases.supplier_notice import SupplierNotice, decide, fold
from domain.events.casework import CaseRecorded, check_case_id, chunk_id
from domain.moments import Moment
from services.access import Caller
from services.cases.bodies import Body, Signed, body_of, described, refused
from services.cases.commands import CaseDesk, Command
from services.cases.notice_sheets import XLSX, rows_of, rows_of_json
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.items_asked import body_of as raw_body
from services.query.items_asked import json_of
from services.query.notice_json import notice_json

ROWS_AN_EVENT, BYTES_AN_EVENT = 1_000, 300_000
_SERIES = "lines"
_EXAMPLE = {
    "supplier": "cellworks",
    "reference": "CW-2026-17",
    "lines": [{"product": "CELL", "lot": "240512"}, {"product": "CELL", "date_code": "2609"}],
}
_WORDS = {"reason": "their notice of 8 March", "actor": "Wang Fang"}
_SIGNED = ("supplier", "reference", "received_at", "defect", "id", *Signed.model_fields)


def create_router(desk: CaseDesk, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["supplier notices"])
    who = Annotated[Caller, Depends(recaller)]

    @router.post("/v1/supplier-notices", status_code=201, openapi_extra=_takes_sheets())
    async def receive_notice(request: Request, caller: who) -> JSONResponse:
        """Take in a supplier's notice: their lots, date codes and serials, as CSV, XLSX or JSON.

        With a sheet, `supplier`, `reference`, `received_at`, `defect`, `actor` and `reason` are parameters. The same
        sheet of the same supplier again is the same notice. What it matches: GET /v1/supplier-notices/{id}.
        """
        refuse_limited(caller.sites)
        fields, rows, digest = await _notice(request, desk)
        body = _signed(fields, caller)
        fields.setdefault("received_at", desk.clock.now().isoformat())
        given = fields.pop("id", None)
        chunks = list(_chunks(rows))
        act = body.act(acts.SupplierNoticeReceived, lines=len(rows), chunks=len(chunks), file_sha256=digest)
        case_id = _id_of(given, act)
        return await _received(desk, case_id, body, act=act, chunks=chunks)

    _add(router, desk, recaller=recaller, path="containment", act=acts.ContainmentRequested, text=_CONTAINMENT)
    _add(router, desk, recaller=recaller, path="answers", act=acts.SupplierAnswered, text=_ANSWER)
    _add(router, desk, recaller=recaller, path="close", act=acts.Closed, text="Close the notice.")
    _add(router, desk, recaller=recaller, path="reopen", act=acts.Reopened, text="Open it again.")
    return router


_CONTAINMENT = "Ask the supplier to contain `lots` by `due`; `document` says where the request is kept."
_ANSWER = "Take in what came back: a `discipline` of the 8D report, D0 to D8 (D3: containment), with its document."


def _takes_sheets() -> dict[str, Any]:
    content = {
        "application/json": {"schema": {"type": "object"}, "example": _EXAMPLE},
        "text/csv": {"schema": {"type": "string"}, "example": "product,lot,date_code\r\nCELL,240512,\r\n"},
        XLSX: {"schema": {"type": "string", "format": "binary"}},
    }
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
        for name in _SIGNED
        if name != "expected_sequence"
    ]
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}


def _signed(fields: dict[str, Any], caller: Caller) -> Body:
    signing = {name: fields.pop(name) for name in Signed.model_fields if name in fields}
    try:
        return Body(Signed.model_validate(signing), fields, caller)
    except ValidationError as error:
        raise refused(error) from error


def _chunks(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """So many rows an event, and never more than a record of the log takes."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        needs = len(orjson.dumps(row))
        if chunk and (len(chunk) == ROWS_AN_EVENT or size + needs > BYTES_AN_EVENT):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += needs
    yield chunk


def _id_of(given: object, act: acts.SupplierNoticeReceived) -> str:
    """The id that was given, else one made of the supplier and the sheet. Raises Problem 422."""
    if given is None:
        return f"SN-{hashlib.sha256(f'{act.supplier} {act.file_sha256}'.encode()).hexdigest()[:12]}"
    try:
        check_case_id(str(given))
    except ValueError as error:
        raise Problem(422, "invalid-command", str(error).replace("case_id", "id", 1)) from error
    return str(given)


async def _notice(request: Request, desk: CaseDesk) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """Fields, rows and the SHA-256 of what was sent. Raises Problem 400, 413, 422."""
    raw = await raw_body(request, limit_bytes=desk.settings.max_body_bytes)
    said_to_be = EmailMessage()
    said_to_be["Content-Type"] = request.headers.get("content-type", "")
    media_type = said_to_be.get_content_type() if request.headers.get("content-type") else ""
    charset = said_to_be.get_content_charset()
    said = dict(request.query_params)
    unknown = sorted(set(said) - set(_SIGNED))
    if unknown:
        detail = f"{unknown[0]} is not known here: it takes {', '.join(_SIGNED)}"
        raise Problem(422, "unknown-parameter", detail)
    digest = hashlib.sha256(raw).hexdigest()
    if media_type in ("application/json", ""):
        fields = said | json_of(raw)
        return fields, rows_of_json(fields.pop("lines", None)), digest
    return said, await asyncio.to_thread(rows_of, raw, media_type, charset), digest


async def _received(
    desk: CaseDesk, case_id: str, body: Body, *, act: acts.SupplierNoticeReceived, chunks: Sequence[Sequence[Any]]
) -> JSONResponse:
    there = fold(await desk.acts(body.caller.tenant_id, case_id))
    if there is not None:
        if (there.about.supplier, there.about.file_sha256) != (act.supplier, act.file_sha256):
            detail = f"case {case_id} is there already, of another sheet: choose another id"
            raise Problem(409, "case-exists", detail, case=case_id)
        return _answer(there, 200)
    # The lines first: who sees the notice sees all of them. Sent again, they are duplicates.
    at = Moment.parse(desk.clock.now())
    listed = [
        CaseRecorded(
            occurred_at=at,
            event_id=chunk_id(case_id, _SERIES, number=0, chunk=n),
            case_id=case_id,
            case_type="supplier_notice",
            actor=body.actor,
            key_id=body.caller.key_id,
            act=acts.SupplierLinesListed(chunk=n, rows=tuple(rows)),
        )
        for n, rows in enumerate(chunks)
    ]
    await desk.append(body.caller.tenant_id, body.caller.source, listed)
    return await _done(desk, case_id, body, next_act=lambda recorded: act, status=201)


async def _done(
    desk: CaseDesk, case_id: str, body: Body, *, next_act: Callable[[Sequence[Recorded]], acts.AnyAct], status: int
) -> JSONResponse:
    command = Command(
        case_id=case_id,
        case_type="supplier_notice",
        caller=body.caller,
        actor=body.actor,
        reason=body.signed.reason,
        expected_sequence=body.signed.expected_sequence,
    )
    notice = fold((await desk.do(command, next_act)).acts)
    assert notice is not None
    return _answer(notice, status)


def _answer(notice: SupplierNotice, status: int) -> JSONResponse:
    return JSONResponse(notice_json(notice), status, headers={"Location": f"/v1/supplier-notices/{notice.case_id}"})


def _add(
    router: APIRouter, desk: CaseDesk, *, recaller: Callable[..., Any], path: str, act: type[acts.AnyAct], text: str
) -> None:
    async def command(case_id: str, request: Request, caller: Annotated[Caller, Depends(recaller)]) -> JSONResponse:
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        if act in (acts.Closed, acts.Reopened):
            body.reasoned()
        else:
            body.fields.setdefault("at", desk.clock.now().isoformat())
        proposed: acts.AnyAct = body.act(act)

        def next_act(recorded: Sequence[Recorded]) -> acts.AnyAct:
            notice = fold(recorded)
            if notice is None:
                raise _unknown(case_id)
            refusal = decide(notice, proposed)
            if refusal is not None:
                raise Problem(409, refusal.code, refusal.detail)
            return proposed

        return await _done(desk, case_id, body, next_act=next_act, status=200)

    router.add_api_route(
        f"/v1/supplier-notices/{{case_id}}/{path}",
        command,
        methods=["POST"],
        description=text,
        name=f"{path}_supplier_notice",
        openapi_extra=described(act, _WORDS),
    )


def _unknown(case_id: str) -> Problem:
    detail = f"there is no supplier's notice {case_id[:100]}: GET /v1/supplier-notices lists them"
    return Problem(404, "unknown-case", detail)
