"""What a process of one role loads before it starts: somebody waits for it, after every crash and every release."""

import subprocess
import sys

import pytest

_LOADED = (
    "import sys; from services.cli.command_line import command_line; command_line('en', {0!r}); print(*sys.modules)"
)
_OF_OTHERS = {
    "alembic",
    "numpy",
    "openpyxl",
    "httpx",
    "services.cases",
    "services.cli.demo",
    "services.cli.asking",
    "services.ingest.app",
    "services.projector",
    "services.query.app",
    "services.eventlog.kafka",
}


@pytest.mark.parametrize("role", ["ingest", "projector", "query", "cases", "up"])
def test_the_command_of_a_role_loads_nothing_of_others(role: str) -> None:
    loaded = subprocess.run([sys.executable, "-c", _LOADED.format(role)], capture_output=True, text=True, check=True)
    assert _OF_OTHERS.isdisjoint(loaded.stdout.split())


def test_every_other_word_finds_every_command() -> None:
    loaded = subprocess.run([sys.executable, "-c", _LOADED.format("trace")], capture_output=True, text=True, check=True)
    assert {"services.cli.demo", "services.cli.asking"} & set(loaded.stdout.split())
