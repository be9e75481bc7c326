"""A major quality incident (重大质量事故): from its acts to what is known of it (docs/recall.md, 'Incidents')."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

from domain.cases import acts
from domain.cases.recall import Refusal
from domain.cases.record import Recorded, counted
from domain.ids import ItemId


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentCase:
    """An incident as its acts tell it. `facts` are what was told last of each."""

    case_id: str
    opened: Recorded
    about: acts.Opened
    facts: acts.IncidentFacts
    sequence: int = 0
    reports: tuple[Recorded, ...] = ()
    closed: bool = False
    history: tuple[Recorded, ...] = field(default=(), repr=False)

    @property
    def state(self) -> str:
        """known, reported (something went to an authority), final_reported or closed."""
        if self.closed:
            return "closed"
        stages = {r.act.stage for r in self.reports if isinstance(r.act, acts.StageReported)}
        return "final_reported" if "final" in stages else "reported" if stages else "known"

    @property
    def items(self) -> tuple[ItemId, ...]:
        """What the incident is about, as told last."""
        return self.facts.items or self.about.items or ()


def fold_incident(recorded: Iterable[Recorded]) -> IncidentCase | None:
    """The incident that these acts tell of, in whatever order and however often they come; None: none opens it."""
    history = counted(recorded)
    case: IncidentCase | None = None
    for one in history:
        if case is None and isinstance(one.act, acts.Opened) and one.case_type == "incident":
            facts = one.act.incident or acts.IncidentFacts()
            case = IncidentCase(case_id=one.case_id, opened=one, about=one.act, facts=facts)
        if case is not None:
            case = replace(_after(case, one), sequence=max(case.sequence, one.sequence or 0))
    return None if case is None else replace(case, history=tuple(history))


def _after(case: IncidentCase, one: Recorded) -> IncidentCase:
    match one.act:
        case acts.IncidentReported(facts=facts):
            return replace(case, facts=_over(case.facts, facts))
        case acts.Described() as act:
            names = [f.name for f in fields(act) if f.name != "act" and getattr(act, f.name) is not None]
            return replace(case, about=replace(case.about, **{n: getattr(act, n) for n in names}))
        case acts.StageReported():
            return replace(case, reports=(*case.reports, one))
        case acts.Closed():
            return replace(case, closed=True)
        case acts.Reopened():
            return replace(case, closed=False)
        case _:
            return case


def _over(before: acts.IncidentFacts, told: acts.IncidentFacts) -> acts.IncidentFacts:
    names = [f.name for f in fields(acts.IncidentFacts)]
    return replace(before, **{n: value for n in names if (value := getattr(told, n)) is not None})


def decide_incident(case: IncidentCase | None, act: acts.AnyAct) -> Refusal | None:
    """Why `act` may not be what happens next in the incident; None where it may."""
    if case is None:
        return None if isinstance(act, acts.Opened) else Refusal("unknown-case", "there is no such incident")
    match act:
        case acts.Opened():
            return Refusal("case-exists", f"incident {case.case_id} is there already: choose another id")
        case acts.Reopened():
            return None if case.closed else Refusal("case-open", "the incident is open")
        case acts.Described(mode=mode) if mode is not None and mode != case.about.mode:
            return Refusal("mode-fixed", f"a {case.about.mode} incident stays one: open another")
        case acts.StageReported(stage="final") if case.facts.known_at is None:
            return Refusal("not-known-when", "say first when the incident became known: report known_at")
        case _:
            return Refusal("case-closed", "the incident is closed: reopen it first") if case.closed else None
