"""Contacts over HTTP, for the roles recall and admin: put, read, erased, imported; and who did so."""

from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.away import refused_while_away
from services.contacts.importing import checked, party_of, sort_out
from services.contacts.store import Contacts, Stored
from services.problems import Problem
from services.settings import Settings

PARTIES_MAX = 200
"""Parties one GET may ask about: what a URL carries."""
ACCESSES_SHOWN = 1_000


def create_router(*, pool: asyncpg.Pool, keys: Keys, settings: Settings) -> APIRouter:
    """`/v1/contacts` and `/v1/contact-accesses`."""
    contacts = Contacts(pool)
    may_recall = caller_with(Role.RECALL, keys)

    async def find(request: Request) -> Caller:
        caller = await may_recall(request)
        if caller.sites is not None:
            raise Problem(403, "site-scope", "a contact belongs to no site: this key, limited to some sites, sees none")
        return caller

    router = APIRouter()
    recaller = Annotated[Caller, Depends(find)]

    @router.get("/v1/contacts")
    async def read_contacts(caller: recaller, party: Annotated[list[str], Query()]) -> dict[str, Any]:
        """The contacts of some parties (at most 200 a request); `unknown` lists those of whom there is none."""
        if len(party) > PARTIES_MAX:
            raise Problem(422, "too-many-parties", f"{len(party)} parties, at most {PARTIES_MAX} in one request")
        wanted = list(dict.fromkeys(party_of(p) for p in party))
        found = await _asked(contacts.read(caller, wanted))
        there = {s.party for s in found}
        return {"contacts": [_shown(s) for s in found], "unknown": [p for p in wanted if p not in there]}

    @router.post("/v1/contacts")
    async def import_contacts(request: Request, caller: recaller) -> JSONResponse:
        """Many contacts: a JSON array, NDJSON or CSV (party,name,phones,emails,address,language,note; `;` in lists).

        What is right is stored, what is wrong is named by row; 422 if nothing was right.
        """
        body = await _body(request, settings.max_body_bytes)
        read = sort_out(body, request.headers.get("content-type", ""), rows_max=settings.max_batch_events)
        if not read.contacts:
            raise Problem(422, "no-contacts", "no row could be stored", rejected=read.rejected)
        await _asked(contacts.write(caller, read.contacts))
        return JSONResponse({"written": len(read.contacts), "rejected": read.rejected})

    @router.get("/v1/contact-accesses")
    async def read_accesses(caller: recaller, party: str) -> dict[str, Any]:
        """Who read, wrote or erased the contact of a party, the newest first."""
        if not caller.may(Role.ADMIN):
            raise Problem(403, "forbidden", f"this key has not the role {Role.ADMIN}: ask an admin for one that has")
        found = await _asked(contacts.accesses(caller, party_of(party), limit=ACCESSES_SHOWN))
        rows = [{"action": a.action, "key_id": a.key_id, "at": a.accessed_at.isoformat()} for a in found]
        return {"party": party_of(party), "accesses": rows}

    @router.put("/v1/contacts/{party:path}", status_code=204)
    async def put_contact(party: str, request: Request, caller: recaller) -> Response:
        """Say how to reach a party; what was there before is replaced."""
        try:
            document = orjson.loads(await _body(request, settings.max_event_bytes))
        except orjson.JSONDecodeError as error:
            raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
        await _asked(contacts.write(caller, {party_of(party): checked(document)}))
        return Response(status_code=204)

    @router.get("/v1/contacts/{party:path}")
    async def get_contact(party: str, caller: recaller) -> dict[str, Any]:
        """How to reach a party. That it was read is recorded."""
        found = await _asked(contacts.read(caller, [party_of(party)]))
        if not found:
            raise _unknown(party)
        return _shown(found[0])

    @router.delete("/v1/contacts/{party:path}", status_code=204)
    async def erase_contact(party: str, caller: recaller) -> Response:
        """Forget a contact for good. Who did so and when is kept, the data is not."""
        if not await _asked(contacts.erase(caller, party_of(party))):
            raise _unknown(party)
        return Response(status_code=204)

    return router


def _unknown(party: str) -> Problem:
    return Problem(404, "unknown-contact", f"there is no contact of {party}: PUT one, or ask for another party")


def _shown(stored: Stored) -> dict[str, Any]:
    changed = {"changed_at": stored.changed_at.isoformat(), "changed_by": stored.changed_by}
    return {"party": stored.party, **stored.contact, **changed}


async def _asked(work: Any) -> Any:
    """What the store says; 503 while the database is away."""
    with refused_while_away():
        return await work


async def _body(request: Request, limit_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise Problem(413, "body-too-large", f"at most {limit_bytes} bytes: send several requests")
    return bytes(body)
