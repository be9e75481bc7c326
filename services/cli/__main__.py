"""`zhuisu`: start the service, ask it, and administer it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.embedded.app import Running, run
from services.settings import SettingsError, load_settings

app = typer.Typer(
    help="Product lifecycle traceability: where did it come from, what else is affected. 追溯", no_args_is_help=True
)


@app.callback()
def root() -> None:
    """Commands share the settings of the environment: ZHUISU_… variables."""


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="TCP port to serve on; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded database.")] = None,
) -> None:
    """Start everything in one process tree, with an embedded PostgreSQL, until Ctrl-C.

    Example: zhuisu up --port 8080 --data-dir ./data
    """
    console = Console()
    overrides = {k: v for k, v in {"port": port, "data_dir": data_dir}.items() if v is not None}
    try:
        settings = load_settings(**overrides)
    except SettingsError as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(2) from error

    def told(running: Running) -> None:
        console.print(f"Zhuisu is up: {running.url}  (API description: {running.url}/docs)", soft_wrap=True)
        console.print(f"Key: {running.key}", soft_wrap=True)

    asyncio.run(run(settings, told=told))


def main() -> None:
    """Entry point of the `zhuisu` command."""
    app()


if __name__ == "__main__":
    main()
