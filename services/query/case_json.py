"""Cases as JSON."""

from typing import Any

from domain.cases import acts
from domain.cases.recall import Freeze, RecallCase
from domain.cases.record import Recorded
from domain.moments import iso
from domain.ports import Position
from services.codec import ACT

LISTED = 100
"""Items of an act that a history lists; `<name>_count` tells how many there are, if there are more."""


def act_json(one: Recorded) -> dict[str, Any]:
    """One entry of a case's history: who did what, when and why."""
    appended_us, partition, offset = one.place
    return {
        "sequence": one.sequence,
        **_shown(_body(one.act)),
        "actor": one.actor,
        "reason": one.reason,
        "occurred_at": one.occurred_at,
        "recorded_at": iso(appended_us),
        "event_id": one.event_id,
        "position": Position(partition, offset).token,
    }


def _shown(told: dict[str, Any]) -> dict[str, Any]:
    """An act without the rest of a long list: a history must stay readable."""
    lengths = {name: len(value) for name, value in told.items() if isinstance(value, list)}
    long = {name: n for name, n in lengths.items() if n > LISTED}
    return {n: v[:LISTED] if n in long else v for n, v in told.items()} | {f"{n}_count": k for n, k in long.items()}


def _body(act: acts.AnyAct) -> dict[str, Any]:
    told: dict[str, Any] = ACT.dump_python(act, mode="json", exclude_none=True)
    return told


def freeze_json(freeze: Freeze | None) -> dict[str, Any] | None:
    """A freeze, with its counts once its set is whole."""
    if freeze is None:
        return None
    told: dict[str, Any] = {
        "number": freeze.number,
        "state": freeze.state,
        "position": freeze.requested.vector,
        "as_of": freeze.requested.as_of.text,
        "rule": freeze.requested.rule,
        "requested_by": freeze.by.actor,
        "approved_by": freeze.approved_by.actor if freeze.approved_by is not None else None,
        "holds_placed": freeze.holds is not None,
    }
    for act in (freeze.frozen, freeze.failed):
        if act is not None:
            told |= {k: v for k, v in _body(act).items() if k not in ("act", "freeze")}
    return told


def recall_summary(case: RecallCase) -> dict[str, Any]:
    """What a list of recalls shows of each."""
    about = {k: v for k, v in _body(case.about).items() if k != "act"}
    return {
        "recall": case.case_id,
        "state": case.state,
        **about,
        "sequence": case.sequence,
        "opened_at": case.opened.occurred_at,
        "opened_by": case.opened.actor,
        "approved": case.approved is not None,
        "top_units": case.frozen.frozen.top_units if case.frozen is not None and case.frozen.frozen else None,
    }


def recall_json(case: RecallCase) -> dict[str, Any]:
    """A recall with its history."""
    return {
        **recall_summary(case),
        "scope": case.rule,
        "scope_changed_since_freeze": case.scope_changed,
        "freeze": freeze_json(case.freeze),
        "freezes": [freeze_json(f) for f in case.freezes],
        "closing": None if case.closing is None else {k: v for k, v in _body(case.closing).items() if k != "act"},
        "evaluated_to": case.evaluated.vector if case.evaluated is not None else None,
        "history": [act_json(one) for one in case.history],
    }
