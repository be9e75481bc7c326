"""Digests of reference answers that were given in an earlier run.

The data are the same in every run of a size, so the domain need not walk a hundred thousand nodes each time: what it
said is kept as digests. An answer with another digest is held against what is said now.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.rows import RowSet

_LEAST_UNITS = 10_000
PATH = Path(__file__).parent / "references.json"


def digest_of(rows: RowSet) -> str:
    """One digest of a whole answer, in whatever order its rows come."""
    return hashlib.sha256(b"".join(sorted(rows.digests)) + str(rows.count).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """A digest of all rows, and one of the totals. `by`: domain, or sql (`large.py`)."""

    rows: str
    totals: str
    by: str = "domain"


def digest_of_totals(totals: Mapping[str, Any]) -> str:
    """One digest of an answer's totals."""
    return hashlib.sha256(json.dumps(totals, sort_keys=True).encode()).hexdigest()


def kept(units: int, lot: str) -> Kept | None:
    """What is kept of the question, if anything."""
    found = json.loads(PATH.read_text()).get(_key(units, lot)) if PATH.exists() else None
    return Kept(**found) if found else None


def keep(units: int, lot: str, said: Kept) -> None:
    """Remember what the domain said, where it took long to say."""
    if units < _LEAST_UNITS:
        return
    held = json.loads(PATH.read_text()) if PATH.exists() else {}
    held[_key(units, lot)] = asdict(said)
    PATH.write_text(json.dumps(dict(sorted(held.items())), indent=1) + "\n")


def _key(units: int, lot: str) -> str:
    return f"{units} units: {lot}"
