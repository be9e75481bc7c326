"""One EPCIS 2.0 event to one native event document, or to a void (EPCIS 2.0 §7.4)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.ids import InvalidId, ItemId, lot_of_product
from domain.moments import InvalidMoment, Moment
from services.codec import EVENT, EVENT_ID_PREFIX, content_hash
from services.ingest.epcis.vocabulary import DISPOSITIONS, STEPS, word

Event = Mapping[str, Any]

ACTIONS = ("ADD", "OBSERVE", "DELETE")


class BadEvent(ValueError):
    """An EPCIS event that cannot be taken; `field` names the member."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field, self.detail = field, detail


def native(event: Event) -> dict[str, Any]:
    """The native event document that says the same. Raises BadEvent, BadWord, InvalidId, InvalidMoment."""
    if "errorDeclaration" in event:
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
            raise BadEvent("type", f"{other!r} is none of the five EPCIS event types")


def _head(event: Event) -> dict[str, Any]:
    _check_sensors(event)
    head: dict[str, Any] = {"occurred_at": _moment(event, "eventTime", event.get("eventTimeZoneOffset"))}
    if event.get("eventID"):
        head["event_id"] = event["eventID"]
    if "bizStep" in event:
        head["biz_step"] = word(event["bizStep"], STEPS, field="bizStep")
    if "disposition" in event:
        head["disposition"] = word(event["disposition"], DISPOSITIONS, field="disposition")
    persistent = event.get("persistentDisposition") or {}
    for ours, theirs in (("set_dispositions", "set"), ("unset_dispositions", "unset")):
        words = persistent.get(theirs) or []
        if words:
            head[ours] = [word(w, DISPOSITIONS, field=f"persistentDisposition.{theirs}") for w in words]
    for ours, theirs in (("site", "bizLocation"), ("read_point", "readPoint")):
        place = event.get(theirs)
        if place is not None:
            head[ours] = _member(place, "id", theirs)
    transactions = event.get("bizTransactionList") or []
    if transactions:
        head["documents"] = [
            {"type": word(t.get("type") or "other", None, field="bizTransactionList"), "id": t["bizTransaction"]}
            for t in transactions
        ]
    return head


def _transfer(event: Event) -> dict[str, Any]:
    """sourceList and destinationList: owning_party, possessing_party, location."""
    names = {"owning_party": "owner", "possessing_party": "possessor", "location": "place"}
    found: dict[str, Any] = {}
    for side, member, key in (("from", "sourceList", "source"), ("to", "destinationList", "destination")):
        for one in event.get(member) or []:
            kind = word(one.get("type"), None, field=member)
            if kind in names:
                found[f"{side}_{names[kind]}"] = _member(one, key, member)
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


def _object(event: Event, head: Mapping[str, Any]) -> dict[str, Any]:
    action = _action(event)
    step, disposition = head.get("biz_step"), head.get("disposition")
    items = [*_units(event, "epcList"), *_amounts(event, "quantityList")]
    if not items:
        raise BadEvent("epcList", "name at least one object in epcList or quantityList")
    if action == "ADD" and step in (None, "commissioning", "creating_class_instance"):
        return {"kind": "commissioned", "items": _outputs(items, event)}
    kind = _OBJECT_KINDS.get(step or "", "observed")
    if kind == "received" and disposition == "returned":
        kind = "returned"
    found: dict[str, Any] = {"kind": kind, "items": items}
    if kind == "observed":
        found["action"] = action
    return found | (_transfer(event) if kind in _TRANSFERS else {})


def _aggregation(event: Event) -> dict[str, Any]:
    action = _action(event)
    children = [*_units(event, "childEPCs"), *_amounts(event, "childQuantityList")]
    parent = event.get("parentID")
    transfer = _transfer(event)
    if parent is None:
        if action != "OBSERVE":
            raise BadEvent("parentID", f"{action} needs the parent")
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
    action = _action(event)
    children = [*_units(event, "childEPCs"), *_amounts(event, "childQuantityList")]
    parent = event.get("parentID")
    if parent is None:
        raise BadEvent("parentID", "an association needs its parent")
    if action == "DELETE":
        inner = {"components": children} if children else {"all_components": True}
        return {"kind": "disassembled", "parent": parent, **inner}
    return {"kind": "assembled", "parent": parent, "components": children, "observed": action == "OBSERVE"}


def _transaction(event: Event) -> dict[str, Any]:
    items = [*_units(event, "epcList"), *_amounts(event, "quantityList")]
    parent = {"parent": event["parentID"]} if event.get("parentID") else {}
    return {"kind": "documents_linked", "action": _action(event), "items": items, **parent, **_transfer(event)}


def _transformation(event: Event) -> dict[str, Any]:
    inputs = [*_units(event, "inputEPCList"), *_amounts(event, "inputQuantityList")]
    outputs = [*_units(event, "outputEPCList"), *_amounts(event, "outputQuantityList")]
    if not inputs and not outputs:
        raise BadEvent("inputEPCList", "name an input or an output")
    found: dict[str, Any] = {"kind": "transformed", "inputs": inputs, "outputs": _outputs(outputs, event)}
    if event.get("transformationID"):
        found["transformation_id"] = event["transformationID"]
    return found


def _void(event: Event) -> dict[str, Any]:
    declaration = event["errorDeclaration"]
    target = event.get("eventID") or _content_id(event)
    declared = _moment(declaration, "declarationTime", None)
    reason = declaration.get("reason") or ""
    corrective = sorted(declaration.get("correctiveEventIDs") or [])
    text = "\n".join((target, str(declaration["declarationTime"]), reason, *corrective))
    return {
        "kind": "voided",
        "event_id": EVENT_ID_PREFIX + hashlib.sha256(text.encode()).hexdigest(),
        "occurred_at": declared,
        "target": target,
        "replaced_by": corrective,
        **({"reason": reason} if reason else {}),
    }


def _content_id(event: Event) -> str:
    """The id that the event itself got when it came without one."""
    plain = {key: value for key, value in event.items() if key not in ("errorDeclaration", "recordTime")}
    return EVENT_ID_PREFIX + content_hash(EVENT.validate_python(native(plain)))


def _units(event: Event, member: str) -> list[dict[str, Any]]:
    listed = event.get(member) or []
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise BadEvent(member, "expected a list of ids")
    return [{"item": _uri(i, member)} for i in listed]


def _amounts(event: Event, member: str) -> list[dict[str, Any]]:
    found = []
    for n, entry in enumerate(event.get(member) or []):
        if not isinstance(entry, Mapping):
            raise BadEvent(f"{member}.{n}", "expected an object with epcClass")
        one: dict[str, Any] = {"item": _uri(entry.get("epcClass"), f"{member}.{n}.epcClass"), "by_class": True}
        quantity = entry.get("quantity")
        if quantity is not None:
            if isinstance(quantity, bool) or not isinstance(quantity, int | float):
                raise BadEvent(f"{member}.{n}.quantity", f"{quantity!r} must be a JSON number, without quotes")
            one["quantity"] = str(quantity)
        if entry.get("uom"):
            one["uom"] = entry["uom"]
        found.append(one)
    return found


def _outputs(items: list[dict[str, Any]], event: Event) -> list[dict[str, Any]]:
    """ilmd lotNumber makes serials with a GTIN members of that GTIN's lot (SEMANTICS §1)."""
    lot = _lot_number(event.get("ilmd") or {})
    if lot is None:
        return items
    found = []
    for one in items:
        item = ItemId.parse(one["item"])
        material = item.material
        belongs = item.kind == "unit" and material is not None
        found.append(one | {"lot": lot_of_product(material, lot)} if belongs and material is not None else one)
    return found


def _lot_number(ilmd: Mapping[str, Any]) -> str | None:
    for key, value in ilmd.items():
        if key.rsplit(":", 1)[-1].rsplit("/", 1)[-1].rsplit("#", 1)[-1] == "lotNumber" and isinstance(value, str):
            return value
    return None


def _check_sensors(event: Event) -> None:
    for n, element in enumerate(event.get("sensorElementList") or []):
        for m, report in enumerate(element.get("sensorReport") or []):
            for field in ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue", "percRank"):
                value = report.get(field)
                if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                    path = f"sensorElementList.{n}.sensorReport.{m}.{field}"
                    raise BadEvent(path, f"{value!r} must be a JSON number, without quotes")


def _action(event: Event) -> str:
    action = event.get("action")
    if action not in ACTIONS:
        raise BadEvent("action", f"{action!r} is none of {', '.join(ACTIONS)}")
    return str(action)


def _moment(event: Event, member: str, offset: object) -> str:
    """The instant, written with the offset of the place where it happened."""
    text = event.get(member)
    if not isinstance(text, str) or "T" not in text.upper():
        raise BadEvent(member, f"{text!r} is not an RFC 3339 time, e.g. 2026-03-01T08:00:00+08:00")
    try:
        moment = Moment.parse(text, zone=offset if isinstance(offset, str) else None)
        if isinstance(offset, str):
            return _with_offset(moment, offset)
        return moment.text
    except InvalidMoment as error:
        raise BadEvent(member, str(error)) from error


def _with_offset(moment: Moment, offset: str) -> str:
    sample = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}")
    return datetime.fromisoformat(moment.text.upper()).astimezone(sample.tzinfo).isoformat()


def _member(value: object, key: str, field: str) -> str:
    text = value.get(key) if isinstance(value, Mapping) else value
    if not isinstance(text, str):
        raise BadEvent(field, f"expected an object with {key}")
    return text


def _uri(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise BadEvent(field, "expected an id as text")
    try:
        ItemId.parse(value)
    except InvalidId as error:
        raise BadEvent(field, str(error)) from error
    return value
