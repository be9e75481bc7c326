"""Rows of the table, what they were measured on, and how they are written down."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import psutil

from bench.measuring import middle

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Bar:
    """What the median of the ratios must be."""

    word: Literal["at most", "at least"]
    value: float

    def met(self, ratio: float) -> bool:
        return ratio <= self.value if self.word == "at most" else ratio >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.word == 'at most' else '≥'} {self.value:g}"


def at_most(value: float) -> Bar:
    return Bar("at most", value)


def at_least(value: float) -> Bar:
    return Bar("at least", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `ratios` are of the rounds; none where it could not be run, and `note` says why.

    `equal`: whether the answers were the reference's in every column; None where nothing is answered. `ours` and
    `theirs` are medians in `unit`.
    """

    case: str
    size: str
    against: str
    ratios: Sequence[float] = ()
    bar: Bar | None = None
    equal: bool | None = None
    ours: float | None = None
    theirs: float | None = None
    unit: str = "s"
    note: str = ""
    handicap: str = ""
    """what the other is spared, or is not"""
    failed: bool = False
    """it could not be measured, for no reason that is known: this fails the run, too"""

    @property
    def met(self) -> bool | None:
        if self.bar is None or not self.ratios:
            return None
        return self.bar.met(middle(self.ratios))

    def document(self) -> dict[str, Any]:
        some = bool(self.ratios)
        return {
            "case": self.case,
            "size": self.size,
            "against": self.against,
            "median": _rounded(middle(self.ratios)) if some else None,
            "min": _rounded(min(self.ratios)) if some else None,
            "max": _rounded(max(self.ratios)) if some else None,
            "bar": str(self.bar) if self.bar is not None else None,
            "met": self.met,
            "equal": self.equal,
            "ours": _rounded(self.ours),
            "theirs": _rounded(self.theirs),
            "unit": self.unit,
            "note": self.note,
            "handicap": self.handicap,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


@dataclass(slots=True)
class Results:
    """All of one run."""

    about: dict[str, Any]
    rows: list[Row] = field(default_factory=list)

    @property
    def wrong(self) -> list[Row]:
        """Rows whose answers differ from the reference, or that could not be measured: they fail the run."""
        return [row for row in self.rows if row.equal is False or row.failed]

    def document(self) -> dict[str, Any]:
        return {**self.about, "rows": [row.document() for row in self.rows]}

    def write(self, folder: Path = FOLDER) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "latest.json"
        path.write_text(json.dumps(self.document(), ensure_ascii=False, indent=1) + "\n")
        return path


_PACKAGES = ("asyncpg", "aiokafka", "pydantic", "numpy", "duckdb", "ladybug", "networkx", "trytond", "uvicorn")


def about(*, began: datetime, data: Mapping[str, Any], postgres: str) -> dict[str, Any]:
    """When, on what machine, with what versions, over what data."""
    return {
        "began": began.isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(),
        },
        "versions": {
            "commit": _commit(),
            "python": platform.python_version(),
            "postgres": postgres,
            **{name: found for name in _PACKAGES if (found := _version(name))},
        },
        "data": {name: value for name, value in data.items() if name != "point"},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
