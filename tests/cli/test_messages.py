"""Every word of the command line in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.events import KINDS
from services.cli.chinese import CHINESE
from services.cli.chinese_words import KINDS as CHINESE_KINDS
from services.cli.command_line import command_line
from services.cli.messages import EXAMPLE, Say, blocks, language_of
from services.cli.words import MEANINGS, WORDS, event_kind, meaning, word
from tests.cli.running import zhuisu

CLI = Path(__file__).resolve().parents[2] / "services" / "cli"
SAYING = {"say": 0, "tell": 0, "working": 0, "fail": 1, "plain_table": 0}
"""Which argument of these functions is what is said."""
PARTS = ("log", "database", "projector")
"""Parts of the service, as /readyz names them."""
FIELD_NAMES = {"success", "ready"}
"""Texts inside such arguments that are not said: members of answers."""


def said_in_code() -> Iterator[str]:
    for path in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "headings":
                yield from (n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant))
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = SAYING.get(name)
            if place is not None and len(node.args) > place:
                for inner in ast.walk(node.args[place]):
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                        yield inner.value


def said_in_help(command: Any) -> Iterator[str]:
    yield from blocks(command.help or "")
    for parameter in command.params:
        yield getattr(parameter, "help", None) or ""
    for inner in getattr(command, "commands", {}).values():
        yield from said_in_help(inner)


def test_everything_said_is_said_in_chinese_too() -> None:
    said = {*said_in_code(), *WORDS.values(), *MEANINGS.values(), *PARTS}
    said |= {*said_in_help(command_line("en"))}
    said -= FIELD_NAMES
    missing = {text for text in said if text and not text.startswith(EXAMPLE)} - set(CHINESE)
    assert not missing


def test_every_kind_of_event_has_a_chinese_name() -> None:
    assert not set(KINDS) - set(CHINESE_KINDS)
    assert event_kind("sold", Say("zh")) == "销售"
    assert word("sold", Say("zh")) == "已售"
    assert event_kind("sold", Say("en")) == "sold"


@pytest.mark.parametrize("english", sorted(CHINESE))
def test_a_translation_fills_in_the_same(english: str) -> None:
    def names(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    assert names(english) == names(CHINESE[english])


@pytest.mark.parametrize(
    ("environ", "arguments", "language"),
    [
        ({}, [], "en"),
        ({"LANG": "zh_CN.UTF-8"}, [], "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, [], "en"),
        ({"LC_ALL": "", "LANG": "zh_TW"}, [], "zh"),
        ({"LANG": "en_US.UTF-8"}, ["--lang", "zh", "status"], "zh"),
        ({"LANG": "zh_CN.UTF-8"}, ["--lang=en"], "en"),
        ({"LANG": "de_DE"}, ["--lang"], "en"),
    ],
)
def test_the_language_is_the_readers(environ: dict[str, str], arguments: list[str], language: str) -> None:
    assert language_of(environ, arguments) == language


def test_help_teaches_in_both_languages() -> None:
    english, chinese = zhuisu("--lang", "en", "ingest", "--help"), zhuisu("--lang", "zh", "ingest", "--help")
    assert english.code == chinese.code == 0
    assert "Example: zhuisu ingest receipts.xlsx" in english.out
    assert "示例：zhuisu ingest receipts.xlsx" in chinese.out
    assert "密钥" in chinese.out
    assert "选项" in chinese.out
    assert "─ Options" not in chinese.out


def test_every_command_has_an_example_or_needs_none() -> None:
    plain = {"status", "list", "revoke", "projector", "query", "cases", "migrate"}

    def commands(command: Any) -> Iterator[Any]:
        inner = getattr(command, "commands", {})
        yield from [command] if not inner else [c for i in inner.values() for c in commands(i)]

    for command in commands(command_line("en")):
        assert command.help, command.name
        assert EXAMPLE in command.help or command.name in plain, command.name


def test_a_sentence_without_translation_is_told_in_english() -> None:
    assert Say("zh")("no such sentence {x}", x=1) == "no such sentence 1"


def test_gaps_and_conflicts_are_told_in_the_readers_language() -> None:
    gap = {"code": "shipped_out", "detail": "shipped, and no record from the receiver"}
    assert meaning(gap, Say("en")) == gap["detail"]
    assert meaning(gap, Say("zh")) == "已发运，收货方尚无记录"
    assert meaning({"code": "unheard_of", "detail": "new"}, Say("zh")) == "new"
