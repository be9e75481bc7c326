"""Errors of native events told in the words of the EPCIS event that they were made from."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.ingest.explaining import EventError

_MEMBERS = {
    "occurred_at": "eventTime",
    "event_id": "eventID",
    "site": "bizLocation.id",
    "read_point": "readPoint.id",
    "container": "parentID",
    "parent": "parentID",
    "documents": "bizTransactionList",
    "set_dispositions": "persistentDisposition.set",
    "unset_dispositions": "persistentDisposition.unset",
    "transformation_id": "transformationID",
    "target": "eventID",
    "replaced_by": "errorDeclaration.correctiveEventIDs",
}
_LISTS = {
    "items": ("epcList", "quantityList"),
    "contents": ("childEPCs", "childQuantityList"),
    "components": ("childEPCs", "childQuantityList"),
    "inputs": ("inputEPCList", "inputQuantityList"),
    "outputs": ("outputEPCList", "outputQuantityList"),
}


def in_epcis_words(error: EventError, event: Mapping[str, Any]) -> EventError:
    """The error with its field as a path of the EPCIS event."""
    first, _, rest = error.field.partition(".")
    if first in _LISTS:
        return replace(error, field=_in_lists(*_LISTS[first], rest=rest, event=event))
    return replace(error, field=".".join(filter(None, (_MEMBERS.get(first, first), rest))))


def _in_lists(units: str, amounts: str, *, rest: str, event: Mapping[str, Any]) -> str:
    """Native lists hold the EPCs first, then the quantities."""
    digits, _, inner = rest.partition(".")
    if not digits.isdigit():
        return units
    index, listed = int(digits), len(event.get(units) or ())
    if index < listed:
        return f"{units}.{index}"
    inner = "epcClass" if inner == "item" else inner
    return ".".join(filter(None, (amounts, str(index - listed), inner)))
