"""Options that many commands share, and what a command has in hand when it runs."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from services.cli.messages import Say

REFUSED, USAGE, UNAVAILABLE = 1, 2, 3
"""Exit codes: the service refused; the command was called wrongly; the service cannot be reached or is not ready."""

Url = Annotated[str | None, typer.Option("--url", envvar="ZHUISU_URL", help="Address of the service.")]
Key = Annotated[str | None, typer.Option("--key", envvar=["ZHUISU_KEY", "ZHUISU_BOOTSTRAP_KEY"], help="API key.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]
DEFAULT_URL = "http://127.0.0.1:8080"


_FILE_COLUMNS = 140


def _console() -> Console:
    # A file has no width of its own; 80 columns would fold every id.
    fixed = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _FILE_COLUMNS
    return Console(file=sys.stdout, width=fixed)


def _error_console() -> Console:
    return Console(file=sys.stderr, soft_wrap=True)


@dataclass(slots=True)
class Hand:
    """What a command has in hand: its language, where it prints, and whether it speaks JSON."""

    say: Say
    out: Console = field(default_factory=_console)
    err: Console = field(default_factory=_error_console)
    as_json: bool = False

    def tell(self, english: str, **values: object) -> None:
        """A line for people, on standard output; nothing when JSON is asked for."""
        if not self.as_json:
            self.out.print(self.say(english, **values), soft_wrap=True, highlight=False, markup=False)

    def json(self, answer: Any) -> None:
        """The answer as JSON on standard output."""
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")

    def fail(self, code: int, english: str, /, **values: object) -> NoReturn:
        """Say why on standard error and end with this exit code."""
        text = self.say(english, **values)
        if self.as_json:
            sys.stderr.write(json.dumps({"error": text, "exit_code": code}, ensure_ascii=False) + "\n")
        else:
            self.err.print(text, style="red", markup=False, highlight=False)
        raise typer.Exit(code)

    def refuse(self, code: int, problem: Mapping[str, Any]) -> NoReturn:
        """Show an RFC 9457 problem with its fields and its fix, and end with this exit code."""
        if self.as_json:
            sys.stderr.write(json.dumps(problem, ensure_ascii=False) + "\n")
            raise typer.Exit(code)
        status, title = problem.get("status", ""), problem.get("title", "")
        self.err.print(f"{status} {title}: {problem.get('detail', '')}", style="red", markup=False, highlight=False)
        for outcome in problem.get("outcomes", [])[:20]:
            error = outcome.get("error") or {}
            where = self.say("event {number}", number=int(outcome.get("index", 0)) + 1)
            self.err.print(f"  {where}: {error.get('field', '')}: {error.get('detail', '')}", markup=False)
        self.tell_rejected(problem.get("rejected", [])[:20])
        for near in problem.get("nearest", [])[:10]:
            self.err.print("  " + self.say("did you mean {item}", item=near), markup=False, highlight=False)
        raise typer.Exit(code)

    def tell_rejected(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What is wrong with rows of a file, on standard error."""
        for one in rows:
            place = self.say("row {row}, {column}", row=one["row"], column=one["field"] or "–")
            self.err.print(f"{place}: {one['detail']}", markup=False, highlight=False)

    @contextlib.contextmanager
    def working(self, english: str, **values: object) -> Iterator[Callable[[str], None]]:
        """Show on a terminal that something takes its time; how far it is may be said meanwhile."""
        if self.as_json or not self.err.is_terminal:
            yield lambda how_far: None
            return
        message = self.say(english, **values)
        with self.err.status(message) as status:
            yield lambda how_far: status.update(f"{message} {how_far}")


def hand_of(context: typer.Context, *, as_json: bool = False) -> Hand:
    """What this command has in hand."""
    hand = context.find_object(Hand)
    assert hand is not None
    hand.as_json = hand.as_json or as_json
    return hand
