"""A set as it is kept: its members as lines of canonical JSON, in the order (level, item), never all at once.

What a member is: `domain.cases.acts.Member`; how it is written: `frozen_set.line_of`.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import orjson

from domain.answers import Gap
from services.codec import member_document
from services.query.evaluation import Evaluation
from services.query.frozen_set import line_of
from services.query.graph.texts import Texts

LINES_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is counted of a set. Two names of one thing count once."""

    units: int
    lots: int
    certain: int
    possible: int
    top_units: int
    loose_spares: int


class SetLines(Protocol):
    """The set that a rule comes to. Close it when it is not needed any more."""

    @property
    def gaps(self) -> list[Gap]:
        """Where the record ends or is doubtful: of the walk, and of the first members."""

    @property
    def incomplete(self) -> Sequence[str]:
        """Why members may be missing."""

    async def look(self) -> None:
        """Ask all that the record must tell of the members, in the snapshot in which the rule was walked."""

    def counts(self) -> Counts:
        """Once all was asked."""

    def blocks(self) -> Iterator[Texts]:
        """The lines, each with its line end, some thousand at a time; the snapshot may be gone."""

    def __len__(self) -> int:
        """How many members there are."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of what it holds."""


class SpooledLines:
    """The lines of an evaluation of any rule, member by member. They wait in a file: which units are loose spares is
    known only after the last.
    """

    def __init__(self, found: Evaluation) -> None:
        self._found = found
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    def __len__(self) -> int:
        return self._found.count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spool.close()

    @property
    def gaps(self) -> list[Gap]:
        return self._found.gaps

    @property
    def incomplete(self) -> Sequence[str]:
        return self._found.incomplete

    async def look(self) -> None:
        async for some in self._found.members():
            self._spool.write(b"".join(line_of(member_document(one.member)) for one in some))

    def counts(self) -> Counts:
        totals = self._found.totals()
        return Counts(**{name: totals[name] for name in Counts.__dataclass_fields__})

    def blocks(self) -> Iterator[Texts]:
        self._spool.seek(0)
        block: list[bytes] = []
        for line in self._spool:
            block.append(self._marked(line))
            if len(block) == LINES_AT_ONCE:
                yield Texts.of(block)
                block = []
        if block:
            yield Texts.of(block)

    def _marked(self, line: bytes) -> bytes:
        member = orjson.loads(line)
        if not member["top"] or not self._found.is_spare(member["item"]):
            return line
        return line_of(member | {"top": False, "loose_spare": True})
