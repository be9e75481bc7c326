"""What an evaluation would change: the set as it was found last, the members that later events add or withdraw, and
those that they make surer, less sure, nearer, or members for other reasons.
"""

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import asyncpg
import numpy as np

from domain.cases.acts import ChangedMember, Member, Stood
from domain.cases.recall import RecallCase
from domain.cases.sets import CERTAIN, POSSIBLE, Why
from domain.facts import Role
from domain.ids import ItemId
from services.cases.delta_sieve import Present, sieve_of
from services.codec import MEMBER
from services.query.evaluation import Chunks, Evaluation
from services.query.graph.groups import Ints

_PRESENT = """
-- the set as it was found last: the newest of what the freeze and the evaluations since said of each item
SELECT item_no, level, certainty, reasons FROM (
    SELECT DISTINCT ON (m.item_no) m.item_no, m.change, m.level, m.certainty, m.reasons FROM views.case_members m
    WHERE m.tenant_id = $1 AND m.case_id = $2
    AND ((m.change = 'frozen' AND m.number = $3) OR (m.change <> 'frozen' AND m.number = ANY($4::int[])))
    ORDER BY m.item_no, CASE WHEN m.change = 'frozen' THEN 0 ELSE m.number END DESC
) AS newest WHERE change <> 'withdrawn'
"""
_IDS = "SELECT item_no, uri FROM views.items WHERE item_no = ANY($1::bigint[])"
_STORED = """
-- these members as they were told last
SELECT DISTINCT ON (m.item_no)
    b.body #> ARRAY['act', CASE m.change WHEN 'frozen' THEN 'members' ELSE m.change END, m.line::text] AS member
FROM views.items i JOIN views.case_members m USING (item_no) JOIN views.event_bodies b USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($5) AND m.case_id = $2
AND ((m.change = 'frozen' AND m.number = $3) OR (m.change IN ('added', 'changed') AND m.number = ANY($4::int[])))
ORDER BY m.item_no, CASE WHEN m.change = 'frozen' THEN 0 ELSE m.number END DESC
"""
_WERE_FITTED = """
-- units of a product in the set that an event ever named as a component
SELECT i.uri FROM views.items i JOIN views.case_members m USING (item_no)
WHERE i.tenant_id = $1 AND i.material = $5 AND m.case_id = $2 AND m.kind = 'unit'
AND ((m.change = 'frozen' AND m.number = $3) OR (m.change <> 'frozen' AND m.number = ANY($4::int[])))
AND EXISTS (SELECT FROM views.event_items e WHERE e.item_no = i.item_no AND e.role = $6)
"""
_NAMED = """
-- which of these ($5) the set has, had or got
SELECT i.uri FROM views.items i WHERE i.tenant_id = $1 AND i.uri = ANY($5) AND EXISTS (
    SELECT FROM views.case_members m WHERE m.item_no = i.item_no AND m.tenant_id = $1 AND m.case_id = $2
    AND ((m.change = 'frozen' AND m.number = $3) OR (m.change <> 'frozen' AND m.number = ANY($4::int[]))))
"""
_COUNT = "SELECT count(*) FROM views.case_members WHERE tenant_id = $1 AND case_id = $2"
READ_AT_ONCE = 1_000
IDS_AT_ONCE = 20_000
SETS_KEPT_MEMBERS = 2_000_000
"""16 bytes each."""


def evaluations_since(case: RecallCase) -> list[int]:
    """Numbers of the evaluations that are whole, since the newest set was frozen."""
    return [e.evaluation for e in case.evaluations_of(case.frozen.number)] if case.frozen is not None else []


def last_evaluation(case: RecallCase) -> int:
    """The number of the newest evaluation of the case, of whatever freeze; 0 if there is none."""
    return max((e.evaluation for e in case.evaluations), default=0)


def approved_before(case: RecallCase, vector: Mapping[int, int]) -> int | None:
    """The freeze that was approved, as known at `vector`, where the newest was not: until a second person agrees that
    a rule may be narrower, what comes by the approved one is affected, too.
    """
    for freeze in reversed(case.freezes):
        if (by := freeze.approved_by) is not None and by.place[2] <= vector.get(by.place[1], -1):
            newest = case.frozen is not None and case.frozen.number == freeze.number
            return None if newest else freeze.number
    return None


@dataclass(slots=True)
class Changes:
    """What an evaluation adds, withdraws and sees otherwise than before."""

    added: list[Member] = field(default_factory=list)
    withdrawn: list[Member] = field(default_factory=list)
    changed: list[ChangedMember] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.withdrawn or self.changed)

    def turned(self, certainty: str) -> int:
        """How many members have become so sure, or unsure."""
        return sum(m.certainty == certainty != m.was.certainty for m in self.changed)


class KeptSets:
    """Sets as they were read last, of all cases of a process: rows of members are only ever added, so as many rows of
    the same tables are the same rows. Those used longest ago are let go of.
    """

    def __init__(self, members_max: int = SETS_KEPT_MEMBERS) -> None:
        self._members_max = members_max
        self._sets: OrderedDict[tuple[int, str], tuple[object, Present]] = OrderedDict()

    def get(self, of: tuple[int, str], what: object) -> Present | None:
        """The set of (tenant, case), if it was read of just these rows."""
        kept = self._sets.get(of)
        if kept is None or kept[0] != what:
            return None
        self._sets.move_to_end(of)
        return kept[1]

    def put(self, of: tuple[int, str], what: object, present: Present) -> None:
        self._sets.pop(of, None)
        self._sets[of] = (what, present)
        while sum(len(one.numbers) for _, one in self._sets.values()) > self._members_max:
            self._sets.popitem(last=False)


class DeltaSet:
    """The set of a recall as it was found last: the newest, or of `freeze` as it was when another took its place.
    `kept`, if given, remembers it of the views of that generation.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        tenant_id: int,
        *,
        case: RecallCase,
        freeze: int | None = None,
        kept: KeptSets | None = None,
        generation: int | None = None,
    ) -> None:
        assert case.frozen is not None
        number = freeze or case.frozen.number
        self._connection, self._kept, self._generation = connection, kept, generation
        self._about = (tenant_id, case.case_id, number, [e.evaluation for e in case.evaluations_of(number)])

    async def changes(self, found: Evaluation) -> Changes:
        """What makes the set what `found` says. What was walked only in part withdraws nothing, and makes nothing less
        sure.
        """
        present = await self._rows()
        turned: dict[str, Stood] = {}
        # Of a million members that stay as they were none is made an object, and where they are is not asked.
        sieve = await asyncio.to_thread(sieve_of, found, present) if found.sieved is not None else None
        before = await self._ids(present, present.numbers if sieve is None else sieve.unknown)
        if sieve is not None and found.sieved is not None:
            before |= sieve.told
            sieve.told = before
            found.chunks = found.sieved.chunks(sieve)
        found.chunks = _differing(found.chunks, before, turned, whole=not found.incomplete)
        members = [one.member async for some in found.members() for one in some]
        products = sorted({m.item.material for m in members if m.top and m.item.material is not None})
        fitted = {p for p in products if found.has_fitted(p) or await self._is_fitted(p, found)}
        members = [_spare(member, fitted=fitted) for member in members]
        if sieve is not None:
            before |= await self._ids(present, sieve.missing)
        return Changes(
            added=[m for m in members if m.item not in turned],
            withdrawn=[] if found.incomplete else [m async for some in self._stored(sorted(before)) for m in some],
            changed=[_changed(m, turned[m.item]) for m in members if m.item in turned],
        )

    async def beside(self, changes: Changes, came: Sequence[Member]) -> Changes:
        """The changes, with what `came` by another rule that counts as well: it is added where this set never had it,
        and none of it is withdrawn.
        """
        gets, named = {m.item for m in changes.added}, {m.item for m in came}
        new = [m for m in came if m.item not in gets]
        for start in range(0, len(new), IDS_AT_ONCE):
            items = [str(m.item) for m in new[start : start + IDS_AT_ONCE]]
            gets |= {ItemId(r[0]) for r in await self._connection.fetch(_NAMED, *self._about, items)}
        added = [*changes.added, *(m for m in new if m.item not in gets)]
        return replace(changes, added=added, withdrawn=[m for m in changes.withdrawn if m.item not in named])

    async def _is_fitted(self, product: str, found: Evaluation) -> bool:
        """Whether a member of the product is fitted in something, as the record says now: it may be in as it was."""
        cursor = await self._connection.cursor(_WERE_FITTED, *self._about, product, int(Role.COMPONENT))
        while rows := await cursor.fetch(READ_AT_ONCE):
            if await found.are_fitted([ItemId(r[0]) for r in rows]):
                return True
        return False

    async def _rows(self) -> Present:
        if self._kept is None or self._generation is None:
            return await self._read()
        tenant_id, case_id, freeze, evaluations = self._about
        count = await self._connection.fetchval(_COUNT, tenant_id, case_id)
        what = (self._generation, count, freeze, tuple(evaluations))
        present = self._kept.get((tenant_id, case_id), what)
        if present is None:
            present = await self._read()
            self._kept.put((tenant_id, case_id), what, present)
        return present

    async def _read(self) -> Present:
        numbers, codes = array("q"), array("q")
        kept: dict[tuple[Any, ...], int] = {}
        async for number, level, certainty, reasons in self._connection.cursor(_PRESENT, *self._about, prefetch=10_000):
            key = (level, certainty, None if reasons is None else tuple(reasons))
            numbers.append(number)
            codes.append(kept.setdefault(key, len(kept)))
        stood = [Stood(level=level, certainty=certainty, reasons=reasons) for level, certainty, reasons in kept]
        return Present(np.array(numbers, dtype=np.int64), np.array(codes, dtype=np.int64), stood)

    async def present(self) -> dict[str, Stood]:
        """The set, and how each of it stood in it."""
        rows = await self._rows()
        return await self._ids(rows, rows.numbers)

    async def _ids(self, present: Present, numbers: Ints) -> dict[str, Stood]:
        """How these stood, by their ids."""
        found: dict[str, Stood] = {}
        stood = dict(zip(present.numbers.tolist(), present.codes.tolist(), strict=True)) if len(numbers) else {}
        for start in range(0, len(numbers), IDS_AT_ONCE):
            for number, uri in await self._connection.fetch(_IDS, numbers[start : start + IDS_AT_ONCE].tolist()):
                found[uri] = present.stood[stood[number]]
        return found

    async def _stored(self, items: Sequence[str]) -> AsyncGenerator[list[Member], None]:
        for start in range(0, len(items), READ_AT_ONCE):
            rows = await self._connection.fetch(_STORED, *self._about, items[start : start + READ_AT_ONCE])
            yield [_member(row["member"]) for row in rows]


def _member(document: dict[str, Any]) -> Member:
    found: Member = MEMBER.validate_python({k: v for k, v in document.items() if k != "was"})
    return found


async def _differing(chunks: Chunks, before: dict[str, Stood], turned: dict[str, Stood], *, whole: bool) -> Chunks:
    """What was not there before, and what was otherwise: `turned` tells how. `before` loses what is there still."""
    async for chunk in chunks:
        new = []
        for item, why in chunk:
            stood = before.pop(item, None)
            if stood is not None:
                if not _differs(why, stood, whole=whole):
                    continue
                turned[item] = stood
            new.append((item, why))
        if new:
            yield new


def _differs(why: Why, stood: Stood, *, whole: bool) -> bool:
    """Whether a member is in otherwise than it was. Of a walk cut short only a sure path that it found is believed."""
    if not whole:
        return why.certain and stood.certainty == POSSIBLE
    if (CERTAIN if why.certain else POSSIBLE, why.level) != (stood.certainty, stood.level):
        return True
    return stood.reasons is not None and why.reasons != stood.reasons


def _changed(member: Member, was: Stood) -> ChangedMember:
    return ChangedMember(**{f.name: getattr(member, f.name) for f in fields(member)}, was=was)


def _spare(member: Member, *, fitted: set[str]) -> Member:
    """Which top units are loose spares is known once all were read."""
    if member.top and member.item.material in fitted:
        return replace(member, top=False, loose_spare=True)
    return member
