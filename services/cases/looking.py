"""A look at the views for those who decide in a case: one snapshot, as questions have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.cases.recall import RecallCase
from services.away import refused_while_away
from services.cases.commands import CaseDesk
from services.database import tenant_transaction
from services.query.freshness import freshness
from services.query.questions.recalls import recall_asked
from services.query.snapshot import Asked


@asynccontextmanager
async def looking(desk: CaseDesk, tenant_id: int) -> AsyncIterator[Asked]:
    """Everything that is applied now. Raises Problem 503 while the database is away."""
    with refused_while_away():
        async with tenant_transaction(desk.pool, tenant_id) as connection:
            fresh = await freshness(connection, stale_after_seconds=3 * desk.settings.heartbeat_seconds + 2)
            yield Asked(connection, tenant_id, fresh, None)


async def recall_now(desk: CaseDesk, tenant_id: int, case_id: str) -> RecallCase:
    """The recall as it stands. Raises Problem 404, 503."""
    async with looking(desk, tenant_id) as asked:
        return await recall_asked(asked, case_id)
