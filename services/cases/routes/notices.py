"""GET /v1/recalls/{id}/notice: the document for one consignee, with only their items and how to reach them."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from domain.ids import PartyId
from services.access import Caller
from services.away import refused_while_away
from services.cases.commands import CaseDesk
from services.cases.looking import looking
from services.cases.notice import as_html, as_json, as_text, notice_of
from services.contacts.store import Contacts
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import refuse_limited
from services.query.points import pinned
from services.query.questions.recall_consignees import found_in, party_asked
from services.query.questions.recalls import recall_asked
from services.query.recall_consignees import consignees

_MEDIA_TYPES = {"html": "text/html; charset=utf-8", "text": "text/plain; charset=utf-8", "json": "application/json"}


def create_router(desk: CaseDesk, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall: only they may know contacts."""
    router = APIRouter(tags=["recalls"])
    who = Annotated[Caller, Depends(recaller)]

    @router.get("/v1/recalls/{case_id}/notice", response_class=Response)
    async def get_notice(case_id: str, request: Request, caller: who) -> Response:
        """The notice to one `consignee`, with only their items: `lang` zh (default) or en, `format` html, text, json.

        What the recall does not tell yet is marked in it, and listed as `missing`: POST …/describe with `notice`.
        """
        known_parameters(request, "consignee", "lang", "format")
        refuse_limited(caller.sites)
        said = request.query_params
        language, form = said.get("lang", "zh"), said.get("format", "html")
        if language not in ("zh", "en"):
            raise Problem(422, "invalid-parameter", f"lang: {language[:20]} is none of zh, en")
        if form not in _MEDIA_TYPES:
            raise Problem(422, "invalid-parameter", f"format: {form[:20]} is none of {', '.join(_MEDIA_TYPES)}")
        if "consignee" not in said:
            raise Problem(422, "invalid-parameter", "consignee: is missing: say who the notice is to")
        party = party_asked(said["consignee"])
        async with looking(desk, caller.tenant_id) as asked:
            case = await recall_asked(asked, case_id)
            held, point = await pinned(asked)
            tree = await consignees(held, case, own_party=caller.own_party, only=party)
            one = found_in(tree, party, case)
        document = await asyncio.to_thread(
            notice_of,
            case,
            one,
            tree.got,
            contact=await _contact(desk, caller, party),
            as_of=f"{point.recorded_at or ''} ({point.position})",
            language="zh" if language == "zh" else "en",
        )
        if form == "json":
            content = orjson.dumps({"recall": case_id, "consignee": party or None, **as_json(document)})
        else:
            content = (as_html(document) if form == "html" else as_text(document)).encode()
        headers = {"Zhuisu-Document-SHA256": hashlib.sha256(content).hexdigest(), "Cache-Control": "private, no-store"}
        return Response(content, media_type=_MEDIA_TYPES[form], headers=headers)

    return router


async def _contact(desk: CaseDesk, caller: Caller, party: str) -> Mapping[str, Any] | None:
    """How to reach them. That it was read is recorded there."""
    with refused_while_away():
        found = await Contacts(desk.pool).read(caller, [PartyId(party)]) if party else []
    return found[0].contact if found else None
