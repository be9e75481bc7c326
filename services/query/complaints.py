"""Complaints as the views have them, with what they share with others (docs/recall.md, 'Complaints')."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.answers import Way
from domain.cases.complaints import About
from domain.cases.recall import RecallCase
from domain.corrections import Standing
from domain.ids import ItemId
from domain.links import Relation
from services.query.snapshot import Asked, Questions
from services.query.standing import judged
from services.query.tracing import summed

COMPLAINTS_MAX = 10_000
"""Complaints that one answer counts; more sets `row_limit`."""
SHOWN_MAX = 200

_HURT = ("serious_injury", "death")

_COMPLAINTS = """
SELECT c.event_no, e.key_no, k.event_id, e.occurred_at, i.uri, i.material, c.channel, c.harm, c.latest_us, b.body,
       e.log_partition, e.log_offset,
       ARRAY(SELECT l.uri FROM views.memberships m JOIN views.items l ON l.item_no = m.lot_no
             WHERE m.unit_no = c.item_no ORDER BY l.uri) AS lots
FROM views.complaints c JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
JOIN views.items i ON i.item_no = c.item_no JOIN views.event_bodies b ON b.event_no = c.event_no
WHERE c.tenant_id = $1 AND c.latest_us >= $2 AND ({about})
ORDER BY c.latest_us DESC, k.event_id, i.uri LIMIT $3
"""
EVERY = "true"
OF_ITEM = """i.uri = $4 OR i.material = $4 OR EXISTS (
    SELECT FROM views.memberships m JOIN views.items l ON l.item_no = m.lot_no
    WHERE m.unit_no = c.item_no AND l.tenant_id = $1 AND l.uri = $4)"""
OF_CASE = """EXISTS (
    SELECT FROM views.case_members s
    WHERE s.item_no = c.item_no AND s.tenant_id = $1 AND s.case_id = $4 AND s.change <> 'withdrawn')
OR i.uri = ANY($5) OR i.material = ANY($5) OR EXISTS (
    SELECT FROM views.memberships m JOIN views.items l ON l.item_no = m.lot_no
    WHERE m.unit_no = c.item_no AND l.tenant_id = $1 AND l.uri = ANY($5))"""
"""SQL: which complaints are meant: of an item, of a lot's units or a product's; of a recall's members or its items."""


@dataclass(frozen=True, slots=True)
class Told:
    """One item of one complaint that counts."""

    event_id: str
    item: ItemId
    occurred_at: str
    at_us: int
    model: ItemId | None
    lots: tuple[ItemId, ...]
    channel: str
    harm: str | None
    symptom: str | None
    complaint_id: str | None

    @property
    def serious(self) -> bool:
        """Whether somebody was badly hurt."""
        return self.harm in _HURT


async def complaints(asked: Asked, about: str, *given: Any, since_us: int = 0) -> tuple[list[Told], bool]:
    """The complaints that count, newest first, and whether there are more than are read."""
    rows = await asked.connection.fetch(
        _COMPLAINTS.format(about=about), asked.tenant_id, since_us, COMPLAINTS_MAX + 1, *given
    )
    verdicts = await judged(asked.connection, [r["key_no"] for r in rows], vector=asked.vector) if rows else {}
    counting = (Standing.COUNTS, Standing.PENDING)
    found = [
        _told(r)
        for r in rows[:COMPLAINTS_MAX]
        if asked.knows(r["log_partition"], r["log_offset"])
        and ((verdict := verdicts.get(r["event_no"])) is None or verdict.standing in counting)
    ]
    return found, len(rows) > COMPLAINTS_MAX


async def of_recall(asked: Asked, case: RecallCase) -> tuple[list[Told], bool]:
    """The complaints of a recall's members, and of the items and lots it was opened for."""
    return await complaints(asked, OF_CASE, case.case_id, [str(i) for i in case.about.items or ()])


def _told(row: Mapping[str, Any]) -> Told:
    item, body = ItemId(row["uri"]), row["body"]
    return Told(
        event_id=row["event_id"],
        item=item,
        occurred_at=row["occurred_at"],
        at_us=row["latest_us"],
        model=ItemId(row["material"]) if row["material"] is not None else None,
        lots=(item,) if item.kind == "lot" else tuple(ItemId(lot) for lot in row["lots"]),
        channel=row["channel"],
        harm=row["harm"],
        symptom=body.get("symptom"),
        complaint_id=body.get("complaint_id"),
    )


def counts_json(told: Sequence[Told]) -> dict[str, Any]:
    """How many there are, by what they share; one complaint of several items counts once in each."""

    def by(values: Any) -> dict[str, int]:
        pairs = {(value, t.event_id) for t in told for value in values(t) if value is not None}
        return dict(sorted(Counter(str(value) for value, _ in pairs).items()))

    return {
        "count": len({t.event_id for t in told}),
        "by_model": by(lambda t: (t.model,)),
        "by_lot": by(lambda t: t.lots),
        "by_channel": by(lambda t: (t.channel,)),
        "by_harm": by(lambda t: (t.harm,)),
    }


async def in_common(questions: Questions, asked: Asked, item: ItemId) -> Mapping[About, Sequence[ItemId]]:
    """What a complaint of an item may share with others: its lots, and all lots that went into it."""
    own: list[ItemId] = [item] if item.kind == "lot" else []
    parts: list[ItemId] = []

    def look(rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if row["kind"] == "lot":
                of_lot = any(link["relation"] == Relation.MEMBER_OF_LOT for link in row["links"])
                (own if row["level"] == 1 and of_lot else parts).append(ItemId(row["item"]))

    await summed(questions, asked, [item], way=Way.BACKWARD, seen=look)
    return {"lot": own, "component_lot": parts}
