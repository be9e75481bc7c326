"""GET /v1/recalls/{id}/pack: everything of a recall in one archive, for when systems are down."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from domain.ids import PartyId
from services.access import Caller, Role
from services.away import refused_while_away
from services.cases.commands import CaseDesk
from services.cases.pack.making import Contacts, make, parties_of
from services.contacts.store import Contacts as ContactStore
from services.query.asking import known_parameters
from services.query.case_acts import refuse_limited
from services.query.questions.recall_reports import basis_of
from services.query.snapshot import Questions
from services.sheets.http import sent

CONTACTS_AT_ONCE = 1_000


def create_router(desk: CaseDesk, questions: Questions) -> APIRouter:
    """For whoever may read; contacts are in it for the role recall alone."""
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/pack", response_class=Response)
    async def get_pack(case_id: str, request: Request, caller: reader) -> Response:
        """A zip of the lists, notices, contacts, accounting and reports, with index.html to open offline.

        The same point (`as_of`) gives the same bytes, but for contacts, which are not part of the record. Contacts are
        there for keys with the role recall; that they were read is recorded. `contacts=0` leaves them out.
        """
        known_parameters(request, "contacts", "as_of", "wait_for")
        refuse_limited(caller.sites)
        wanted = request.query_params.get("contacts") != "0" and caller.may(Role.RECALL)
        contacts, known = None, None
        if wanted:
            # Contacts take a connection of their own. Whoever holds one meanwhile waits for others who do the same.
            async with questions.ask(caller, request) as asked:
                basis = await basis_of(asked, case_id, caller=caller)
                parties, known = await parties_of(basis), (basis.point.vector, basis.point.recorded_us)
            contacts = await _contacts(desk, caller, parties)
        async with questions.ask(caller, request, pinned=known) as asked:
            basis = await basis_of(asked, case_id, caller=caller)
            written = await make(basis, contacts)
        name = f"recall-{basis.case.case_id}.zip"
        return await sent(request, written, name=name, media_type="application/zip", position=basis.point.position)

    return router


async def _contacts(desk: CaseDesk, caller: Caller, parties: list[str]) -> Contacts:
    store = ContactStore(desk.pool)
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(parties), CONTACTS_AT_ONCE):
        some = [PartyId(p) for p in parties[start : start + CONTACTS_AT_ONCE]]
        with refused_while_away():
            found |= {str(one.party): one.contact for one in await store.read(caller, some)}
    return found
