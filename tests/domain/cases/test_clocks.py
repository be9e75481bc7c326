"""When duties are due, by any zone, calendar and profile."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.calendars import Calendar
from domain.cases.clocks import Clock, Happening, clocks_of, due_of, waiting_of
from domain.cases.regimes import Due, InvalidRegime, Regime, regime_of
from domain.moments import Moment, from_us, to_us

WEEKDAYS = Calendar(code="weekdays", title="Monday to Friday", rest_weekdays=frozenset({6, 7}))
INSTANTS = st.integers(to_us(datetime(2005, 1, 1, tzinfo=UTC)), to_us(datetime(2035, 1, 1, tzinfo=UTC)))
ZONES = st.sampled_from(
    [
        "Asia/Shanghai",
        "America/New_York",
        "Europe/Brussels",
        "Australia/Lord_Howe",
        "America/St_Johns",
        "Africa/Casablanca",
        "Pacific/Apia",
        "America/Sao_Paulo",
        "Asia/Beirut",
    ]
)
DUES = st.one_of(
    st.builds(Due, st.just("hours"), st.integers(1, 500)),
    st.builds(Due, st.sampled_from(["days", "working_days", "months", "quarters"]), st.integers(1, 12)),
)


def regime(*duties: Mapping[str, Any], zone: str = "Asia/Shanghai") -> Regime:
    titled = {"title": {"zh": "题", "en": "title"}, "source": "a law", "checked": "K"}
    head = {"title": {"zh": "题", "en": "title"}, "authority": {"zh": "局", "en": "office"}}
    return regime_of("any", {**head, "zone": zone, "calendar": "weekdays", "duty": [{**titled, **d} for d in duties]})


def us(text: str) -> int:
    return Moment.parse(text).earliest_us


def happening(name: str, text: str, *, step: int | None = None, of: str | None = None) -> Happening:
    moment = Moment.parse(text)
    return Happening(name, moment.earliest_us, moment.latest_us, f"{name}@{text}", of, step)


def clocks(profile: Regime, *happened: Happening, now: str) -> tuple[Clock, ...]:
    return clocks_of(profile, happened, calendar=WEEKDAYS, now_us=us(now))


ONCE = {"code": "plan", "trigger": ["approved"], "due": {"working_days": 2}}
STAGE = {"code": "stage", "trigger": ["approved"], "due": {"months": 1}, "repeat": True, "ends": ["closed"]}
AMEND = {"code": "amend", "trigger": ["changed"], "due": {"days": 5}, "each": True, "requires": ["approved"]}


@given(due=DUES, started_us=INSTANTS, zone=ZONES, times=st.integers(1, 8))
def test_what_counts_days_ends_with_a_local_day_and_hours_run_through(
    *, due: Due, started_us: int, zone: str, times: int
) -> None:
    profile = regime(ONCE, zone=zone)
    due_us, _ = due_of(due, started_us, times=times, regime=profile, calendar=WEEKDAYS)
    if due.unit == "hours":
        assert due_us - started_us == due.count * times * 3_600_000_000
        return
    assert due_us > started_us
    before = from_us(due_us - 1).astimezone(ZoneInfo(zone)).date()
    after = from_us(due_us).astimezone(ZoneInfo(zone)).date()
    assert before < after, "a day ends where the next begins, also where clocks are put forward at midnight"


@given(due=DUES, started_us=INSTANTS, later_us=st.integers(0, 400 * 86_400_000_000), zone=ZONES)
def test_who_starts_later_is_due_no_earlier(*, due: Due, started_us: int, later_us: int, zone: str) -> None:
    profile = regime(ONCE, zone=zone)
    first, _ = due_of(due, started_us, times=1, regime=profile, calendar=WEEKDAYS)
    second, _ = due_of(due, started_us + later_us, times=1, regime=profile, calendar=WEEKDAYS)
    assert first <= second


@given(INSTANTS, ZONES, st.integers(1, 30))
def test_repeated_months_are_counted_from_the_start_and_never_drift(started_us: int, zone: str, times: int) -> None:
    profile = regime(ONCE, zone=zone)
    due_us, _ = due_of(Due("months", 1), started_us, times=times, regime=profile, calendar=WEEKDAYS)
    at_once, _ = due_of(Due("months", times), started_us, times=1, regime=profile, calendar=WEEKDAYS)
    assert due_us == at_once


NAMES = st.sampled_from(["approved", "closed", "reopened", "changed", "met:plan", "met:stage", "met:amend"])


@given(INSTANTS, st.lists(st.tuples(NAMES, st.integers(0, 400)), max_size=12), st.integers(0, 500))
def test_laws_of_clocks(start_us: int, told: list[tuple[str, int]], later_days: int) -> None:
    profile = regime(ONCE, STAGE, AMEND)
    day_us = 86_400_000_000
    happened = [Happening(n, start_us + d * day_us, start_us + d * day_us, f"e{i}") for i, (n, d) in enumerate(told)]
    now_us = start_us + later_days * day_us
    found = clocks_of(profile, happened, calendar=WEEKDAYS, now_us=now_us)
    assert len({(c.duty.code, c.step) for c in found}) == len(found)
    by_event = [(c.duty.code, c.met_by) for c in found if c.met_by]
    assert len(set(by_event)) == len(by_event), "a report meets one step"
    for clock in found:
        assert clock.started_us < clock.due_us
        assert (clock.met_us is None) == (clock.status(now_us) in ("due", "overdue"))
        if clock.status(now_us) == "overdue":
            assert clock.due_us < now_us
    # What is asked later tells nothing else of the same steps.
    later = clocks_of(profile, happened, calendar=WEEKDAYS, now_us=now_us + 100 * day_us)
    assert {(c.duty.code, c.step, c.due_us) for c in found} <= {(c.duty.code, c.step, c.due_us) for c in later}
    # A meeting more makes nothing unmet.
    more = [*happened, Happening("met:stage", now_us, now_us, "more")]
    met = {(c.duty.code, c.step) for c in found if c.met_us is not None}
    again = clocks_of(profile, more, calendar=WEEKDAYS, now_us=now_us)
    assert met <= {(c.duty.code, c.step) for c in again if c.met_us is not None}


def test_two_working_days_from_a_friday_evening_end_with_tuesday_of_the_authority() -> None:
    # 17:00 UTC is Saturday in Shanghai already: the first working day is Monday all the same.
    for started in ("2026-03-06T20:00:00+08:00", "2026-03-06T17:00:00Z"):
        (clock,) = clocks(regime(ONCE), happening("approved", started), now="2026-03-09T00:00:00Z")
        assert clock.due_us == us("2026-03-11T00:00:00+08:00")
    assert clock.status(us("2026-03-11T00:00:00+08:00")) == "due"
    assert clock.status(us("2026-03-11T00:00:00+08:00") + 1) == "overdue"


def test_the_day_that_does_not_count_is_that_of_the_authority() -> None:
    # 17:00 UTC on Wednesday is Thursday in Shanghai: the first day that counts is Friday.
    (clock,) = clocks(regime(ONCE), happening("approved", "2026-03-04T17:00:00Z"), now="2026-03-05T00:00:00Z")
    assert clock.due_us == us("2026-03-10T00:00:00+08:00")


def test_a_quarter_and_its_days_of_grace() -> None:
    profile = regime({"code": "report", "trigger": ["found"], "due": {"quarters": 1, "grace_days": 30}})
    (clock,) = clocks(profile, happening("found", "2026-10-01T12:00:00+08:00"), now="2026-10-05T00:00:00Z")
    assert clock.due_us == us("2027-01-31T00:00:00+08:00")


def test_a_day_alone_starts_with_its_beginning_and_meets_with_its_end() -> None:
    profile = regime({"code": "report", "trigger": ["found"], "due": {"hours": 24}})
    told = [happening("found", "2026-03-02+08:00"), happening("met:report", "2026-03-02+08:00")]
    (clock,) = clocks(profile, *told, now="2026-03-05T00:00:00Z")
    assert clock.due_us == us("2026-03-03T00:00:00+08:00")
    assert clock.met_us == us("2026-03-03T00:00:00+08:00") - 1
    assert clock.status(us("2026-03-05T00:00:00Z")) == "met"


def test_the_hour_that_is_put_forward_takes_nothing_off_24_hours() -> None:
    profile = regime({"code": "report", "trigger": ["found"], "due": {"hours": 24}}, zone="America/New_York")
    (clock,) = clocks(profile, happening("found", "2026-03-07T12:00:00-05:00"), now="2026-03-08T00:00:00Z")
    assert clock.due_us == us("2026-03-08T13:00:00-04:00")


def test_stages_are_due_each_month_and_a_report_is_of_the_month_it_was_made_in() -> None:
    told = [
        happening("approved", "2026-01-31T09:00:00+08:00"),
        happening("met:stage", "2026-02-10T09:00:00+08:00"),
        happening("met:stage", "2026-02-11T09:00:00+08:00"),
    ]
    found = clocks(regime(STAGE), *told, now="2026-04-15T00:00:00Z")
    dues = [(c.due_us, c.status(us("2026-04-15T00:00:00Z"))) for c in found]
    assert dues == [
        (us("2026-03-01T00:00:00+08:00"), "met"),
        (us("2026-04-01T00:00:00+08:00"), "overdue"),
        (us("2026-05-01T00:00:00+08:00"), "due"),
    ]
    ended = clocks(regime(STAGE), *told, happening("closed", "2026-03-20T09:00:00+08:00"), now="2026-06-01T00:00:00Z")
    assert [c.step for c in ended] == [1], "what is closed needs no stage after that"


def test_a_case_that_is_reopened_owes_its_stages_and_a_summary_again() -> None:
    summary = {"code": "summary", "trigger": ["effort_stopped", "closed"], "due": {"working_days": 15}}
    profile = regime({**STAGE, "ends": ["closed", "met:summary"]}, summary)
    told = [
        happening("approved", "2026-01-15T09:00:00+08:00"),
        happening("closed", "2026-03-02T09:00:00+08:00"),
        happening("met:summary", "2026-03-04T09:00:00+08:00"),
    ]
    over = clocks(profile, *told, now="2026-04-01T00:00:00Z")
    assert [(c.duty.code, c.step) for c in over] == [("stage", 1), ("summary", 1)]
    told += [happening("reopened", "2026-04-02T09:00:00+08:00")]
    again = clocks(profile, *told, now="2026-04-03T00:00:00Z")
    assert [(c.duty.code, c.step) for c in again] == [("stage", 1), ("stage", 2), ("stage", 3)]
    told += [happening("closed", "2026-05-04T09:00:00+08:00")]
    summaries = [c for c in clocks(profile, *told, now="2026-05-05T00:00:00Z") if c.duty.code == "summary"]
    assert [(c.step, c.started_us, c.met_us) for c in summaries] == [(2, us("2026-05-04T09:00:00+08:00"), None)]
    told += [happening("met:summary", "2026-05-06T09:00:00+08:00", step=2)]
    assert [c.met_us for c in clocks(profile, *told, now="2026-05-07T00:00:00Z")][-1] == told[-1].latest_us


def test_each_change_has_a_clock_of_its_own_and_none_before_the_report() -> None:
    told = [
        happening("changed", "2026-01-01T00:00:00Z"),
        happening("approved", "2026-02-01T00:00:00Z"),
        happening("changed", "2026-02-03T00:00:00Z"),
        happening("changed", "2026-02-04T00:00:00Z"),
        happening("met:amend", "2026-02-05T00:00:00Z", step=3),
    ]
    found = clocks(regime(AMEND), *told, now="2026-03-01T00:00:00Z")
    assert [(c.step, c.status(us("2026-03-01T00:00:00Z"))) for c in found] == [(2, "overdue"), (3, "met")]


def test_a_duty_that_is_met_starts_the_next() -> None:
    following = {"code": "publish", "trigger": ["met:plan"], "due": {"working_days": 3}}
    profile = regime({**ONCE, "met_by": ["plan_filed"]}, following)
    assert [d.code for d in waiting_of(profile, clocks(profile, now="2026-03-02T00:00:00Z"))] == ["plan", "publish"]
    for name in ("plan_filed", "met:plan"):
        told = [happening("approved", "2026-03-02T09:00:00+08:00"), happening(name, "2026-03-03T09:00:00+08:00")]
        plan, publish = clocks(profile, *told, now="2026-03-04T00:00:00Z")
        assert (plan.met_by, publish.started_us) == (told[1].event_id, us("2026-03-03T09:00:00+08:00"))
    of_another = happening("met:plan", "2026-03-03T09:00:00+08:00", of="another-regime")
    plan, *rest = clocks(profile, told[0], of_another, now="2026-03-04T00:00:00Z")
    assert plan.met_us is None
    assert rest == []


def test_working_days_of_a_year_without_known_holidays_say_so() -> None:
    known = Calendar(code="c", title="c", rest_weekdays=frozenset({6, 7}), years=frozenset({2026}))
    found = [
        clocks_of(regime(ONCE), [happening("approved", day)], calendar=known, now_us=us("2026-12-30T00:00:00Z"))[0]
        for day in ("2026-12-28T09:00:00+08:00", "2026-12-31T09:00:00+08:00")
    ]
    assert [c.calendar_known for c in found] == [True, False]


def test_only_the_greatest_share_that_passed_is_to_be_reminded_of() -> None:
    (clock,) = clocks(
        regime({"code": "report", "trigger": ["found"], "due": {"hours": 10}}),
        happening("found", "2026-03-02T00:00:00Z"),
        now="2026-03-02T01:00:00Z",
    )
    shares = (Fraction(1, 2), Fraction(9, 10), Fraction(1))
    at = [clock.reached(shares, us("2026-03-02T00:00:00Z") + hours * 3_600_000_000) for hours in (4, 5, 8, 9, 11)]
    assert at == [None, Fraction(1, 2), Fraction(1, 2), Fraction(9, 10), Fraction(1)]


def test_what_was_met_early_changes_when_the_next_time_begins() -> None:
    told = [happening("approved", "2026-01-31T09:00:00+08:00"), happening("met:stage", "2026-02-10T09:00:00+08:00")]
    (clock,) = clocks(regime(STAGE), *told, now="2026-02-12T00:00:00Z")
    assert clock.changes_us((), us("2026-02-12T00:00:00Z")) == clock.due_us
    assert len(clocks(regime(STAGE), *told, now="2026-03-01T00:00:00+08:00")) == 2


@given(
    shares=st.lists(st.fractions(0, 2), max_size=4),
    allowed_us=st.integers(1, 10_000),
    now_us=st.integers(0, 30_000),
    later_us=st.integers(0, 30_000),
)
def test_nothing_changes_before_it_is_said_to(
    *, shares: list[Fraction], allowed_us: int, now_us: int, later_us: int
) -> None:
    duty = regime(ONCE).duties[0]
    clock = Clock(regime="any", duty=duty, step=1, started_us=0, started_by="e", due_us=allowed_us, calendar_known=True)
    changes_us = clock.changes_us(shares, now_us)
    assert changes_us is None or changes_us > now_us
    before_us = now_us + later_us if changes_us is None else min(now_us + later_us, changes_us - 1)
    assert clock.reached(shares, before_us) == clock.reached(shares, now_us)
    if changes_us is not None:
        assert clock.reached(shares, changes_us) != clock.reached(shares, now_us) or changes_us == clock.due_us


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"due": {"fortnights": 1}}, "one of hours"),
        ({"due": {"hours": 1, "days": 1}}, "one of hours"),
        ({"due": {"hours": 0}}, "1 or more"),
        ({"due": {"months": 3, "grace_days": 1}}, "grace_days is not known"),
        ({"trigger": []}, "at least one thing"),
        ({"trigger": ["met:nothing"]}, "names no duty"),
        ({"trigger": ["Has Spaces"]}, "no name of what happens"),
        ({"met_by": ["met:plan"]}, "does not meet another"),
        ({"repeat": True, "each": True}, "each and repeat"),
        ({"repeat_limit": 3}, "only for what repeats"),
        ({"checked": "yes"}, "checked"),
        ({"when": 1}, "when is not known"),
        ({"title": {"en": "only"}}, "zh: is missing"),
    ],
)
def test_a_profile_that_cannot_be_read_is_refused_with_the_fix(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRegime, match=told):
        regime({**ONCE, **changed})


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRegime, match="no IANA zone"):
        regime(ONCE, zone="Mars/Olympus")
