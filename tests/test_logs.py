"""Log lines: one event a line, JSON or for people, and what stood in a failing function never among them."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog

from services import logs
from services.settings import load_settings

Configure = Callable[..., io.StringIO]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Sets up the log as settings say and gives what is written; the tests' own quiet log afterwards."""

    def configure(*, quietly: bool = False, **settings: object) -> io.StringIO:
        text = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", text)
            logs.configure(load_settings(**settings), quietly=quietly)
        return text

    yield configure
    logs.configure(load_settings(), quietly=True)


def fails() -> None:
    secret = "zs_" + "key-of-a-caller"
    raise RuntimeError(f"{len(secret)} characters")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_values(configured: Configure, log_format: str) -> None:
    text = configured(log_format=log_format)
    try:
        fails()
    except RuntimeError as error:
        structlog.get_logger("a").error("failed", exc_info=error)
        logging.getLogger("some.library").exception("failed too")
    assert "RuntimeError" in text.getvalue()
    assert "key-of-a-caller" not in text.getvalue()


def test_json_lines_of_ours_and_of_libraries(configured: Configure) -> None:
    text = configured(log_format="json")
    structlog.get_logger("a").info("captured", accepted=2, tenant="工厂")
    logging.getLogger("some.library").warning("slow: %d ms", 7)
    ours, theirs = (json.loads(line) for line in text.getvalue().splitlines())
    assert (ours["event"], ours["accepted"], ours["level"], ours["tenant"]) == ("captured", 2, "info", "工厂")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("slow: 7 ms", "warning", "some.library")


@pytest.mark.parametrize(
    ("settings", "quietly", "levels"),
    [
        ({}, False, ["info", "warning", "error"]),
        ({"log_level": "debug"}, False, ["debug", "info", "warning", "error"]),
        ({"log_level": "error"}, False, ["error"]),
        ({}, True, ["warning", "error"]),
        ({"log_level": "error"}, True, ["error"]),
    ],
)
def test_only_lines_of_the_level_that_settings_name(
    configured: Configure, settings: dict[str, str], *, quietly: bool, levels: list[str]
) -> None:
    text = configured(quietly=quietly, log_format="json", **settings)
    log_to = structlog.get_logger("a")
    for level in ("debug", "info", "warning", "error"):
        getattr(log_to, level)("x")
    assert [json.loads(line)["level"] for line in text.getvalue().splitlines()] == levels
