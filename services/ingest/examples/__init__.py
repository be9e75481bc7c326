"""One documented example of each kind of event: shown in the API description, and posted by the tests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """`event` as a sender would post it, and what it tells in a line."""

    summary: str
    event: Mapping[str, Any]


_EPCIS = "epcis-document.json"


def examples() -> dict[str, Example]:
    """The examples, by kind, in alphabetical order. Reads the files beside this module."""
    names = sorted(file.name for file in resources.files(__name__).iterdir())
    return {n.removesuffix(".json"): _read(n) for n in names if n.endswith(".json") and n != _EPCIS}


def epcis_example() -> Example:
    """An EPCIS 2.0 document, for `POST /epcis/v2/capture`."""
    return _read(_EPCIS)


def _read(name: str) -> Example:
    told = json.loads((resources.files(__name__) / name).read_text(encoding="utf-8"))
    return Example(told["summary"], told["event"])
