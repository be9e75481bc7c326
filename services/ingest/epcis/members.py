"""Members of an EPCIS event, read with their path: what is not as it must be is refused by name."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.ids import InvalidId, ItemId
from domain.moments import InvalidMoment, Moment

Event = Mapping[str, Any]

ACTIONS = ("ADD", "OBSERVE", "DELETE")
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_NUMBERS = ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue", "percRank")


_MAPPED = """
@context type eventID eventTime eventTimeZoneOffset recordTime errorDeclaration action bizStep disposition
persistentDisposition readPoint bizLocation bizTransactionList epcList quantityList parentID childEPCs
childQuantityList inputEPCList inputQuantityList outputEPCList outputQuantityList transformationID
"""
_SHOWN = frozenset(_MAPPED.split())
"""Members that the native event shows, or that are no content."""


class BadEvent(ValueError):
    """An EPCIS event that cannot be taken: `field` is the path of the member, `fix` what to send instead."""

    def __init__(self, field: str, detail: str, fix: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field, self.detail, self.fix = field, detail, fix


def beyond(event: Event) -> dict[str, Any]:
    """What the native event does not show, and yet makes another event of two: ilmd, sensors, sources, extensions.

    Nothing for an error declaration: which void it is lies in the declaration alone (SEMANTICS §1).
    """
    if event.get("errorDeclaration") is not None:
        return {}
    return {name: value for name, value in event.items() if name not in _SHOWN and value not in ([], {}, None)}


def listed(event: Event, member: str) -> list[Any]:
    """The list, empty where it is absent."""
    value = event.get(member)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadEvent(member, "must be a list", "put it in [ ]")
    return value


def objects(event: Event, member: str) -> list[tuple[str, Event]]:
    """The objects of a list, each with its path."""
    found = []
    for n, one in enumerate(listed(event, member)):
        if not isinstance(one, Mapping):
            raise BadEvent(f"{member}.{n}", "must be an object", "send an object { }")
        found.append((f"{member}.{n}", one))
    return found


def inner(event: Event, member: str) -> Event:
    """The object, empty where it is absent."""
    value = event.get(member)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadEvent(member, "must be an object", "send an object { }")
    return value


def text(value: object, path: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise BadEvent(path, "is missing" if value is None else f"{value!r} must be text", "send it as text")
    return value


def uri(value: object, path: str) -> str:
    """The id of an item."""
    try:
        ItemId.parse(text(value, path))
    except InvalidId as error:
        raise BadEvent(path, str(error), "send an EPC URN, a GS1 Digital Link or a URI of your own") from error
    return str(value)


def place(event: Event, member: str) -> str | None:
    """The id of readPoint or bizLocation."""
    value = event.get(member)
    if value is None:
        return None
    return text(value.get("id"), f"{member}.id") if isinstance(value, Mapping) else text(value, member)


def units(event: Event, member: str) -> list[dict[str, Any]]:
    """The items of a list of EPCs."""
    return [{"item": uri(one, f"{member}.{n}")} for n, one in enumerate(listed(event, member))]


def amounts(event: Event, member: str) -> list[dict[str, Any]]:
    """The classes of a quantity list: `by_class`, so a lot even where the id does not show it."""
    found = []
    for path, entry in objects(event, member):
        one: dict[str, Any] = {"item": uri(entry.get("epcClass"), f"{path}.epcClass"), "by_class": True}
        quantity = entry.get("quantity")
        if quantity is not None:
            number(quantity, f"{path}.quantity")
            one["quantity"] = str(quantity)
        if entry.get("uom") is not None:
            one["uom"] = text(entry["uom"], f"{path}.uom")
        found.append(one)
    return found


def number(value: object, path: str) -> None:
    """Refuses what is no JSON number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadEvent(path, f"{value!r} must be a JSON number", "send it without quotes")


def sensors(event: Event) -> None:
    """Refuses readings that are no numbers (EPCIS 2.0 §7.3.7)."""
    for path, element in objects(event, "sensorElementList"):
        for inner_path, report in objects(element, "sensorReport"):
            for field in _NUMBERS:
                if report.get(field) is not None:
                    number(report[field], f"{path}.{inner_path}.{field}")


def action_of(event: Event) -> str:
    """ADD, OBSERVE or DELETE."""
    action = event.get("action")
    if action not in ACTIONS:
        raise BadEvent("action", f"{action!r} is none of {', '.join(ACTIONS)}", f"send one of {', '.join(ACTIONS)}")
    return str(action)


def moment(event: Event, member: str, offset: object, *, path: str | None = None) -> str:
    """The instant, written with the offset of the place where it happened (`eventTimeZoneOffset`)."""
    path, value = path or member, event.get(member)
    fix = "send an RFC 3339 time, e.g. 2026-03-01T08:00:00+08:00"
    if not isinstance(value, str) or "T" not in value.upper():
        raise BadEvent(path, "is missing" if value is None else f"{value!r} is not an RFC 3339 time", fix)
    if offset is not None and (not isinstance(offset, str) or not _OFFSET.fullmatch(offset)):
        raise BadEvent("eventTimeZoneOffset", f"{offset!r} is no offset from UTC", "send it as +08:00 or -05:00")
    try:
        found = Moment.parse(value, zone=offset)
    except InvalidMoment as error:
        raise BadEvent(path, str(error), fix) from error
    if offset is None:
        return found.text
    local = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo
    return datetime.fromisoformat(found.text.upper()).astimezone(local).isoformat()
