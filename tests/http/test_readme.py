"""What the READMEs say can be done: their calls are made, their answers compared, what they name exists."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.command_line import command_line
from services.settings import Settings, variable_name

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / name for name in ("README.md", "README.zh-CN.md")]
OF_THE_COMMAND_LINE = {"ZHUISU_URL", "ZHUISU_KEY"}
TOLD = re.compile(r'"\w+":(?:"[^"…]*"|\d+|true|false|\[\])')
"""Members of a shortened answer that are shown whole."""


_STATUS = {"/v1/events": 202, "/v1/recalls": 201}


@dataclass
class Call:
    """A curl of a README, and the answer shown under it."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    answer: str = ""


def calls(page: Path) -> Iterator[Call]:
    for block in re.findall(r"^```\w*\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        command, found = "", None
        for line in block.splitlines():
            if command or line.startswith("curl "):
                command += line + "\n"
                if line.endswith("\\") or command.count("'") % 2:
                    continue
                if found is not None:
                    yield found
                found, command = call_of(command), ""
            elif found is not None and not line.startswith("#"):
                found.answer += line.strip()
        if found is not None:
            yield found


def call_of(command: str) -> Call:
    call, words = Call(""), iter(shlex.split(command)[1:])
    for word in words:
        match word:
            case "-H":
                name, _, value = next(words).partition(": ")
                call.headers |= {} if name == "$H" else {name: value}
            case "-d" | "--data-binary":
                call.body = next(words)
            case "-o":
                next(words)
            case _:
                call.path = word.removeprefix("localhost:8080")
    return call


@pytest.mark.parametrize("page", READMES, ids=lambda p: p.name)
async def test_its_calls_are_answered_as_it_says(service: httpx.AsyncClient, page: Path) -> None:
    families = 0
    for call in calls(page):
        if call.body is not None and call.body.startswith("@"):
            continue
        method = "GET" if call.body is None else "POST"
        given = await service.request(method, call.path, content=call.body, headers=call.headers)
        assert given.status_code == _STATUS.get(call.path, 200), given.text
        if call.path == "/v1/events":
            told, shown = given.json(), json.loads(call.answer.split(',"outcomes"')[0] + "}")
            assert told["accepted"] + told["duplicate"] == shown["accepted"], "the second page sends the same again"
            assert (told["rejected"], told["position"]) == (0, shown["position"])
            families += 1
        else:
            assert set(TOLD.findall(call.answer)) <= set(TOLD.findall(given.text)), call.path
    assert families == 8


def commands_of(command: Any) -> dict[str, Any]:
    return dict(getattr(command, "commands", {}))


@pytest.mark.parametrize("page", READMES, ids=lambda p: p.name)
def test_what_it_names_exists(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([\w./-]+?)(?:#[\w-]+)?\)", text):
        assert (ROOT / target).exists(), target
    for path in re.findall(r"`((?:deploy|services|docs|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    known = commands_of(command_line("en"))
    named = re.findall(r"(?:`|-- |^)zhuisu ([a-z][a-z-]*)(?: ([a-z]+(?:-[a-z]+)*)\b)?", text, re.MULTILINE)
    assert named
    for name, inner in named:
        assert name in known, name
        assert not inner or not commands_of(known[name]) or inner in commands_of(known[name]), (name, inner)
    settings = {variable_name(name) for name in Settings.model_fields} | OF_THE_COMMAND_LINE
    assert set(re.findall(r"ZHUISU_[A-Z_]+", text)) <= settings


def test_both_pages_show_the_same_calls() -> None:
    english, chinese = ([(c.path, c.body, c.headers) for c in calls(page)] for page in READMES)
    assert english == chinese
    headings = [len(re.findall(r"^## ", page.read_text(), re.MULTILINE)) for page in READMES]
    assert headings[0] == headings[1]
