"""What the runner asks of every rival."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.rows import RowSet


class CannotRun(RuntimeError):
    """A rival could not be set up; the message says why, and stands in the table."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The rows of the first tenant as files and as a schema: what rivals load."""

    url: str
    folder: Path
    tenant_id: int

    def file(self, table: str) -> Path:
        return self.folder / f"{table}.csv"


SPARED = "is handed finished states and settled links; in this process, nothing goes over a network"
_MOST_BYTES = 200 * 2**20


def small_enough(exported: Exported) -> None:
    """Raise CannotRun where all links as objects of this process would take several GiB of it."""
    if (size := exported.file("links").stat().st_size) > _MOST_BYTES:
        raise CannotRun(f"links of {size / 2**20:.0f} MiB as text would be some GiB as objects: see a smaller size")


class Rival(Protocol):
    """`ask` is timed: it ends when every column of every row has been handed over. `rows` is not timed."""

    @property
    def name(self) -> str: ...

    @property
    def handicap(self) -> str:
        """What it is spared, or is not: said in the table."""

    async def load(self, exported: Exported) -> None:
        """Take the rows in. Raises CannotRun."""

    async def ask(self, lot: str) -> Any:
        """The forward trace of a lot."""

    def rows(self, answer: Any) -> RowSet:
        """What `ask` gave, to compare."""

    async def close(self) -> None: ...
