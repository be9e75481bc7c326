"""What an evaluation would change: the set as it was found last, and the members that later events add or withdraw."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg

from domain.cases import acts
from domain.cases.acts import Member
from domain.cases.recall import RecallCase
from services.codec import MEMBER
from services.query.evaluation import Chunks, Evaluation

_PRESENT = """
-- the set as it was found last: the newest of what the freeze and the evaluations since said of each item
SELECT uri FROM (
    SELECT DISTINCT ON (m.item_no) i.uri, m.change FROM views.case_members m JOIN views.items i USING (item_no)
    WHERE m.tenant_id = $1 AND m.case_id = $2
    AND ((m.change = 'frozen' AND m.number = $3) OR (m.change <> 'frozen' AND m.number = ANY($4::int[])))
    ORDER BY m.item_no, CASE WHEN m.change = 'frozen' THEN 0 ELSE m.number END DESC
) AS newest WHERE change <> 'withdrawn'
"""
_STORED = """
-- these members as they were told last
SELECT DISTINCT ON (m.item_no)
    b.body #> ARRAY['act', CASE m.change WHEN 'frozen' THEN 'members' ELSE 'added' END, m.line::text] AS member
FROM views.items i JOIN views.case_members m USING (item_no) JOIN views.event_bodies b USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($5) AND m.case_id = $2
AND ((m.change = 'frozen' AND m.number = $3) OR (m.change = 'added' AND m.number = ANY($4::int[])))
ORDER BY m.item_no, CASE WHEN m.change = 'frozen' THEN 0 ELSE m.number END DESC
"""
_FITTED = """
SELECT w.product FROM unnest($3::text[]) AS w(product) WHERE EXISTS (
    SELECT FROM views.items i JOIN views.case_members m USING (item_no)
    WHERE i.tenant_id = $1 AND i.material = w.product AND m.case_id = $2 AND m.kind = 'unit'
    AND NOT m.top AND NOT m.loose_spare)
"""
READ_AT_ONCE = 1_000


def evaluations_since(case: RecallCase) -> list[int]:
    """Numbers of the evaluations that are whole, since the newest set was frozen."""
    found: list[int] = []
    for one in case.history:
        match one.act:
            case acts.Frozen():
                found = []
            case acts.Evaluated(evaluation=number):
                found.append(number)
            case _:
                pass
    return found


def last_evaluation(case: RecallCase) -> int:
    """The number of the newest evaluation of the case, of whatever freeze; 0 if there is none."""
    return max((a.act.evaluation for a in case.history if isinstance(a.act, acts.Evaluated)), default=0)


@dataclass(slots=True)
class Changes:
    """What an evaluation adds and withdraws."""

    added: list[Member] = field(default_factory=list)
    withdrawn: list[Member] = field(default_factory=list)


class DeltaSet:
    """The set of a recall as it was found last."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: int, *, case: RecallCase) -> None:
        assert case.frozen is not None
        self._connection = connection
        self._about = (tenant_id, case.case_id, case.frozen.number, evaluations_since(case))

    async def changes(self, found: Evaluation) -> Changes:
        """What makes the set what `found` says. What was walked only in part withdraws nothing."""
        missing = await self._present()
        # Where members are that were there before is not asked: of a million of them that takes longer than the walk.
        found.chunks = _others(found.chunks, missing)
        added = [one.member async for some in found.members() for one in some]
        fitted = await self._fitted(sorted({m.item.material for m in added if m.top and m.item.material is not None}))
        added = [_spare(member, found, fitted=fitted) for member in added]
        withdrawn = [] if found.incomplete else [m async for some in self._stored(sorted(missing)) for m in some]
        return Changes(added, withdrawn)

    async def _fitted(self, products: Sequence[str]) -> set[str]:
        """Those of the products of which a member is inside, or used up in, another."""
        rows = await self._connection.fetch(_FITTED, *self._about[:2], products) if products else []
        return {r[0] for r in rows}

    async def _present(self) -> set[str]:
        found: set[str] = set()
        async for row in self._connection.cursor(_PRESENT, *self._about, prefetch=10_000):
            found.add(row[0])
        return found

    async def _stored(self, items: Sequence[str]) -> AsyncGenerator[list[Member], None]:
        for start in range(0, len(items), READ_AT_ONCE):
            rows = await self._connection.fetch(_STORED, *self._about, items[start : start + READ_AT_ONCE])
            yield [_member(row["member"]) for row in rows]


def _member(document: Any) -> Member:
    found: Member = MEMBER.validate_python(document)
    return found


async def _others(chunks: Chunks, missing: set[str]) -> Chunks:
    """What was not there before; `missing` loses what is there still."""
    async for chunk in chunks:
        new = []
        for item, why in chunk:
            if item in missing:
                missing.discard(item)
            else:
                new.append((item, why))
        if new:
            yield new


def _spare(member: Member, found: Evaluation, *, fitted: set[str]) -> Member:
    """Which top units are loose spares is known once all were read."""
    if member.top and (member.item.material in fitted or found.is_spare(member.item)):
        return replace(member, top=False, loose_spare=True)
    return member
