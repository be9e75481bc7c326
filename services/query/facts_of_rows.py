"""From a row of views.events back to its facts: the mirror of services/readmodel/rows.py."""

from collections.abc import Mapping
from typing import Any

from domain.events import ProductScope
from domain.facts import EventFacts, HoldFact, PostingFact, RecallFact, VoidFact
from domain.ids import ItemId
from domain.moments import Moment


def facts_of_row(row: Mapping[str, Any], uri: Mapping[int, ItemId]) -> EventFacts:
    """The facts of a row of events, without its mentions; `uri` knows its parent."""
    parent = row["parent_no"]
    return EventFacts(
        event_id=row["event_id"],
        kind=row["kind"],
        source=row["source"],
        may_correct=row["may_correct"],
        occurred_at=row["occurred_at"],
        earliest_us=row["earliest_us"],
        latest_us=row["latest_us"],
        started_us=row["started_us"],
        rank=row["rank"],
        accepted_us=row["accepted_us"],
        index=row["request_index"],
        parent=uri[parent] if parent is not None else None,
        transformation=row["transformation"],
        mixed=row["mixed"],
        site=row["site"],
        to_place=row["to_place"],
        holder=row["holder"],
        clears_holder=row["clears_holder"],
        owner=row["owner"],
        disposition=row["disposition"],
        set_flags=tuple(row["set_flags"] or ()),
        unset_flags=tuple(row["unset_flags"] or ()),
        hold=HoldFact(**row["hold"]) if row["hold"] else None,
        recall=_recall(row["recall"]) if row["recall"] else None,
        void=_void(row["void"]) if row["void"] else None,
        posting=PostingFact(**row["posting"]) if row["posting"] else None,
    )


def _recall(row: Mapping[str, Any]) -> RecallFact:
    products = tuple(
        ProductScope(
            product=ItemId(p["product"]),
            first_serial=p["first_serial"],
            alphabet=p.get("alphabet"),
            check=p.get("check"),
            last_serial=p["last_serial"],
            made_from=Moment.parse(p["made_from"]) if p["made_from"] else None,
            made_until=Moment.parse(p["made_until"]) if p["made_until"] else None,
        )
        for p in row["products"]
    )
    return RecallFact(row["recall_id"], row["action"], products, row["remedy"])


def _void(row: Mapping[str, Any]) -> VoidFact:
    return VoidFact(row["target"], tuple(row["replaced_by"]), row["reason"])
