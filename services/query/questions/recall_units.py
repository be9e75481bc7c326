"""GET /v1/recalls/{id}/units: a frozen set as it was frozen, and what has changed of its members since."""

import base64
import binascii
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from domain.cases.recall import Freeze, RecallCase
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import refuse_limited
from services.query.formats import JSON, NDJSON, Format, Shape, format_of
from services.query.frozen_set import frozen_members, line_of
from services.query.members_now import NOW_COLUMNS, MembersNow
from services.query.paging import limit_of
from services.query.pieces import Head, Pieces, sent
from services.query.questions.recalls import recall_asked
from services.query.snapshot import Asked, Questions
from services.query.watching import watched

COLUMNS = (
    *("item", "kind", "level", "certainty", "reasons", "came_from", "event_ids", "seed", "top", "loose_spare"),
    *("quantity", "uom", *NOW_COLUMNS),
)
SHAPE = Shape("members", "member", COLUMNS)


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/units", response_class=Response)
    @watched
    async def get_units(case_id: str, *, request: Request, caller: reader) -> Response:
        """The members of the newest frozen set, or of `freeze`: JSON, CSV, or NDJSON whose SHA-256 is that of the set.

        All of them streamed, or by the page with `limit`. What was frozen never changes. JSON and CSV say beside it
        what evaluations since have changed of a member: `change` (changed, withdrawn, added again), and how sure it is
        now.
        """
        known_parameters(request, "freeze", "limit", "cursor", "format", "wait_for", "as_of")
        refuse_limited(caller.sites)
        form = format_of(request, SHAPE)
        make = partial(_pieces, questions, request, caller, case_id=case_id, form=form)
        await questions.wait(request.query_params)  # not in a turn
        return await sent(request, make, form, turns=questions.turns, tenant_id=caller.tenant_id)

    return router


async def _pieces(questions: Questions, request: Request, caller: Caller, *, case_id: str, form: Format) -> Pieces:
    limit = limit_of(request.query_params.get("limit"))
    async with questions.ask(caller, request) as asked:
        case = await recall_asked(asked, case_id)
        freeze = _freeze(case, request.query_params.get("freeze"))
        now = MembersNow(asked, case, freeze)
        after = _after(request.query_params.get("cursor"), freeze)
        whole = freeze.frozen
        assert whole is not None
        headers = {
            "Zhuisu-As-Of": freeze.requested.vector,
            "Zhuisu-Set-Sha256": whole.sha256,
        }
        following = await _next(asked, case_id, freeze, after=after, limit=limit) if limit is not None else None
        if following is not None:
            headers["Link"] = f'<{request.url.include_query_params(cursor=following)}>; rel="next"'
        yield Head(headers, b"\0")
        if form.media_type != NDJSON:
            yield form.begin(_about(case_id, freeze))
        left = limit
        async with aclosing(_members(asked, case_id, freeze, after=after)) as members:
            async for some in members:
                some = some if left is None else some[:left]
                lines = form.media_type == NDJSON
                yield b"".join(map(line_of, some)) if lines else form.rows([_row(m) for m in await now.beside(some)])
                left = None if left is None else left - len(some)
                if left == 0:
                    break
        if form.media_type == JSON:
            yield form.end({"next": following})


async def _members(
    asked: Asked, case_id: str, freeze: Freeze, *, after: tuple[int, int]
) -> AsyncGenerator[list[dict[str, Any]], None]:
    stored = frozen_members(asked.connection, asked.tenant_id, case_id, freeze=freeze.number, after=after)
    async with aclosing(stored):
        async for some in stored:
            yield [member for _, _, member in some]


async def _next(asked: Asked, case_id: str, freeze: Freeze, *, after: tuple[int, int], limit: int) -> str | None:
    """The cursor of the page behind this one; None where this is the last."""
    stored = frozen_members(asked.connection, asked.tenant_id, case_id, freeze=freeze.number, after=after)
    left, last = limit, after
    async with aclosing(stored):
        async for some in stored:
            if left < len(some):
                chunk, line = last if left == 0 else some[left - 1][:2]
                return _cursor(freeze, chunk, line)
            left -= len(some)
            last = some[-1][:2]
    return None


def _row(member: dict[str, Any]) -> dict[str, Any]:
    return {name: member.get(name) for name in COLUMNS}


def _about(case_id: str, freeze: Freeze) -> dict[str, Any]:
    whole = freeze.frozen
    assert whole is not None
    return {
        "recall": case_id,
        "freeze": freeze.number,
        "position": freeze.requested.vector,
        "as_of": freeze.requested.as_of.text,
        "sha256": whole.sha256,
        "count": whole.members,
        "complete": not whole.incomplete_because,
        "incomplete_because": list(whole.incomplete_because),
    }


def _freeze(case: RecallCase, number: str | None) -> Freeze:
    """The freeze asked about. Raises Problem 404, 409."""
    case_id = case.case_id
    if number is None:
        if case.frozen is None:
            state = case.freeze.state if case.freeze is not None else case.state
            raise Problem(
                409, "not-frozen", f"recall {case_id} has no frozen set yet, it is {state}: freeze it, or wait"
            )
        return case.frozen
    found = next((f for f in case.freezes if str(f.number) == number), None)
    if found is None or found.frozen is None:
        raise Problem(404, "unknown-freeze", f"recall {case_id} has no frozen set {number[:20]}")
    return found


def _cursor(freeze: Freeze, chunk: int, line: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([freeze.number, chunk, line])).decode().rstrip("=")


def _after(token: str | None, freeze: Freeze) -> tuple[int, int]:
    if token is None:
        return (-1, -1)
    try:
        number, chunk, line = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_"))
        chunk, line = int(chunk), int(line)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Problem(422, "invalid-cursor", "cursor: this is none: send `next` of the page before") from error
    if number != freeze.number:
        raise Problem(422, "foreign-cursor", "cursor: it belongs to another freeze: name it, as for the first page")
    return chunk, line
