"""Contacts out of NDJSON, a JSON array or CSV: row by row, each wrong one named with its field and the fix."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from domain.ids import InvalidId, PartyId
from services.contacts.store import Contact
from services.problems import Problem, field_errors

_COLUMNS = ("party", "name", "phones", "emails", "address", "language", "note")
_LISTS = ("phones", "emails")


@dataclass(slots=True)
class Sorted:
    """What can be stored, the last row of a party winning; and what cannot, with why. Rows count from 1."""

    contacts: dict[PartyId, Contact] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)


def sort_out(body: bytes, content_type: str, *, rows_max: int) -> Sorted:
    """Read a body as its content type says. Raises Problem 400, 413 or 415 for what cannot be read as a whole."""
    found = Sorted()
    for number, row in enumerate(_rows(body, content_type), start=1):
        if number > rows_max:
            raise Problem(413, "too-many-contacts", f"at most {rows_max} contacts in one request: send several")
        try:
            party, contact = _contact(row)
        except ValidationError as error:
            first = _first(error)
            found.rejected.append({"row": number, "field": first[0], "detail": first[1]})
        except ValueError as error:
            found.rejected.append({"row": number, "field": "party", "detail": str(error)})
        else:
            found.contacts[party] = contact
    return found


def checked(document: Any) -> Contact:
    """A contact out of JSON data. Raises Problem 422 with each wrong field."""
    try:
        return Contact.model_validate(document)
    except ValidationError as error:
        name, detail = _first(error)
        told = f"{name}: {detail}" if name else detail
        raise Problem(422, "invalid-contact", told, errors=field_errors(error)) from error


def party_of(text: object) -> PartyId:
    """The canonical id of a party. Raises Problem 422."""
    try:
        return PartyId.parse(text)
    except InvalidId as error:
        raise Problem(422, "invalid-party", str(error)) from error


def _contact(row: Any) -> tuple[PartyId, Contact]:
    if not isinstance(row, dict):
        raise ValueError(row if isinstance(row, str) else 'a contact is an object: {"party": "…", "name": "…"}')
    if "party" not in row:
        raise ValueError("say whose contact it is")
    return PartyId.parse(row["party"]), Contact.model_validate({k: v for k, v in row.items() if k != "party"})


def _first(error: ValidationError) -> tuple[str, str]:
    one = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")


def _rows(body: bytes, content_type: str) -> Iterator[Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/csv":
        yield from _csv(body)
    elif kind == "application/x-ndjson":
        for line in body.splitlines():
            if line.strip():
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    yield f"not JSON: {error}"
    elif kind in ("application/json", ""):
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
        yield from parsed if isinstance(parsed, list) else [parsed]
    else:
        detail = f"{kind} is not read here: send application/json, application/x-ndjson or text/csv"
        raise Problem(415, "unsupported-media-type", detail)


def _csv(body: bytes) -> Iterator[dict[str, Any]]:
    """Columns by heading; several phones or e-mails in one cell are divided by semicolons."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, "not-csv", "the file is not UTF-8: save it as CSV UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    unknown = [name for name in reader.fieldnames or () if name not in _COLUMNS]
    if unknown or "party" not in (reader.fieldnames or ()):
        wrong = f"column {unknown[0]} is not known" if unknown else "there is no column party"
        raise Problem(400, "not-csv", f"{wrong}: the first line names some of {', '.join(_COLUMNS)}")
    for row in reader:
        given = {name: value.strip() for name, value in row.items() if isinstance(name, str) and value}
        yield {
            name: [part.strip() for part in value.split(";") if part.strip()] if name in _LISTS else value
            for name, value in given.items()
            if value
        }
