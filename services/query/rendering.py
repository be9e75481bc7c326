"""Answers as JSON: the shape of DESIGN §7, which partners script against."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.contents import Content
from domain.facts import Status
from domain.genealogy import Conflict, Gap, Node, Trace
from domain.ids import ItemId
from domain.links import Link
from domain.moments import iso
from domain.state import State


def text(value: Decimal | None) -> str | None:
    """A quantity as decimal text, without exponent."""
    return None if value is None else format(value, "f")


def time(instant_us: int | None) -> str | None:
    return None if instant_us is None else iso(instant_us)


def link_json(link: Link) -> dict[str, Any]:
    return {
        "relation": link.relation,
        "from": link.source,
        "to": link.target,
        "event_id": link.event_id,
        "since": time(link.since_us),
        "until": time(link.until_us),
        "quantity": text(link.quantity),
        "uom": link.uom,
        "basis": link.basis,
        "reasons": sorted(link.reasons),
    }


def standing_json(state: State) -> dict[str, Any]:
    """Where an item stands: the part that nodes and /state share."""
    return {
        "status": state.status,
        "disposition": state.disposition,
        "site": state.site,
        "container": state.container,
        "containers": list(state.containers),
        "holder": state.holder,
        "owner": state.owner,
        "where": [
            {
                "site": w.site,
                "holder": w.holder,
                "container": w.container,
                "status": w.status,
                "quantity": text(w.quantity),
                "uom": w.uom,
            }
            for w in state.where
        ],
        "on_hold": state.on_hold,
        "recalls": list(state.recalls),
        "order_uncertain": state.order_uncertain,
    }


def node_json(node: Node, state: State) -> dict[str, Any]:
    return {
        "item": node.item,
        "kind": state.kind,
        "level": node.level,
        "certainty": node.certainty,
        "reasons": list(node.reasons),
        "from": list(node.came_from),
        "from_count": node.from_count,
        "links": [link_json(link) for link in node.links],
        "link_count": node.link_count,
        "occurred_at": time(node.reached_us) or state.occurred_at,
        **standing_json(state),
    }


def state_json(state: State) -> dict[str, Any]:
    return {
        "item": state.item,
        "goes_by": state.goes_by,
        "ids": list(state.ids),
        "kind": state.kind,
        **standing_json(state),
        "persistent_dispositions": list(state.persistent_dispositions),
        "inherited_dispositions": [{"disposition": d, "item": i} for d, i in state.inherited_dispositions],
        "wholes": list(state.wholes),
        "destination": state.destination,
        "holds": list(state.holds),
        "event_count": state.event_count,
        "occurred_at": state.occurred_at,
    }


def content_json(held: Content) -> dict[str, Any]:
    return {
        "item": held.item,
        "parent": held.parent,
        "quantity": text(held.quantity),
        "uom": held.uom,
        "since": time(held.since_us),
        "until": time(held.until_us),
        "until_inferred": held.until_inferred,
        "depth": held.depth,
    }


def gap_json(gap: Gap) -> dict[str, Any]:
    quantity = {"quantity": text(gap.quantity), "uom": gap.uom}
    return {"code": gap.code, "items": list(gap.items), **quantity, "detail": gap.detail}


def conflict_json(conflict: Conflict) -> dict[str, Any]:
    ids = list(conflict.event_ids)
    return {"code": conflict.code, "items": list(conflict.items), "event_ids": ids, "detail": conflict.detail}


def totals_json(trace: Trace, states: Mapping[ItemId, State]) -> dict[str, Any]:
    """SEMANTICS §7. Two names of one thing count once; top units are not in, nor used up in, another one."""
    nodes = _counted_once(trace)
    by = {n.item: states[n.item] for n in nodes}
    units = [n for n in nodes if by[n.item].kind == "unit"]
    tops = [n for n in units if _is_top(by[n.item], by)]
    quantities: dict[str, Decimal] = {}
    for state in by.values():
        for row in state.where if state.kind in ("lot", "class") else ():
            if row.quantity is not None:
                quantities[row.uom or "pieces"] = quantities.get(row.uom or "pieces", Decimal(0)) + row.quantity
    sure = Counter(n.certainty for n in nodes)
    return {
        "items": len(nodes),
        "units": len(units),
        "lots": sum(by[n.item].kind == "lot" for n in nodes),
        "top_units": len(tops),
        "certain": sure["certain"],
        "possible": sure["possible"],
        "by_status": _count(s.status for s in by.values()),
        "by_site": _count(s.site for s in by.values()),
        "by_holder": _count(s.holder for s in by.values()),
        "quantities": {uom: text(q) for uom, q in sorted(quantities.items())},
    }


def _counted_once(trace: Trace) -> list[Node]:
    """One node a thing: ids that are surely of one thing are counted by the first of them."""
    same: dict[ItemId, ItemId] = {}

    def first_of(item: ItemId) -> ItemId:
        while item in same:
            item = same[item]
        return item

    for node in trace.nodes:
        for link in node.links:
            ends = sorted({first_of(link.source), first_of(link.target)})
            if link.relation == "identified_as" and not link.reasons and len(ends) > 1:
                same[ends[1]] = ends[0]
    kept: dict[ItemId, Node] = {}
    for node in trace.nodes:
        kept.setdefault(first_of(node.item), node)
    return list(kept.values())


def _is_top(state: State, affected: Mapping[ItemId, State]) -> bool:
    inside = any(x in affected for x in (*state.wholes, *(c for c in state.containers if _is_unit(c, affected))))
    return state.status is not Status.CONSUMED and not inside


def _is_unit(item: ItemId, affected: Mapping[ItemId, State]) -> bool:
    return item in affected and affected[item].kind == "unit"


def _count(values: Any) -> dict[str, int]:
    found = Counter(str(v) for v in values if v is not None)
    return dict(sorted(found.items()))
