"""Tables as people read them: nothing is cut off, however narrow the terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from services.cli.messages import Say
from services.cli.showing import trace_table


def node(serial: int) -> dict[str, Any]:
    return {
        "item": f"https://id.gs1.org/01/09521234000020/21/B{serial:08d}",
        "kind": "unit",
        "level": 3,
        "certainty": "possible",
        "reasons": ["several_inputs", "basis"],
        "site": "PLANT-2-BIKES",
        "where": [],
        "containers": ["https://id.gs1.org/00/195212340000001284"],
        "holder": "customer-a3ffda19",
        "status": "in_stock",
        "on_hold": True,
        "recalls": ["R-1"],
    }


@pytest.mark.parametrize("columns", [80, 100, 120, 140, 200])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_column_of_a_trace_is_cut_off(language: Any, columns: int) -> None:
    out = io.StringIO()
    answer = {"nodes": [node(n) for n in range(3)], "items": [], "question": "forward"}
    Console(file=out, width=columns).print(trace_table(answer, Say(language), rows=30, columns=columns))
    lines = out.getvalue().splitlines()
    assert all(line.rstrip()[-1] in "┓┩│┘┃" for line in lines)
    last = "".join(line.split("│")[-2].strip() for line in lines if "│" in line)
    marks = ("RECALLED", "HOLD") if language == "en" else ("召回", "扣留")
    assert all(last.count(mark) == 3 for mark in marks)
