"""Answers as JSON: the shape of DESIGN §7, which partners script against."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from domain.answers import Superseded
from domain.balance import COMING_IN, GOING_OUT, Balance
from domain.contents import Content
from domain.genealogy import Conflict, Gap, Node
from domain.links import Link
from domain.moments import iso
from domain.state import State, Whereabouts
from domain.walk import AGAINST_TIME, CERTAIN

POSSIBLE = "possible"


def text(value: Decimal | None) -> str | None:
    """A quantity as decimal text, without exponent."""
    return None if value is None else format(value, "f")


def time(instant_us: int | None) -> str | None:
    return None if instant_us is None else _iso(instant_us)


@lru_cache(maxsize=1 << 16)
def _iso(instant_us: int) -> str:
    """What many links and nodes have in common is written once."""
    return iso(instant_us)


def link_json(link: Link) -> dict[str, Any]:
    """A link, by itself: what its neighbours on a path make of it is said of the nodes."""
    reasons = link.reasons | {AGAINST_TIME} if link.against_time else link.reasons
    return {
        "relation": link.relation,
        "from": link.source,
        "to": link.target,
        "event_id": link.event_id or None,
        "since": time(link.since_us),
        "until": time(link.until_us),
        "quantity": text(link.quantity),
        "uom": link.uom,
        "basis": link.basis,
        "share": text(link.share),
        "certainty": POSSIBLE if reasons else CERTAIN,
        "reasons": sorted(reasons),
    }


def standing_json(state: Whereabouts) -> dict[str, Any]:
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


def node_json(
    node: Node,
    state: Whereabouts,
    *,
    linked: Callable[[Link], dict[str, Any]] = link_json,
    standing: Callable[[Whereabouts], dict[str, Any]] = standing_json,
) -> dict[str, Any]:
    """A node and how it stands; `linked` and `standing` write as `link_json` and `standing_json` do."""
    return {
        "item": node.item,
        "kind": state.kind,
        "level": node.level,
        "certainty": node.certainty,
        "reasons": list(node.reasons),
        "from": list(node.came_from),
        "from_count": node.from_count,
        "links": [linked(link) for link in node.links],
        "link_count": node.link_count,
        "occurred_at": time(node.reached_us) or state.occurred_at,
        **standing(state),
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


def superseded_json(superseded: Superseded) -> dict[str, Any]:
    """A lot-level link that was not walked, and the events whose scans cover it."""
    return link_json(superseded.link) | {"superseded_by": list(superseded.event_ids)}


def gap_json(gap: Gap) -> dict[str, Any]:
    quantity = {"quantity": text(gap.quantity), "uom": gap.uom}
    return {"code": gap.code, "items": list(gap.items), **quantity, "detail": gap.detail}


def conflict_json(conflict: Conflict) -> dict[str, Any]:
    ids = list(conflict.event_ids)
    return {"code": conflict.code, "items": list(conflict.items), "event_ids": ids, "detail": conflict.detail}


def balance_json(balance: Balance) -> dict[str, Any]:
    """The balance of a lot in one unit of measure."""
    terms = {str(term): text(balance.terms[term]) for term in (*COMING_IN, *GOING_OUT)}
    return {
        "uom": balance.uom,
        **terms,
        "stock": text(balance.stock),
        "unaccounted": text(balance.unaccounted),
        "unknown": list(balance.unknown),
    }
