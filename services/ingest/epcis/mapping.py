"""One EPCIS 2.0 event to one native event document, or to a void (EPCIS 2.0 §7.4)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from domain.ids import ItemId, lot_of_product
from services.codec import EVENT, EVENT_ID_PREFIX, content_hash
from services.ingest.epcis.members import (
    BadEvent,
    Event,
    action_of,
    amounts,
    beyond,
    inner,
    listed,
    moment,
    objects,
    place,
    sensors,
    text,
    units,
    uri,
)
from services.ingest.epcis.vocabulary import DISPOSITIONS, STEPS, word


def native(event: Event) -> dict[str, Any]:
    """The native event document that says the same. Raises BadEvent."""
    if event.get("errorDeclaration") is not None:
        return _void(event)
    head = _head(event)
    match event.get("type"):
        case "ObjectEvent":
            return head | _object(event, head)
        case "AggregationEvent":
            return head | _aggregation(event)
        case "AssociationEvent":
            return head | _association(event)
        case "TransactionEvent":
            return head | _transaction(event)
        case "TransformationEvent":
            return head | _transformation(event)
        case other:
            known = "ObjectEvent, AggregationEvent, AssociationEvent, TransactionEvent, TransformationEvent"
            raise BadEvent("type", f"{other!r} is none of the five EPCIS event types", f"send one of {known}")


def _head(event: Event) -> dict[str, Any]:
    sensors(event)
    head: dict[str, Any] = {"occurred_at": moment(event, "eventTime", event.get("eventTimeZoneOffset"))}
    if event.get("eventID"):
        head["event_id"] = text(event["eventID"], "eventID")
    if "bizStep" in event:
        head["biz_step"] = word(event["bizStep"], STEPS, field="bizStep")
    if "disposition" in event:
        head["disposition"] = word(event["disposition"], DISPOSITIONS, field="disposition")
    persistent = inner(event, "persistentDisposition")
    for ours, theirs in (("set_dispositions", "set"), ("unset_dispositions", "unset")):
        path = f"persistentDisposition.{theirs}"
        words = [word(w, DISPOSITIONS, field=f"{path}.{n}") for n, w in enumerate(listed(persistent, theirs))]
        if words:
            head[ours] = words
    for ours, theirs in (("site", "bizLocation"), ("read_point", "readPoint")):
        where = place(event, theirs)
        if where is not None:
            head[ours] = where
    documents = [
        {
            "type": word(one.get("type") or "other", None, field=f"{path}.type"),
            "id": text(one.get("bizTransaction"), f"{path}.bizTransaction"),
        }
        for path, one in objects(event, "bizTransactionList")
    ]
    return head | ({"documents": documents} if documents else {})


def _transfer(event: Event) -> dict[str, Any]:
    """sourceList and destinationList: owning_party, possessing_party, location."""
    names = {"owning_party": "owner", "possessing_party": "possessor", "location": "place"}
    found: dict[str, Any] = {}
    for side, member, key in (("from", "sourceList", "source"), ("to", "destinationList", "destination")):
        for path, one in objects(event, member):
            kind = word(one.get("type"), None, field=f"{path}.type")
            if kind in names:
                found[f"{side}_{names[kind]}"] = text(one.get(key), f"{path}.{key}")
    return found


_OBJECT_KINDS = {
    "receiving": "received",
    "accepting": "received",
    "shipping": "shipped",
    "departing": "shipped",
    "storing": "stored",
    "stocking": "stored",
    "retail_selling": "sold",
    "dispensing": "sold",
    "inspecting": "inspected",
    "decommissioning": "scrapped",
    "destroying": "destroyed",
}
_TRANSFERS = ("received", "shipped", "sold", "returned", "observed")


_VERDICTS = {"conformant": "pass", "non_conformant": "fail", "needs_replacement": "fail"}


def _object(event: Event, head: Mapping[str, Any]) -> dict[str, Any]:
    action = action_of(event)
    step, disposition = head.get("biz_step"), head.get("disposition")
    items = [*units(event, "epcList"), *amounts(event, "quantityList")]
    if not items:
        raise BadEvent("epcList", "there is no object", "name at least one in epcList or quantityList")
    kind = _OBJECT_KINDS.get(step or "", "observed")
    if action == "ADD":
        # ADD begins an identity. One that tells its lot is commissioned whatever the step: a serial whose lot were
        # lost would be missed by that lot's recall.
        outputs = _outputs(items, event)
        if kind == "observed" or outputs != items:
            return {"kind": "commissioned", "items": outputs}
    if kind == "received" and disposition == "returned":
        kind = "returned"
    found: dict[str, Any] = {"kind": kind, "items": items}
    if kind == "observed":
        found["action"] = action
    if kind == "inspected" and disposition in _VERDICTS:
        found["verdict"] = _VERDICTS[disposition]
    return found | (_transfer(event) if kind in _TRANSFERS else {})


def _aggregation(event: Event) -> dict[str, Any]:
    action, children = action_of(event), _children(event)
    parent = uri(event["parentID"], "parentID") if event.get("parentID") else None
    transfer = _transfer(event)
    if parent is None:
        if action != "OBSERVE":
            raise BadEvent("parentID", f"is missing: {action} needs the parent", "add it")
        return {"kind": "observed", "items": children, "action": action, **transfer}
    if action == "DELETE":
        inner = {"contents": children} if children else {"all_contents": True}
        return {"kind": "unpacked", "container": parent, **inner, **transfer}
    return {
        "kind": "packed",
        "container": parent,
        "contents": children,
        "observed": action == "OBSERVE",
        **transfer,
    }


def _association(event: Event) -> dict[str, Any]:
    action, children = action_of(event), _children(event)
    parent = uri(event["parentID"], "parentID") if event.get("parentID") else None
    if parent is None:
        raise BadEvent("parentID", "is missing: an association needs its parent", "add it")
    if action == "DELETE":
        inner = {"components": children} if children else {"all_components": True}
        return {"kind": "disassembled", "parent": parent, **inner}
    return {"kind": "assembled", "parent": parent, "components": children, "observed": action == "OBSERVE"}


def _transaction(event: Event) -> dict[str, Any]:
    items = [*units(event, "epcList"), *amounts(event, "quantityList")]
    parent = {"parent": uri(event["parentID"], "parentID")} if event.get("parentID") else {}
    return {"kind": "documents_linked", "action": action_of(event), "items": items, **parent, **_transfer(event)}


def _transformation(event: Event) -> dict[str, Any]:
    inputs = [*units(event, "inputEPCList"), *amounts(event, "inputQuantityList")]
    outputs = [*units(event, "outputEPCList"), *amounts(event, "outputQuantityList")]
    if not inputs and not outputs:
        raise BadEvent("inputEPCList", "there is no input and no output", "name at least one")
    found: dict[str, Any] = {"kind": "transformed", "inputs": inputs, "outputs": _outputs(outputs, event)}
    if event.get("transformationID"):
        found["transformation_id"] = text(event["transformationID"], "transformationID")
    return found


def _children(event: Event) -> list[dict[str, Any]]:
    return [*units(event, "childEPCs"), *amounts(event, "childQuantityList")]


def _void(event: Event) -> dict[str, Any]:
    """An error declaration: a void whose id is a hash of what it declares (SEMANTICS §1)."""
    declaration, path = inner(event, "errorDeclaration"), "errorDeclaration"
    target = text(event["eventID"], "eventID") if event.get("eventID") else _content_id(event)
    declared = moment(declaration, "declarationTime", None, path=f"{path}.declarationTime")
    reason = text(declaration["reason"], f"{path}.reason") if declaration.get("reason") else ""
    corrective = listed(declaration, "correctiveEventIDs")
    corrective = sorted(text(one, f"{path}.correctiveEventIDs.{n}") for n, one in enumerate(corrective))
    told = "\n".join((target, declaration["declarationTime"], reason, *corrective))
    return {
        "kind": "voided",
        "event_id": EVENT_ID_PREFIX + hashlib.sha256(told.encode()).hexdigest(),
        "occurred_at": declared,
        "target": target,
        "replaced_by": corrective,
        **({"reason": reason} if reason else {}),
    }


def _content_id(event: Event) -> str:
    """The id that the event itself got when it came without one."""
    plain = {key: value for key, value in event.items() if key not in ("errorDeclaration", "recordTime")}
    try:
        return EVENT_ID_PREFIX + content_hash(EVENT.validate_python(native(plain)), beyond=beyond(plain))
    except ValidationError as error:
        detail = "is missing, and the event as it stands could not have been captured"
        raise BadEvent("eventID", detail, "name the event that is declared wrong") from error


def _outputs(items: list[dict[str, Any]], event: Event) -> list[dict[str, Any]]:
    """ilmd lotNumber makes serials with a GTIN members of that GTIN's lot (SEMANTICS §1)."""
    lot = _lot_number(inner(event, "ilmd"))
    if lot is None:
        return items
    found = []
    for one in items:
        item = ItemId.parse(one["item"])
        material = item.material
        belongs = item.kind == "unit" and material is not None
        found.append(one | {"lot": str(lot_of_product(material, lot))} if belongs and material is not None else one)
    return found


def _lot_number(ilmd: Mapping[str, Any]) -> str | None:
    for key, value in ilmd.items():
        if key.rsplit(":", 1)[-1].rsplit("/", 1)[-1].rsplit("#", 1)[-1] != "lotNumber":
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return text(value, f"ilmd.{key}")
    return None
