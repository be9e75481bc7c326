"""A scope rule as JSON."""

from typing import Any

from domain.cases.scope import (
    AllOf,
    AnyOf,
    Except,
    Exposed,
    FailedComponentLots,
    Inspection,
    Items,
    Leaf,
    Product,
    Rule,
    Supplied,
    SupplierLots,
    Walked,
)
from domain.moments import Moment
from domain.walk import Mode


def document_of(rule: Rule) -> dict[str, Any]:
    """The rule as JSON with canonical ids: read again, it is the same rule whoever reads it."""
    match rule:
        case AnyOf(rules):
            return {"any": [document_of(r) for r in rules]}
        case AllOf(rules):
            return {"all": [document_of(r) for r in rules]}
        case Except(one, but):
            return {"except": [document_of(one), document_of(but)]}
        case _:
            return {**_document_of_leaf(rule), **_document_of_walk(rule)}


def _document_of_walk(leaf: Walked) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if leaf.follow != "forward":
        told["follow"] = leaf.follow
    if leaf.mode is not Mode.EVER:
        told["mode"] = str(leaf.mode)
    return told | _told(at=leaf.at)


def _document_of_leaf(leaf: Leaf) -> dict[str, Any]:
    match leaf:
        case Items():
            return {leaf.name: [str(i) for i in leaf.ids]}
        case SupplierLots():
            named = {"supplier": str(leaf.supplier), "lots": list(leaf.lots), **_told(material=leaf.material)}
            return {"supplier_lots": named}
        case Product(serials=serials, made=made):
            told: dict[str, Any] = {"product": str(leaf.product)}
            if serials is not None:
                names = ("first", "last", "alphabet", "width", "step", "check")
                told["serials"] = {n: v for n in names if (v := getattr(serials, n)) is not None}
                if serials.exclude:
                    told["serials"]["exclude"] = list(serials.exclude)
            if made is not None:
                days = {"from": made.first.isoformat(), "until": made.last.isoformat(), "basis": made.basis}
                told["made"] = days | {"day_starts": made.day_starts.isoformat("minutes")} | _told(zone=made.zone)
            return told
        case Supplied():
            window = _told(material=leaf.material, since=leaf.since, until=leaf.until)
            return {"supplier": str(leaf.supplier), **window}
        case Exposed():
            return {"exposure": dict(leaf.asked)}
        case FailedComponentLots():
            failed = {"items": [str(i) for i in leaf.items], "material": str(leaf.material)}
            return {"failed_component_lots": failed | ({"shared_by": leaf.shared_by} if leaf.shared_by > 1 else {})}
        case Inspection():
            limits = {n: format(v, "f") for n in ("at_least", "at_most") if (v := getattr(leaf, n)) is not None}
            window = _told(verdict=leaf.verdict, since=leaf.since, until=leaf.until)
            return {"inspection": {"characteristic": leaf.characteristic, **limits, **window}}


def _told(**members: Any) -> dict[str, Any]:
    return {n: v.text if isinstance(v, Moment) else str(v) for n, v in members.items() if v is not None}
