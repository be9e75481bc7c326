"""Whether what people tell of is affected, and what a container that they name holds."""

from collections.abc import Iterable, Sequence

from domain.cases.recall import RecallCase
from domain.contents import contents
from domain.ids import ItemId
from services.query.answering import answered
from services.query.snapshot import Asked
from services.query.working_set import working_set

AT_ONCE = 5_000
_LOTS = """
-- lots of members by serial, and products of members
SELECT l.uri FROM views.items l WHERE l.tenant_id = $1 AND l.uri = ANY($3) AND (
    EXISTS (
        SELECT FROM views.memberships s JOIN views.case_members m ON m.item_no = s.unit_no
        WHERE s.lot_no = l.item_no AND m.tenant_id = $1 AND m.case_id = $2
    ) OR EXISTS (
        SELECT FROM views.items u JOIN views.case_members m ON m.item_no = u.item_no
        WHERE u.tenant_id = $1 AND u.material = l.uri AND m.tenant_id = $1 AND m.case_id = $2
    )
)
"""


async def affected(asked: Asked, case: RecallCase, items: Iterable[ItemId]) -> set[ItemId]:
    """Those of the items that are members of the working set, or a lot or product of members."""
    wanted = sorted(set(items))
    found: set[ItemId] = set()
    for start in range(0, len(wanted), AT_ONCE):
        some = [str(i) for i in wanted[start : start + AT_ONCE]]
        found |= set(await working_set(asked, case, of=some))
        others = [i for i in some if i not in found and ItemId(i).kind != "unit"]
        if others:
            found |= {ItemId(r[0]) for r in await asked.connection.fetch(_LOTS, asked.tenant_id, case.case_id, others)}
    return found


async def held_in(asked: Asked, case: RecallCase, containers: Sequence[ItemId]) -> dict[ItemId, list[ItemId]]:
    """What each container holds now of the working set, at every depth."""
    found: dict[ItemId, list[ItemId]] = {}
    for container in containers:
        inside = await answered(contents(container, at_us=asked.fresh.now_us), asked.record())
        held = await working_set(asked, case, of=[str(c.item) for c in inside])
        if held:
            found[container] = list(held)
    return found
