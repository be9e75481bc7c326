"""`python -m bench.plans`: writes docs/plans.md, the plans of each question as PostgreSQL ran them.

The plan of the recursive SQL that we are measured against is written beside the results.

Questions are asked over HTTP of a process whose database explains every statement it runs (auto_explain, with ANALYZE
and BUFFERS, into the server's log). A statement is shown once, with the plan of its slowest run.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from rich.console import Console

from bench.cases.backward import some_bikes
from bench.questions import forward_questions
from bench.rivals import text_rows
from bench.rivals.from_events import FromEvents
from bench.sizes import SIZES
from bench.wire import Connection, connected
from bench.world import World, world

PAGE = Path(__file__).parents[1] / "docs" / "plans.md"
SQL_PAGE = Path(__file__).parent / "results" / "recursive-sql.txt"
_SETTINGS = (
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_buffers = on",
    "auto_explain.log_timing = on",
    "auto_explain.log_nested_statements = on",
    "auto_explain.log_parameter_max_length = 0",
)
_PLAN = re.compile(r"duration: ([0-9.]+) ms  plan:\n(.*?)(?=\n\d{4}-\d\d-\d\d |\Z)", re.DOTALL)
_CHARS_MAX, _LIST = 160, re.compile(r"'\{[^']{60,}\}'|\{[^{}]{60,}\}")


@dataclass(slots=True)
class Statement:
    """One statement of a question: how often it ran, and its slowest plan."""

    text: str
    runs: int = 0
    worst_ms: float = 0.0
    plan: str = ""


@dataclass(slots=True)
class Asked:
    """One question and what it made the database do."""

    title: str
    path: str
    statements: dict[str, Statement] = field(default_factory=dict)


async def main(size: str) -> None:
    """Build, ask each question twice (the second time counts), write the page."""
    console = Console()
    async with world(SIZES[size], console=console, keep=True) as this:
        owner = await asyncpg.connect(this.url)
        for setting in _SETTINGS:
            await owner.execute(f"ALTER DATABASE {await owner.fetchval('SELECT current_database()')} SET {setting}")
        await owner.close()
        try:
            async with (
                this.process("query-explained", this.url, trace_graph="off") as process,
                connected(process.url, this.tenant.key) as asking,
            ):
                pages = [await _asked(this, asking, title=title, path=path) for title, path in _questions(this)]
        finally:
            await _no_longer(this)
        PAGE.write_text(_page(this, pages))
        SQL_PAGE.write_text(await _recursive_sql(this))
        console.print(f"Written: {PAGE}, {SQL_PAGE}")


async def _recursive_sql(this: World) -> str:
    """The plan of the rival's statement, for the largest question."""
    await text_rows.make(this)
    question, statement = forward_questions(this.size.units)[-1], FromEvents()
    await statement.connect(this.url)
    try:
        plan = await statement.explained(question.lot)
    finally:
        await statement.close()
    return f"-- bench/rivals/from_events.py, {question.size} nodes of {this.data['units']:,} units\n{plan}\n"


async def _no_longer(this: World) -> None:
    owner = await asyncpg.connect(this.url)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} RESET ALL")
    await owner.close()


def _questions(this: World) -> Iterator[tuple[str, str]]:
    lot, bike = forward_questions(this.size.units)[0].lot, some_bikes(this.size.units, 1)[0]
    yield "Backward trace of a bike", f"/v1/trace/backward?item={bike}"
    yield "Forward trace of a lot", f"/v1/trace/forward?item={lot}&format=csv"
    yield "State of a bike", f"/v1/items/state?item={bike}"
    yield "Timeline of a bike", f"/v1/items/timeline?item={bike}"
    yield "Contents of a bike", f"/v1/items/contents?item={bike}"
    yield "Mass balance of a lot", f"/v1/items/balance?item={lot}"
    yield "Search by a part of a number", "/v1/items?q=B0000001"
    yield "Exposure of a machine in a day", "POST /v1/exposures"


async def _asked(this: World, asking: Connection, *, title: str, path: str) -> Asked:
    log = this.server.log_file
    for _ in range(2):
        before = log.stat().st_size
        if path.startswith("POST"):
            body = {"equipment": "WELDER-1", "since": "2024-01-09T00:00:00Z", "until": "2024-01-10T00:00:00Z"}
            await asking.post("/v1/exposures", json.dumps(body).encode())
        else:
            await asking.get(path)
    await asyncio.sleep(0.2)  # the server's log is written by another process
    with log.open(errors="replace") as lines:
        lines.seek(before)
        told = Asked(title, path)
        for took, plan in _PLAN.findall(lines.read()):
            _take(told, float(took), plan)
    return told


def _take(asked: Asked, took_ms: float, explained: str) -> None:
    lines = explained.replace("\t", "").split("\n")
    start = next((n for n, line in enumerate(lines) if "(cost=" in line), 0)
    head, plan = "\n".join(lines[:start]), "\n".join(lines[start:])
    text = head.removeprefix("Query Text: ").strip()
    found = asked.statements.setdefault(text, Statement(text))
    found.runs += 1
    if took_ms >= found.worst_ms:
        found.worst_ms, found.plan = took_ms, plan


def _page(this: World, pages: list[Asked]) -> str:
    shown: dict[str, int] = {}
    units, links = f"{this.data['units']:,}", f"{this.data['event_items']:,}"
    parts = [
        "# Plans\n",
        "What PostgreSQL did for each question: `EXPLAIN (ANALYZE, BUFFERS)` of every statement, once each, with the "
        f"plan of its slowest run, over a built factory of {units} units ({links} links). Written by\n"
        "`.venv/bin/python -m bench.plans`; [tests/query/test_plans.py](../tests/query/test_plans.py) holds the plans "
        "that matter.\nTraces are asked without the links in memory, so that all of their statements are seen; long "
        "lists are cut.\n",
    ]
    for page in pages:
        total = sum(s.runs for s in page.statements.values())
        parts.append(f"## {page.title}\n\n`{page.path}`: {total} statements, {len(page.statements)} different ones.\n")
        for statement in page.statements.values():
            number = shown.get(statement.text)
            if number is not None:
                parts.append(f"- statement {number} again, {statement.runs} ×, at most {statement.worst_ms:.2f} ms\n")
                continue
            shown[statement.text] = len(shown) + 1
            head = f"### {len(shown)}. {statement.runs} ×, at most {statement.worst_ms:.2f} ms"
            parts.append(f"{head}\n\n```sql\n{_cut(statement.text)}\n```\n\n```\n{_cut(statement.plan)}\n```\n")
    return "\n".join(parts)


def _cut(text: str) -> str:
    lines = (_LIST.sub("{…}", line).rstrip() for line in text.strip().split("\n"))
    return "\n".join(line if len(line) <= _CHARS_MAX else line[:_CHARS_MAX] + "…" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="dev")
    asyncio.run(main(parser.parse_args().size))
