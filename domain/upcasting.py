"""Old shapes of events brought up to the current one, as plain data, before they are read into dataclasses."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.envelope import SCHEMA_VERSION

_STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""`_STEPS[n]` turns a stored record of version n into version n + 1. None yet: version 1 is the first."""


class UnknownVersion(ValueError):
    """A record written by a newer release: it waits as a dead letter until this one is upgraded."""


def upcast(record: Mapping[str, Any]) -> dict[str, Any]:
    """The stored record in the current shape. Raises UnknownVersion for a shape from the future."""
    current = dict(record)
    version = current.get("schema_version", 1)
    if not isinstance(version, int) or version > SCHEMA_VERSION or version < 1:
        raise UnknownVersion(f"schema_version {version!r} is newer than {SCHEMA_VERSION}: upgrade this service")
    for step in range(version, SCHEMA_VERSION):
        current = _STEPS[step](current)
    return {**current, "schema_version": SCHEMA_VERSION}
