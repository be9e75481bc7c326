"""What the log tells of a case: its acts, in an order that does not hang on how they were delivered."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.cases.acts import AnyAct, CaseType


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One act as the log has it. `place` is (append time in µs, partition, offset): it decides between rival copies."""

    case_id: str
    case_type: CaseType
    event_id: str
    act: AnyAct
    actor: str
    occurred_at: str
    place: tuple[int, int, int]
    sequence: int | None = None
    key_id: int | None = None
    reason: str | None = None


def counted(recorded: Iterable[Recorded]) -> list[Recorded]:
    """The acts that count, in order: of several copies of one event the log's first (SEMANTICS §1), numbered acts by
    their number, and each of the service's own behind what was there when it was written.
    """
    first: dict[str, Recorded] = {}
    for one in recorded:
        before = first.get(one.event_id)
        if before is None or one.place < before.place:
            first[one.event_id] = one
    acts = list(first.values())
    numbered = sorted((a for a in acts if a.sequence is not None), key=lambda a: a.sequence or 0)
    own = sorted((a for a in acts if a.sequence is None), key=lambda a: (a.place, a.event_id))
    merged: list[Recorded] = []
    for act in numbered:
        while own and own[0].place < act.place:
            merged.append(own.pop(0))
        merged.append(act)
    return merged + own


def last_sequence(recorded: Iterable[Recorded]) -> int:
    """The number of the newest numbered act; 0 if there is none."""
    return max((a.sequence or 0 for a in recorded), default=0)
