"""A recall folded from its acts: its states, what may follow, and that the order of delivery is nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases import acts
from domain.cases.recall import RecallCase, State, decide, fold
from domain.cases.record import Recorded, counted
from domain.moments import Moment

NOW = Moment.parse("2026-03-02T08:00:00+08:00")
RULE = {"lots": ["urn:zhuisu:lot:own:CELL:L-9"]}
WANG, LI = ("wang", 1), ("li", 2)


def freeze(n: int = 1) -> acts.FreezeRequested:
    return acts.FreezeRequested(freeze=n, vector="0-9", as_of=NOW, rule=RULE)


def frozen(n: int = 1) -> acts.Frozen:
    counts = dict.fromkeys(("members", "units", "lots", "certain", "possible", "top_units", "loose_spares"), 1)
    return acts.Frozen(freeze=n, chunks=1, sha256="0" * 64, **counts)


def told(*steps: Any) -> list[Recorded]:
    """The acts as the log has them; a step is an act of Wang's, or (act, who)."""
    found: list[Recorded] = []
    sequence = 0
    for n, step in enumerate(steps):
        act, (actor, key_id) = step if isinstance(step, tuple) else (step, WANG)
        own = isinstance(act, acts.Frozen | acts.FreezeFailed | acts.HoldsPlaced)
        sequence += not own
        found.append(
            Recorded(
                case_id="RC",
                case_type="recall",
                event_id=f"case:RC:{'frozen:' if own else ''}{n if own else sequence}",
                act=act,
                actor=actor,
                key_id=key_id,
                occurred_at=NOW.text,
                place=(n, 0, n),
                sequence=None if own else sequence,
            )
        )
    return found


OPENED = acts.Opened(title="Cell lot L-9", mode="live")
SCOPED = acts.Scoped(change="set", rule=RULE)
NOTIFIED = acts.Notified(consignee="urn:party:dealer", how="email", at=NOW)
RESPONDED = acts.Acknowledged(consignee="urn:party:dealer", at=NOW)
STORY: list[tuple[Any, State]] = [
    (OPENED, State.OPENED),
    (SCOPED, State.SCOPED),
    (freeze(), State.FREEZING),
    (frozen(), State.FROZEN),
    ((acts.Approved(freeze=1), LI), State.FROZEN),
    (NOTIFIED, State.NOTIFIED),
    (RESPONDED, State.EXECUTING),
    (acts.Scoped(change="widened", rule=RULE), State.EXECUTING),
    (freeze(2), State.EXECUTING),
    (acts.EffortStopped(), State.EFFORT_STOPPED),
    (acts.Closed(), State.CLOSED),
    (acts.Reopened(), State.EXECUTING),
]


def case_of(*steps: Any) -> RecallCase:
    case = fold(told(*steps))
    assert case is not None
    return case


def test_a_recall_goes_from_suspicion_to_closure_and_comes_back_when_a_unit_turns_up() -> None:
    for n, (_, state) in enumerate(STORY):
        assert case_of(*(step for step, _ in STORY[: n + 1])).state is state


@given(st.lists(st.sampled_from(range(len(STORY))), min_size=0, max_size=30), st.randoms())
def test_the_order_and_repetition_of_delivery_change_nothing(again: list[int], chance: Any) -> None:
    acts_told = told(*(step for step, _ in STORY))
    delivered = [*acts_told, *(acts_told[n] for n in again)]
    chance.shuffle(delivered)
    assert fold(delivered) == fold(acts_told)
    assert counted(delivered) == acts_told


@given(st.integers(2, len(STORY) - 1), st.booleans(), st.randoms())
def test_of_two_acts_with_one_number_the_logs_first_counts(n: int, first: bool, chance: Any) -> None:
    acts_told = told(*(step for step, _ in STORY))
    rival = replace(acts_told[n], act=acts.Described(title="a rival"), place=(n, 0, n - 1 if first else 99))
    delivered = [*acts_told, rival]
    chance.shuffle(delivered)
    case = fold(delivered)
    assert case is not None
    assert (case.about.title == "a rival") == first


def refused(case: RecallCase | None, act: Any, who: tuple[str, int] = LI) -> str | None:
    refusal = decide(case, act, actor=who[0], key_id=who[1])
    return refusal.code if refusal is not None else None


SO_FAR = [step for step, _ in STORY]


@pytest.mark.parametrize(
    ("steps", "act", "code"),
    [
        ([], SCOPED, "unknown-case"),
        ([OPENED], OPENED, "case-exists"),
        ([OPENED], freeze(), "no-scope"),
        ([OPENED, SCOPED, freeze()], freeze(2), "freezing"),
        ([OPENED, SCOPED, freeze()], acts.Approved(freeze=1), "not-frozen"),
        ([OPENED, SCOPED, freeze()], acts.Closed(), "freezing"),
        ([OPENED, SCOPED, freeze(), frozen()], acts.Approved(freeze=2), "not-frozen"),
        ([*SO_FAR[:5], freeze(2), frozen(2)], acts.Approved(freeze=1), "not-newest"),
        (SO_FAR[:5], acts.Approved(freeze=1), "already-approved"),
        (SO_FAR[:4], NOTIFIED, "not-approved"),
        (SO_FAR[:5], RESPONDED, "not-notified"),
        (SO_FAR[:3], acts.Remedied(remedy="repair", items=()), "not-frozen"),
        (SO_FAR[:11], SCOPED, "case-closed"),
        (SO_FAR[:5], acts.Reopened(), "case-open"),
        ([OPENED], acts.Described(mode="mock"), "mode-fixed"),
        ([acts.Opened(title="x", mode="mock"), SCOPED], acts.Described(mode="live"), "mode-fixed"),
        ([acts.Opened(title="x"), SCOPED], acts.Described(mode="live"), None),
        (SO_FAR[:4], acts.Approved(freeze=1), None),
        (SO_FAR[:11], acts.Reopened(), None),
    ],
)
def test_what_may_not_follow_is_refused_by_name(steps: list[Any], act: Any, *, code: str | None) -> None:
    assert refused(fold(told(*steps)), act) == code


def test_the_second_person_is_another_key_and_another_name() -> None:
    case = case_of(*SO_FAR[:4])
    approval = acts.Approved(freeze=1)
    assert refused(case, approval, WANG) == "second-person"
    assert refused(case, approval, ("li", 1)) == "second-person"
    assert refused(case, approval, ("wang", 2)) == "second-person"
    assert refused(case, approval, LI) is None


def test_a_freeze_that_failed_leaves_the_scope_to_be_frozen_again() -> None:
    case = case_of(OPENED, SCOPED, freeze(), acts.FreezeFailed(freeze=1, code="unknown-circumstance", detail="x"))
    assert case.state is State.SCOPED
    assert refused(case, freeze(2)) is None


def test_another_type_of_case_is_no_recall() -> None:
    [one] = told(OPENED)
    assert fold([replace(one, case_type="incident")]) is None
