"""The profiles and calendars that are shipped, and those of one's own."""

from datetime import date
from pathlib import Path

import pytest

from domain.cases.clocks import Happening, clocks_of
from domain.moments import Moment
from services.regimes.profiles import InvalidProfiles, load_profiles

DEFAULTS = {
    "incident-cn": {"first": "1 h", "province": "2 h", "summary": "10 d"},
    "recall-cn-consumer": {
        "report-harm": "2 wd",
        "plan": "10 wd",
        "publish": "3 wd",
        "stage": "3 months",
        "summary": "15 wd",
    },
    "recall-cn-auto": {"plan": "5 wd", "publish": "5 wd", "owners": "30 wd", "stage": "3 months", "summary": "15 wd"},
    "fsma204": {"spreadsheet": "24 h"},
    "cpsc15b": {"report": "24 h", "investigation": "10 wd"},
    "nhtsa573": {"report": "5 wd", "amendment": "5 wd", "quarterly": "1 quarters"},
    "gpsr": {"gateway": "24 h"},
}
_SHORT = {"hours": "h", "days": "d", "working_days": "wd", "months": "months", "quarters": "quarters"}


def test_the_defaults_are_those_of_the_requirements() -> None:
    found = load_profiles().regimes
    told = {c: {d.code: f"{d.due.count} {_SHORT[d.due.unit]}" for d in r.duties} for c, r in found.items()}
    assert told == DEFAULTS


def test_working_days_in_china_leave_out_holidays_and_count_those_made_up() -> None:
    cn = load_profiles().calendars["cn"]
    # National day 2026: the 1st to the 7th off, Saturday the 10th worked.
    assert cn.after(date(2026, 9, 30), 2) == date(2026, 10, 9)
    assert cn.after(date(2026, 9, 30), 3) == date(2026, 10, 10)
    assert cn.after(date(2026, 9, 30), 4) == date(2026, 10, 12)
    # Spring festival 2025: the eve to the 4th of February off, Sunday the 26th of January worked.
    assert cn.after(date(2025, 1, 25), 3) == date(2025, 2, 5)
    assert [len([d for d in cn.made_up if d.year == year]) for year in (2025, 2026)] == [5, 6]


def test_working_days_of_the_united_states_leave_out_federal_holidays_as_observed() -> None:
    us = load_profiles().calendars["us-federal"]
    assert us.after(date(2026, 7, 2), 1) == date(2026, 7, 6)  # the 4th is a Saturday, kept on the 3rd
    assert us.after(date(2026, 11, 25), 1) == date(2026, 11, 27)


def test_a_recall_in_china_from_the_plan_to_the_summary() -> None:
    profiles = load_profiles()
    consumer = profiles.regimes["recall-cn-consumer"]
    told = [
        ("approved", "2026-09-21T10:00:00+08:00"),
        ("met:plan", "2026-09-28T10:00:00+08:00"),
        ("effort_stopped", "2026-12-01T10:00:00+08:00"),
    ]
    happened = [Happening(name, (at := Moment.parse(text).earliest_us), at, name) for name, text in told]
    now_us = Moment.parse("2026-12-02T00:00:00+08:00").earliest_us
    found = clocks_of(consumer, happened, calendar=profiles.calendars["cn"], now_us=now_us)
    due = {c.duty.code: c.due_us for c in found}
    assert due == {
        "plan": Moment.parse("2026-10-13T00:00:00+08:00").earliest_us,  # the 25th of September off, the 10th worked
        "publish": Moment.parse("2026-10-09T00:00:00+08:00").earliest_us,
        "stage": Moment.parse("2026-12-22T00:00:00+08:00").earliest_us,
        "summary": Moment.parse("2026-12-23T00:00:00+08:00").earliest_us,
    }


def test_a_profile_of_ones_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    text = (Path("services/regimes") / "incident-cn.toml").read_text(encoding="utf-8")
    (tmp_path / "incident-cn.toml").write_text(text.replace("hours = 1 }", "hours = 3 }"), encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('"cn"', '"plant"'), encoding="utf-8")
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars" / "plant.toml").write_text("rest_weekdays = [7]", encoding="utf-8")
    found = load_profiles(tmp_path)
    assert found.regimes["incident-cn"].duties[0].due.count == 3
    assert found.calendar(found.regimes["mine"]).works(date(2026, 3, 7))
    assert set(DEFAULTS) < set(found.regimes)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("mine.toml", "title = ", "mine.toml: Invalid value"),
        ("mine.toml", "zone = 'Asia/Shanghai'", "duty: give at least one"),
        ("calendars/mine.toml", "rest_weekdays = 6", "rest_weekdays"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, *, name: str, text: str, told: str) -> None:
    (tmp_path / "calendars").mkdir()
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidProfiles, match=told):
        load_profiles(tmp_path)


def test_a_calendar_that_is_not_there_and_a_folder_that_is_none(tmp_path: Path) -> None:
    text = (Path("services/regimes") / "gpsr.toml").read_text(encoding="utf-8")
    (tmp_path / "gpsr.toml").write_text(text.replace('"weekdays"', '"lunar"'), encoding="utf-8")
    with pytest.raises(InvalidProfiles, match="calendar lunar is not there"):
        load_profiles(tmp_path)
    with pytest.raises(InvalidProfiles, match="is no folder"):
        load_profiles(tmp_path / "missing")
