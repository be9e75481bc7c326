"""Rows of a body, as JSON, NDJSON, CSV or XLSX: each with its number, so that a wrong one costs no other."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import Request
from pydantic import ValidationError

from services.access import Caller
from services.cases.bodies import Signed, refused
from services.problems import Problem
from services.sheets.reading import Bounds, SheetError, plain, rows_of_csv, rows_of_workbook

ROWS_MAX = 100_000
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as sent, or why it cannot be read. `number` counts from 1; of a sheet, as an editor counts."""

    number: int
    cells: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A body of rows, and who signs it (a sheet's: query parameters `actor` and `reason`)."""

    signed: Signed
    rows: tuple[Row, ...]
    common: Mapping[str, Any]
    """of a JSON body: members beside the rows, which hold for each"""


async def rows_of(request: Request, *, name: str, bytes_max: int) -> Rows:
    """The rows of a body: JSON `{"<name>": [rows]}`, one object or an array; NDJSON, CSV or XLSX.

    Raises Problem 400, 413, 415, 422.
    """
    raw = await _bytes(request, bytes_max)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    rows, common = await asyncio.to_thread(_read, raw, kind, name=name)
    signing = {n: common.pop(n) for n in Signed.model_fields if n in common}
    signing |= {n: request.query_params[n] for n in ("actor", "reason") if n in request.query_params}
    try:
        signed = Signed.model_validate(signing)
    except ValidationError as error:
        raise refused(error) from error
    if not rows:
        raise Problem(422, "no-rows", f"send at least one row, e.g. in {name}")
    return Rows(signed, tuple(rows), common)


def actor_of(rows: Rows, caller: Caller) -> str:
    """Who does it: a person where named, else the key's source."""
    return rows.signed.actor or caller.source


async def _bytes(request: Request, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise Problem(413, "body-too-large", f"at most {bytes_max} bytes: send several requests")
    return bytes(body)


def _read(raw: bytes, kind: str, *, name: str) -> tuple[list[Row], dict[str, Any]]:
    match kind:
        case "text/csv":
            return _sheet(raw, workbook=False), {}
        case _ if kind == _XLSX:
            return _sheet(raw, workbook=True), {}
        case "application/x-ndjson" | "application/ndjson":
            return list(_lines(raw)), {}
        case "application/json" | "":
            return _json(raw, name)
        case _:
            detail = f"{kind} is not read here: send application/json, application/x-ndjson, text/csv or XLSX"
            raise Problem(415, "unsupported-media-type", detail)


def _json(raw: bytes, name: str) -> tuple[list[Row], dict[str, Any]]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "not-json", f"the body is not JSON: {error}") from error
    common: dict[str, Any] = {}
    if isinstance(document, dict) and name in document:
        common = {k: v for k, v in document.items() if k != name}
        document = document[name]
    elif isinstance(document, dict):
        common = {k: document.pop(k) for k in Signed.model_fields if k in document}
        document = [document]
    if not isinstance(document, list):
        raise Problem(422, "invalid-command", f"{name}: send a list of rows")
    _bounded(len(document))
    wrong = "a row is a JSON object"
    return [Row(n, d) if isinstance(d, dict) else Row(n, error=wrong) for n, d in enumerate(document, 1)], common


def _lines(raw: bytes) -> Iterator[Row]:
    number = 0
    for line in raw.splitlines():
        if line.strip():
            number += 1
            _bounded(number)
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                yield Row(number, error=f"not JSON: {error}")
                continue
            yield Row(number, document) if isinstance(document, dict) else Row(number, error="a row is a JSON object")


def _sheet(raw: bytes, *, workbook: bool) -> list[Row]:
    read = rows_of_workbook if workbook else rows_of_csv
    found = []
    try:
        for row in read(raw, Bounds(rows=ROWS_MAX)):
            if row.error is not None:
                found.append(Row(row.number, error=f"{row.error.column}: {row.error}".removeprefix(": ")))
                continue
            try:
                found.append(Row(row.number, {k: plain(k, v) for k, v in row.cells.items()}))
            except ValueError as error:
                found.append(Row(row.number, error=str(error)))
    except SheetError as error:
        raise Problem(400, "not-a-sheet", str(error)) from error
    return found


def _bounded(count: int) -> None:
    if count > ROWS_MAX:
        raise Problem(413, "too-many-rows", f"at most {ROWS_MAX} rows in one request: send several")
