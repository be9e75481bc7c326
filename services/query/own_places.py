"""The places a key limited to sites may see: the sites it names, and the places that belong to them."""

import secrets
from collections.abc import Iterable

import asyncpg

from domain.corrections import Standing
from domain.ids import InvalidId, PlaceId
from services.database import tenant_transaction
from services.query.standing import judged

_SECRET_BYTES = 32
_SECRET = "SELECT secret FROM public.scope_secrets WHERE tenant_id = $1"
_KEEP = "INSERT INTO public.scope_secrets (tenant_id, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_BELONGING = """
-- what places are described as part of; a key that may not correct must not widen what it sees by saying so
SELECT m.subject, m.described ->> 'part_of' AS part_of, m.event_no, e.key_no
FROM views.master_data m JOIN views.events e USING (event_no)
WHERE m.tenant_id = $1 AND m.topic = 'place' AND e.may_correct ORDER BY m.valid_from_us, m.event_no
"""


def canonical_site(text: str) -> str:
    """A site as events name it; what is no place id stays as it is, and matches nothing."""
    try:
        return PlaceId.parse(text)
    except InvalidId:
        return text


async def own_places(connection: asyncpg.Connection, tenant_id: int, sites: Iterable[str]) -> frozenset[str]:
    """The sites, and every place whose last description says that it is part of one of them, at any depth."""
    rows = await connection.fetch(_BELONGING, tenant_id)
    verdicts = await judged(connection, [r["key_no"] for r in rows], vector=None) if rows else {}
    part_of: dict[str, str | None] = {}
    for row in rows:
        verdict = verdicts.get(row["event_no"])
        if verdict is None or verdict.standing in (Standing.COUNTS, Standing.PENDING):
            part_of[row["subject"]] = row["part_of"]
    own = {canonical_site(s) for s in sites}
    while found := {place for place, whole in part_of.items() if whole in own and place not in own}:
        own |= found
    return frozenset(own)


async def scope_secret(pool: asyncpg.Pool, tenant_id: int) -> bytes:
    """The tenant's secret behind opaque ids; made when first asked for."""
    async with tenant_transaction(pool, tenant_id, readonly=False, isolation="read_committed") as connection:
        secret: bytes | None = await connection.fetchval(_SECRET, tenant_id)
        if secret is None:
            await connection.execute(_KEEP, tenant_id, secrets.token_bytes(_SECRET_BYTES))
            secret = await connection.fetchval(_SECRET, tenant_id)  # another may have been first
    assert secret is not None
    return secret
