"""A recall: from its acts to what it is now, and which act may follow (docs/recall.md 'The case')."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from domain.cases import acts
from domain.cases.record import Recorded, counted


class State(StrEnum):
    """How far a recall has come."""

    OPENED = "opened"
    SCOPED = "scoped"
    FREEZING = "freezing"
    FROZEN = "frozen"
    NOTIFIED = "notified"
    EXECUTING = "executing"
    EFFORT_STOPPED = "effort_stopped"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an act may not follow: a stable code, and what to do."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """One freeze: asked for by somebody, then whole (`frozen`) or given up (`failed`); approved by somebody else."""

    requested: acts.FreezeRequested
    by: Recorded
    frozen: acts.Frozen | None = None
    failed: acts.FreezeFailed | None = None
    approved_by: Recorded | None = None
    holds: acts.HoldsPlaced | None = None

    @property
    def number(self) -> int:
        return self.requested.freeze

    @property
    def state(self) -> str:
        if self.frozen is not None:
            return "frozen"
        return "failed" if self.failed is not None else "freezing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallCase:
    """A recall as its acts tell it. `sequence` is the number of its newest numbered act."""

    case_id: str
    opened: Recorded
    about: acts.Opened
    sequence: int = 0
    rule: Mapping[str, Any] | None = None
    rule_sequence: int = 0
    freezes: tuple[Freeze, ...] = ()
    notified: bool = False
    responded: bool = False
    effort_stopped: bool = False
    closed: bool = False
    closing: acts.Closed | None = None
    holds_released: bool = False
    evaluated: acts.Evaluated | None = None
    history: tuple[Recorded, ...] = field(default=(), repr=False)

    @property
    def mode(self) -> acts.Mode:
        return self.about.mode

    @property
    def freeze(self) -> Freeze | None:
        """The newest freeze that was not given up, else the newest."""
        stands = [f for f in self.freezes if f.failed is None]
        return next(reversed(stands or self.freezes), None)

    @property
    def frozen(self) -> Freeze | None:
        """The newest freeze whose set is whole."""
        return next((f for f in reversed(self.freezes) if f.frozen is not None), None)

    @property
    def approved(self) -> Freeze | None:
        """The newest freeze that a second person approved."""
        return next((f for f in reversed(self.freezes) if f.approved_by is not None), None)

    @property
    def without_unapproved(self) -> "RecallCase":
        """As those see it who are told nothing before a second person approved it: without the freezes since."""
        newest = self.approved.number if self.approved is not None else 0
        return replace(self, freezes=tuple(f for f in self.freezes if f.number <= newest))

    @property
    def evaluations(self) -> list[acts.Evaluated]:
        """All that are whole, of whatever freeze."""
        return [one.act for one in self.history if isinstance(one.act, acts.Evaluated)]

    def evaluations_of(self, freeze: int) -> list[acts.Evaluated]:
        """The evaluations that are whole, since that set was frozen and until the next one was."""
        found: list[acts.Evaluated] = []
        of = None
        for one in self.history:
            match one.act:
                case acts.Frozen(freeze=number):
                    of = number
                case acts.Evaluated() as act if of == freeze:
                    found.append(act)
                case _:
                    pass
        return found

    @property
    def added_from(self) -> int:
        """The first evaluation of which added members are in the set: what came by the rule of an older freeze is in
        the set that was approved since, or came to it anew, once that was evaluated.
        """
        base = self.approved or self.frozen
        return first_evaluation(self.history, base.number) if base is not None else 0

    @property
    def scope_changed(self) -> bool:
        """Whether the rule was changed since the newest freeze was asked for."""
        return self.freeze is not None and self.rule_sequence > (self.freeze.by.sequence or 0)

    @property
    def state(self) -> State:
        """The furthest it has come: a case that is told to consignees stays so while a wider scope is frozen."""
        if self.closed:
            return State.CLOSED
        if self.effort_stopped:
            return State.EFFORT_STOPPED
        if self.responded:
            return State.EXECUTING
        if self.notified:
            return State.NOTIFIED
        if self.freeze is not None and self.freeze.state != "failed":
            return State(self.freeze.state)
        return State.SCOPED if self.rule is not None else State.OPENED


def first_evaluation(history: Iterable[Recorded], freeze: int) -> int:
    """The number of the first evaluation since that set was frozen; 0 while there is none."""
    frozen = False
    for one in history:
        match one.act:
            case acts.Frozen(freeze=number):
                frozen |= number == freeze
            case acts.Evaluated(evaluation=number) if frozen:
                return number
            case _:
                pass
    return 0


def fold(recorded: Iterable[Recorded]) -> RecallCase | None:
    """The recall that these acts tell of, in whatever order and however often they come; None where none opens it."""
    history = counted(recorded)
    case: RecallCase | None = None
    for one in history:
        if isinstance(one.act, acts.Opened) and one.case_type == "recall":
            case = case or RecallCase(case_id=one.case_id, opened=one, about=one.act)
        if case is not None:
            case = replace(_after(case, one), sequence=max(case.sequence, one.sequence or 0))
    return None if case is None else replace(case, history=tuple(history))


def _after(case: RecallCase, one: Recorded) -> RecallCase:
    """The case after one more act."""
    match one.act:
        case acts.Described() as act:
            return replace(case, about=_described(case.about, act))
        case acts.Scoped(rule=rule):
            return replace(case, rule=rule, rule_sequence=one.sequence or 0)
        case acts.FreezeRequested() as act:
            return replace(case, freezes=(*case.freezes, Freeze(requested=act, by=one)))
        case acts.Frozen(freeze=n) as act:
            return _with_freeze(case, n, frozen=act)
        case acts.FreezeFailed(freeze=n) as act:
            return _with_freeze(case, n, failed=act)
        case acts.Approved(freeze=n):
            return _with_freeze(case, n, approved_by=one)
        case acts.HoldsPlaced(freeze=n) as act:
            return _with_freeze(case, n, holds=act)
        case acts.HoldsReleased():
            return replace(case, holds_released=case.closed)
        case acts.Evaluated() as act:
            newest = case.evaluated is None or case.evaluated.evaluation < act.evaluation
            return replace(case, evaluated=act) if newest else case
        case acts.Notified():
            return replace(case, notified=True)
        case (
            acts.Acknowledged()
            | acts.Responded()
            | acts.Recovered()
            | acts.Unreachable()
            | acts.VerdictGiven()
            | acts.Remedied()
        ):
            return replace(case, responded=True)
        case acts.EffortStopped():
            return replace(case, effort_stopped=True)
        case acts.Closed() as act:
            return replace(case, closed=True, closing=act)
        case acts.Reopened():
            return replace(case, closed=False, closing=None, effort_stopped=False, holds_released=False)
        case _:
            return case


def _described(about: acts.Opened, said: acts.Described) -> acts.Opened:
    names = [f.name for f in fields(said) if f.name != "act"]
    return replace(about, **{name: value for name in names if (value := getattr(said, name)) is not None})


def _with_freeze(case: RecallCase, number: int, **more: Any) -> RecallCase:
    freezes = tuple(replace(f, **more) if f.number == number else f for f in case.freezes)
    return replace(case, freezes=freezes)


def decide(case: RecallCase | None, act: acts.AnyAct, *, actor: str, key_id: int | None) -> Refusal | None:
    """Why `act` may not be what happens next in the case; None where it may."""
    if case is None:
        return None if isinstance(act, acts.Opened) else Refusal("unknown-case", "there is no such recall")
    if isinstance(act, acts.Opened):
        return Refusal("case-exists", f"recall {case.case_id} is there already: choose another id")
    if case.closed and not isinstance(act, (acts.Reopened, acts.ClockStarted, acts.ClockMet)):
        # What the law asks after the end, the final summary above all, is still to be met.
        return Refusal("case-closed", "the recall is closed: reopen it first")
    match act:
        case acts.Described(mode=mode) if mode is not None and mode != case.mode:
            if case.mode == "draft" and not case.freezes:
                return None
            return Refusal("mode-fixed", f"a {case.mode} recall stays one: open another (only a draft becomes live)")
        case acts.FreezeRequested():
            return _may_freeze(case)
        case acts.Approved(freeze=number):
            return _may_approve(case, number, actor=actor, key_id=key_id)
        case acts.Notified() | acts.Sampled() | acts.EffortStopped():
            return None if case.approved else Refusal("not-approved", "approve the frozen set first")
        case acts.EffectivenessChecked() | acts.Acknowledged() | acts.Responded():
            detail = (
                "nobody was notified in this recall yet: say how they were reached (`reached_by`, e.g. phone), or POST"
                " …/notifications first"
            )
            return None if case.notified else Refusal("not-notified", detail)
        case acts.Recovered() | acts.Unreachable() | acts.VerdictGiven() | acts.Remedied() | acts.RemovalDecided():
            return None if case.frozen else Refusal("not-frozen", "freeze the scope first: nothing is affected yet")
        case acts.Reopened():
            if case.closed or case.effort_stopped:
                return None
            return Refusal("case-open", "the recall is open, and its effort goes on")
        case acts.Closed():
            freezing = case.freeze is not None and case.freeze.state == "freezing"
            return Refusal("freezing", "the scope is being frozen: wait until it is done") if freezing else None
        case _:
            return None


def _may_freeze(case: RecallCase) -> Refusal | None:
    if case.rule is None:
        return Refusal("no-scope", "set a scope first: POST …/scope")
    if case.freeze is not None and case.freeze.state == "freezing":
        return Refusal("freezing", f"freeze {case.freeze.number} is under way: wait until it is done")
    return None


def _may_approve(case: RecallCase, number: int, *, actor: str, key_id: int | None) -> Refusal | None:
    """A second person: neither the key nor the name of who asked for the freeze."""
    freeze = next((f for f in case.freezes if f.number == number), None)
    if freeze is None or freeze.frozen is None:
        return Refusal("not-frozen", f"freeze {number} of this recall is not done: approve a set that is whole")
    if case.frozen is not None and case.frozen.number != number:
        return Refusal("not-newest", f"freeze {case.frozen.number} is newer: approve that one")
    if freeze.approved_by is not None:
        return Refusal("already-approved", f"{freeze.approved_by.actor} approved it already")
    if freeze.by.actor == actor or (key_id is not None and freeze.by.key_id == key_id):
        return Refusal("second-person", f"{freeze.by.actor} froze it: somebody else, with another key, approves")
    return None
