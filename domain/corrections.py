"""Which events count: copies, conflicts and voids, as known at a point of the log (SEMANTICS §1 and §5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from domain.facts import VoidFact
from domain.ports import Position


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """Where one copy of an event lies; the lowest copy of an event id wins, whatever the order of delivery."""

    appended_us: int
    partition: int
    offset: int

    def known(self, vector: Mapping[int, int] | None) -> bool:
        """Whether it lies at or below the vector (None: all that is applied)."""
        return vector is None or self.offset <= vector.get(self.partition, -1)

    @property
    def position(self) -> Position:
        return Position(self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class Version:
    """One content of an event id as one partition first holds it, and what of it matters for corrections.

    Later copies of the same content in that partition say nothing new. Copies elsewhere are versions of their own.
    """

    no: int
    event_id: str
    content_hash: str
    source: str
    may_correct: bool
    copy: Copy
    void: VoidFact | None = None

    def first(self, vector: Mapping[int, int] | None) -> Copy | None:
        return self.copy if self.copy.known(vector) else None


class Standing(Enum):
    """Whether an event counts."""

    COUNTS = "counts"
    PENDING = "pending"
    """a void of it waits for its replacement: its links are possible"""
    VOID = "void"
    SUPERSEDED = "superseded"
    """another copy of the same id came first"""
    UNKNOWN = "unknown"
    """not yet in the log at the point asked about"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one version stands; `voided_by` are the voids that count, `refused` those without the right."""

    standing: Standing
    voided_by: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def winner(versions: Iterable[Version], vector: Mapping[int, int] | None) -> Version | None:
    """The version of one event id that counts among its conflicting contents; None if none is known yet."""
    known = [(first, v) for v in versions if (first := v.first(vector)) is not None]
    return min(known, key=lambda pair: (pair[0], pair[1].content_hash))[1] if known else None


def judge(
    version: Version,
    *,
    rivals: Sequence[Version],
    voids: Sequence[Version],
    in_log: Mapping[str, bool],
    vector: Mapping[int, int] | None,
) -> Verdict:
    """How a version stands. `rivals`: all versions of its id, itself included; `voids`: every version of every id of
    which some version is a void of its id (a later copy that says "void" does not count); `in_log`: whether each
    replacement named by those is known at the vector.
    """
    if version.first(vector) is None:
        return Verdict(Standing.UNKNOWN)
    if winner(rivals, vector) is not version:
        return Verdict(Standing.SUPERSEDED)
    if version.void is not None:
        return Verdict(Standing.COUNTS)  # a void cannot be voided: what names it as target is inert
    by_id: dict[str, list[Version]] = {}
    for void in voids:
        by_id.setdefault(void.event_id, []).append(void)
    counting: list[Version] = []
    refused: list[Version] = []
    for versions in by_id.values():
        first = winner(versions, vector)
        if first is None or first.void is None or first.void.target != version.event_id:
            continue
        (counting if first.may_correct or first.source == version.source else refused).append(first)
    effective = [v for v in counting if v.void and all(in_log.get(r, False) for r in v.void.replaced_by)]
    standing = Standing.VOID if effective else Standing.PENDING if counting else Standing.COUNTS
    return Verdict(standing, tuple(sorted(v.event_id for v in counting)), tuple(sorted(v.event_id for v in refused)))
