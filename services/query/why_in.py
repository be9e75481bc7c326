"""Why an item is in the set of a recall: the path of stored members from it back to what the rule names."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.cases.recall import RecallCase
from domain.ids import ItemId, serial_of
from services.query.snapshot import Asked

STEPS_MAX = 50

_MEMBER = """
-- members as they were told last: by the freeze, or by an evaluation since
SELECT DISTINCT ON (m.item_no) i.uri, m.change, m.number,
    b.body #> ARRAY['act', CASE m.change WHEN 'frozen' THEN 'members' ELSE m.change END, m.line::text] AS member
FROM views.items i JOIN views.case_members m USING (item_no) JOIN views.event_bodies b USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($5) AND m.case_id = $2 AND m.tenant_id = $1
AND ((m.change = 'frozen' AND m.number = $3) OR (m.change <> 'frozen' AND m.number = ANY($4::int[])))
ORDER BY m.item_no, CASE WHEN m.change = 'frozen' THEN 0 ELSE m.number END DESC, m.change
"""
_EVENTS = """
SELECT DISTINCT ON (k.event_id) k.event_id, e.kind, e.occurred_at FROM views.event_keys k
JOIN views.events e USING (key_no) WHERE k.tenant_id = $1 AND k.event_id = ANY($2)
ORDER BY k.event_id, e.appended_us
"""


async def stored(asked: Asked, case: RecallCase, items: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The members among the items, each with `change` (frozen, added, withdrawn, changed) and its member as it was
    stored last."""
    if case.frozen is None:
        return {}
    evaluations = [e.evaluation for e in case.evaluations_of(case.frozen.number)]
    about = (asked.tenant_id, case.case_id, case.frozen.number, evaluations)
    rows = await asked.connection.fetch(_MEMBER, *about, list(items))
    return {r["uri"]: dict(r) for r in rows}


async def path_of(asked: Asked, case: RecallCase, item: str) -> list[dict[str, Any]]:
    """From the item to a seed: each step with the events that link it to the next."""
    steps: list[dict[str, Any]] = []
    seen: set[str] = set()
    here: str | None = item
    while here is not None and here not in seen and len(steps) < STEPS_MAX:
        seen.add(here)
        found = (await stored(asked, case, [here])).get(here)
        if found is None:
            break
        member = found["member"]
        steps.append(
            {
                "item": here,
                "label": label(here),
                "level": member["level"],
                "certainty": member["certainty"],
                "reasons": member.get("reasons", []),
                "came_from": member.get("came_from", []),
                "event_ids": member.get("event_ids", []),
                "seed": member["seed"],
            }
        )
        here = None if member["seed"] else next((c for c in member.get("came_from", []) if c not in seen), None)
    return await _with_events(asked, steps)


async def _with_events(asked: Asked, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = sorted({e for step in steps for e in step["event_ids"]})
    rows = await asked.connection.fetch(_EVENTS, asked.tenant_id, wanted)
    told = {r["event_id"]: {"event_id": r[0], "kind": r["kind"], "occurred_at": r["occurred_at"]} for r in rows}
    return [
        {k: v for k, v in step.items() if k != "event_ids"}
        | {"events": [told.get(e, {"event_id": e}) for e in step["event_ids"]]}
        for step in steps
    ]


def label(uri: str) -> str:
    """An item as people call it: its product and its number."""
    item = ItemId(uri)
    number = serial_of(item) or uri.rpartition(":")[2].rpartition("/")[2]
    product = item.material.rpartition(":")[2].rpartition("/")[2] if item.material is not None else ""
    kind = "lot " if item.kind == "lot" else ""
    return " ".join(part for part in (product, f"{kind}{number}") if part)
