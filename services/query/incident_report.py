"""The report of an incident (REQUIREMENTS CN8): what people told; batch and known flow as the trace has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.answers import Way
from domain.cases import acts
from domain.cases.incident import IncidentCase
from domain.ids import ItemId
from domain.links import Relation
from domain.state import states
from services.codec import INCIDENT_FACTS
from services.query.answering import answered
from services.query.items_asked import Wanted, items_asked
from services.query.snapshot import Asked, Questions
from services.query.tracing import summed

ITEMS_SHOWN = 1_000
COMPONENT_LOTS_SHOWN = 1_000
"""Lots that went in which a report lists; `component_lot_count` tells how many there are."""


async def incident_report(questions: Questions, asked: Asked, incident: IncidentCase) -> dict[str, Any]:
    """Every field of the report as of the snapshot. Items that no event names are told, and not traced."""
    items, gaps = await _known(asked, incident.items)
    batch, loose = await _batch(questions, asked, items)
    flow = await _flow(questions, asked, [*(ItemId(b["lot"]) for b in batch["lots"]), *loose])
    facts = INCIDENT_FACTS.dump_python(incident.facts, mode="json")
    facts.pop("items")
    return {
        **facts,
        "items": [str(i) for i in incident.items],
        "unknown_items": [str(i) for gap in gaps for i in gap.items],
        "batch": batch,
        "known_flow": flow | {"items": await _whereabouts(asked, items)},
        "as_of": asked.fresh.as_of(asked.vector),
    }


async def _known(asked: Asked, items: Sequence[ItemId]) -> tuple[list[ItemId], Sequence[Any]]:
    if not items:
        return [], []
    return await items_asked(asked, Wanted([str(i) for i in items]), skip_unknown=True)


async def _batch(
    questions: Questions, asked: Asked, items: Sequence[ItemId]
) -> tuple[dict[str, Any], Sequence[ItemId]]:
    """The lots that the items belong to or are, and the lots that went into them; and the items that have no lot."""
    own: dict[str, str] = {str(i): "certain" for i in items if i.kind == "lot"}
    parts: dict[str, str] = {}
    loose = dict.fromkeys(i for i in items if i.kind != "lot")

    def look(rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if row["kind"] == "lot":
                of_lot = any(link["relation"] == Relation.MEMBER_OF_LOT for link in row["links"])
                if row["level"] > 1 or not of_lot:
                    parts.setdefault(row["item"], row["certainty"])
                    continue
                own.setdefault(row["item"], row["certainty"])
                for item in row["from"]:
                    loose.pop(item, None)

    traced = await summed(questions, asked, items, way=Way.BACKWARD, seen=look) if items else None
    batch = {
        "lots": [{"lot": lot, "certainty": sure} for lot, sure in sorted(own.items())],
        "component_lots": [
            {"lot": lot, "certainty": sure} for lot, sure in sorted(parts.items())[:COMPONENT_LOTS_SHOWN]
        ],
        "component_lot_count": len(parts),
        **_honest(traced),
    }
    return batch, list(loose)


async def _whereabouts(asked: Asked, items: Sequence[ItemId]) -> list[dict[str, Any]]:
    """Where the items are themselves: a trace leaves out what it starts from."""
    some = items[:ITEMS_SHOWN]
    found = await answered(states(some, at_us=asked.fresh.now_us), asked.record()) if some else {}
    return [
        {"item": i, "status": s.status, "site": s.site, "holder": s.holder, "on_hold": s.on_hold}
        for i, s in found.items()
    ]


async def _flow(questions: Questions, asked: Asked, items: Sequence[ItemId]) -> dict[str, Any]:
    """Where the batch went: what came of it, and who has it now."""
    traced = await summed(questions, asked, items, way=Way.FORWARD) if items else None
    return {"of": [str(i) for i in items], "totals": traced["totals"] if traced else None, **_honest(traced)}


def _honest(traced: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a trace says of itself, short."""
    if traced is None:
        return {"complete": False, "incomplete_because": ["no_items"], "gaps": []}
    gaps = [{"code": g["code"], "items": len(g["items"]), "detail": g["detail"]} for g in traced["gaps"]]
    return {"complete": traced["complete"], "incomplete_because": traced["incomplete_because"], "gaps": gaps}


def told_json(incident: IncidentCase) -> dict[str, Any]:
    """What people told of an incident, without the trace."""
    facts: dict[str, Any] = INCIDENT_FACTS.dump_python(incident.facts, mode="json")
    return facts | {"items": [str(i) for i in incident.items]}


def stages_json(incident: IncidentCase) -> list[dict[str, Any]]:
    """The reports that went to authorities, oldest first, without what they said: the history has that."""
    return [
        {
            "stage": r.act.stage,
            "at": r.act.at.text,
            "reference": r.act.reference,
            "text": r.act.text,
            "actor": r.actor,
            "event_id": r.event_id,
        }
        for r in incident.reports
        if isinstance(r.act, acts.StageReported)
    ]
