"""A supplier's notice as a case: received, containment asked for, answered by 8D, closed (docs/recall.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.cases import acts
from domain.cases.recall import Refusal
from domain.cases.record import Recorded, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierNotice:
    """A notice as its acts tell it. `rows` are its lines as uploaded, whole once `complete`."""

    case_id: str
    received: Recorded
    about: acts.SupplierNoticeReceived
    rows: Sequence[Mapping[str, Any]]
    complete: bool
    requests: tuple[acts.ContainmentRequested, ...] = ()
    answers: tuple[acts.SupplierAnswered, ...] = ()
    closed: bool = False
    sequence: int = 0
    history: tuple[Recorded, ...] = ()

    @property
    def state(self) -> str:
        """`received`, `containment_requested`, `contained` (D3 came back), `answered` (D8 did), `closed`."""
        if self.closed:
            return "closed"
        disciplines = {a.discipline for a in self.answers}
        if "D8" in disciplines:
            return "answered"
        if "D3" in disciplines:
            return "contained"
        return "containment_requested" if self.requests else "received"

    def overdue(self, now_us: int) -> bool:
        """Whether a containment was due before `now_us` and none came back since it was asked for."""
        contained = [a.at.latest_us for a in self.answers if a.discipline in ("D3", "D8")]
        return any(
            r.due is not None and r.due.latest_us < now_us and not any(at >= r.at.earliest_us for at in contained)
            for r in self.requests
        )


def fold(recorded: Iterable[Recorded]) -> SupplierNotice | None:
    """The notice that these acts tell of, in whatever order they come; None where none receives it."""
    history = counted(recorded)
    listed = {one.act.chunk: one.act.rows for one in history if isinstance(one.act, acts.SupplierLinesListed)}
    notice: SupplierNotice | None = None
    for one in history:
        match one.act:
            case acts.SupplierNoticeReceived(chunks=chunks, lines=lines) as act if notice is None:
                rows = [row for chunk in range(chunks) for row in listed.get(chunk, ())]
                complete = len(rows) == lines
                notice = SupplierNotice(case_id=one.case_id, received=one, about=act, rows=rows, complete=complete)
            case acts.ContainmentRequested() as act if notice is not None:
                notice = replace(notice, requests=(*notice.requests, act))
            case acts.SupplierAnswered() as act if notice is not None:
                notice = replace(notice, answers=(*notice.answers, act))
            case acts.Closed() | acts.Reopened() if notice is not None:
                notice = replace(notice, closed=isinstance(one.act, acts.Closed))
        if notice is not None:
            notice = replace(notice, sequence=max(notice.sequence, one.sequence or 0))
    shown = tuple(one for one in history if not isinstance(one.act, acts.SupplierLinesListed))
    return None if notice is None else replace(notice, history=shown)


def decide(notice: SupplierNotice, act: acts.AnyAct) -> Refusal | None:
    """Why `act` may not be what happens next; None where it may."""
    if notice.closed and not isinstance(act, acts.Reopened):
        return Refusal("case-closed", "the notice is closed: reopen it first")
    if isinstance(act, acts.Reopened) and not notice.closed:
        return Refusal("case-open", "the notice is open")
    return None
