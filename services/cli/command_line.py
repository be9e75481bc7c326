"""The command `zhuisu`: start the service, ask it, and administer it."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from services.cli import running
from services.cli.messages import LANGUAGES, Language, Say, translate_help
from services.cli.options import Hand

_ROLES: dict[str, Callable[..., None]] = {
    "ingest": running.ingest,
    "projector": running.projector,
    "query": running.query,
    "cases": running.cases,
    "up": running.up,
}


def command_line(language: Language, asked: str = "") -> Callable[..., Any]:
    """The whole command, its help in this language; called with `args`.

    `asked`: the first of the arguments. Where it starts a service nothing else is loaded: it starts in half the time.
    """
    say = Say(language)
    app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_show_locals=False)

    @app.callback(context_settings={"help_option_names": ["-h", "--help"]})
    def root(
        context: typer.Context,
        lang: Annotated[str, typer.Option(help="en or zh; else what the locale says.")] = language,
    ) -> None:
        """追溯 Zhuisu: where did a unit come from, what else is affected, and where is it now.

        Settings are environment variables, ZHUISU_…; ZHUISU_URL and ZHUISU_KEY say which service is asked, as whom.
        Exit codes: 0 done, 1 refused by the service, 2 called wrongly, 3 not reachable or not ready.
        Begin with: zhuisu demo
        """
        if lang not in LANGUAGES:
            raise typer.BadParameter(f"{lang}: en or zh", param_hint="--lang")
        context.obj = Hand(say)

    if asked in _ROLES:
        app.command()(_ROLES[asked])
    else:
        from services.cli.every_command import add_all

        add_all(app)
    command: Callable[..., Any] = typer.main.get_command(app)
    translate_help(command, say)
    return command
