"""The store of contacts. Every statement runs in the tenant's transaction, and records there who did what to whose.

An erased contact is gone from the table at once. Its bytes leave the disk with the next vacuum of the table, and
backups and archived WAL as they expire: docs/semantics.md, "Personal data".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.ids import PartyId
from services.access import Caller
from services.database import tenant_transaction

Action = Literal["read", "written", "erased"]
Line = Annotated[str, Field(min_length=1, max_length=500)]
Phone = Annotated[str, Field(pattern=r"^[+0-9(][0-9 ()./-]{2,38}[0-9]( ?(x|ext\.?) ?[0-9]{1,6})?$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$")]


class Contact(BaseModel):
    """How to reach a party. At least one field is given. `language` is a BCP 47 tag, e.g. zh-CN."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    name: Line | None = None
    phones: Annotated[list[Phone], Field(max_length=20)] = []
    emails: Annotated[list[Email], Field(max_length=20)] = []
    address: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")] | None = None
    note: Annotated[str, Field(min_length=1, max_length=4_000)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Contact":
        if not self.model_dump(exclude_defaults=True):
            raise ValueError("give at least one of name, phones, emails, address, language, note")
        return self


@dataclass(frozen=True, slots=True)
class Stored:
    """A contact as it is kept. `changed_by` is the key that wrote it."""

    party: PartyId
    contact: Mapping[str, Any]
    changed_at: datetime
    changed_by: int


@dataclass(frozen=True, slots=True)
class Access:
    """Who did what to whose contact, and when."""

    party: str
    action: Action
    key_id: int
    accessed_at: datetime


_RECORD = """
INSERT INTO public.contact_accesses (tenant_id, party, action, key_id) SELECT $1, party, $3, $4 FROM unnest($2::text[])
AS w(party)
"""
_READ = """
SELECT party, contact, changed_at, changed_by FROM public.contacts WHERE tenant_id = $1 AND party = ANY($2)
ORDER BY party
"""
_WRITE = """
INSERT INTO public.contacts (tenant_id, party, contact, changed_by)
SELECT $1, w.party, w.contact, $4 FROM unnest($2::text[], $3::jsonb[]) AS w(party, contact)
ON CONFLICT (tenant_id, party) DO UPDATE
SET contact = excluded.contact, changed_by = excluded.changed_by, changed_at = now()
"""
_ERASE = "DELETE FROM public.contacts WHERE tenant_id = $1 AND party = $2 RETURNING party"
_ACCESSES = """
SELECT party, action, key_id, accessed_at FROM public.contact_accesses WHERE tenant_id = $1 AND party = $2
ORDER BY access_no DESC LIMIT $3
"""


class Contacts:
    """The contacts of a database, for callers who may see them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def read(self, caller: Caller, parties: Sequence[PartyId]) -> list[Stored]:
        """The contacts there are of these parties, by party. What was found is recorded as read."""
        async with self._transaction(caller) as connection:
            rows = await connection.fetch(_READ, caller.tenant_id, [str(p) for p in parties])
            await _record(connection, caller, "read", of=[r["party"] for r in rows])
        return [Stored(PartyId(r[0]), r[1], r[2], r[3]) for r in rows]

    async def write(self, caller: Caller, told: Mapping[PartyId, Contact]) -> None:
        """Put each contact in the place of what was there. All or none."""
        parties = sorted(told)
        documents = [told[p].model_dump(exclude_defaults=True) for p in parties]
        async with self._transaction(caller) as connection:
            await connection.execute(_WRITE, caller.tenant_id, parties, documents, caller.key_id)
            await _record(connection, caller, "written", of=parties)

    async def erase(self, caller: Caller, party: PartyId) -> bool:
        """Forget a contact for good; False where there is none. Who erased it is recorded, what it said is not."""
        async with self._transaction(caller) as connection:
            found = await connection.fetchval(_ERASE, caller.tenant_id, party)
            if found is not None:
                await _record(connection, caller, "erased", of=[party])
        return found is not None

    async def accesses(self, caller: Caller, party: PartyId, *, limit: int) -> list[Access]:
        """Who read, wrote or erased it, the newest first."""
        async with tenant_transaction(self._pool, caller.tenant_id) as connection:
            rows = await connection.fetch(_ACCESSES, caller.tenant_id, party, limit)
        return [Access(r[0], r[1], r[2], r[3]) for r in rows]

    def _transaction(self, caller: Caller) -> Any:
        return tenant_transaction(self._pool, caller.tenant_id, readonly=False, isolation="read_committed")


async def _record(connection: asyncpg.Connection, caller: Caller, action: Action, *, of: Sequence[str]) -> None:
    if of:
        await connection.execute(_RECORD, caller.tenant_id, list(of), action, caller.key_id)
