"""How measurements are taken and written down."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import kept
from bench.chart import write_chart
from bench.measuring import in_turn, over, percentile
from bench.questions import forward_questions
from bench.results import Results, Row, at_least, at_most
from bench.rows import COLUMNS, of_csv, of_rows

ROW = Row(
    case="forward", size="10 k", against="g", ratios=(2.0, 4.0, 3.0), bar=at_most(3.0), equal=True, ours=0.3, theirs=0.1
)
ASKED_OF_A_ROW = {"case", "size", "against", "median", "min", "max", "bar", "met", "equal"}


async def test_works_run_in_turn_and_every_other_round_backwards() -> None:
    ran: list[str] = []

    async def one() -> None:
        ran.append("one")

    async def other() -> None:
        ran.append("other")

    ones, others = await in_turn(2, [one, other])
    assert ran == ["one", "other"] * 2 + ["other", "one"]
    assert (len(ones), len(others)) == (2, 2)


async def test_what_takes_longer_than_its_budget_is_measured_once() -> None:
    ran = 0

    async def slow() -> None:
        nonlocal ran
        ran += 1

    (seconds,) = await in_turn(5, [slow], budget_seconds=0.0)
    assert (ran, len(seconds)) == (1, 1)


def test_a_bar_is_met_by_the_median() -> None:
    assert ROW.met is True
    assert Row(case="c", size="s", against="a", ratios=(2.0, 3.1, 4.0), bar=at_most(3.0)).met is False
    assert Row(case="c", size="s", against="a", ratios=(12.0,), bar=at_least(12.0)).met is True
    assert Row(case="c", size="s", against="a", note="not run: no Java", bar=at_least(1.0)).met is None


def test_ratios_are_of_one_round_each() -> None:
    assert over((2.0, 9.0), (1.0, 3.0)) == (2.0, 3.0)
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 100.0


def test_results_are_written_as_rows_and_as_a_picture(tmp_path: Path) -> None:
    wrong = Row(case="forward", size="1 k", against="<SQL> & co", ratios=(0.5,), equal=False)
    results = Results({"began": "2026-11-25", "data": {"units": 3}}, [ROW, wrong, Row(case="c", size="", against="a")])
    written = json.loads(results.write(tmp_path).read_text())
    assert written["rows"][0].keys() >= ASKED_OF_A_ROW
    assert {k: written["rows"][0][k] for k in ("median", "min", "max", "bar", "met", "equal")} == {
        "median": 3.0,
        "min": 2.0,
        "max": 4.0,
        "bar": "≤ 3",
        "met": True,
        "equal": True,
    }
    assert results.wrong == [wrong]
    drawn = ElementTree.parse(write_chart(results, tmp_path)).getroot()
    assert any("<SQL> & co" in (text.text or "") for text in drawn.iter("{http://www.w3.org/2000/svg}text"))


def test_rows_are_compared_in_every_column_and_in_any_order() -> None:
    rows = [[f"{column} {n}" for column in COLUMNS] for n in range(3)]
    head = ",".join(COLUMNS)
    text = "\r\n".join([head, *(",".join(row) for row in reversed(rows)), ""]).encode()
    assert of_csv(text).same_as(of_rows(rows))
    other = [*rows[:2], [*rows[2][:-1], "another"]]
    assert not of_rows(other).same_as(of_rows(rows))
    assert not of_rows([*rows, rows[0]]).same_as(of_rows(rows))  # twice is not once
    with pytest.raises(ValueError, match="other columns"):
        of_csv(b"item,kind\r\n")


def test_a_factory_is_asked_for_every_size_it_has() -> None:
    assert [q.size for q in forward_questions(125_000)] == ["1 k", "10 k", "100 k"]
    assert [q.size for q in forward_questions(2_500_000)] == ["1 k", "10 k", "100 k", "1 M"]
    assert len(forward_questions(400)) == 1


def test_what_the_domain_said_is_kept_for_large_factories_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PATH", tmp_path / "references.json")
    said = kept.Kept(kept.digest_of(of_rows([["a"]])), kept.digest_of_totals({"items": 1}))
    kept.keep(400, "lot", said)
    assert kept.kept(400, "lot") is None
    kept.keep(125_000, "lot", said)
    assert kept.kept(125_000, "lot") == said
    assert kept.digest_of(of_rows([["b"]])) != said.rows
