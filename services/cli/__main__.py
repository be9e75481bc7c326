"""`zhuisu`: start the service, ask it, and administer it."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli.client import call, connect, show_trace
from services.cli.demo import SIZES
from services.cli.demo import demo as run_demo
from services.embedded.app import ALL_ROLES, Running, database, prepare, run
from services.settings import Settings, SettingsError, load_settings

app = typer.Typer(help="追溯: where did a unit come from, and what else is affected.", no_args_is_help=True)
trace_app = typer.Typer(help="Trace a unit back to its sources, or a lot forward to everything it reached.")
app.add_typer(trace_app, name="trace")
keys_app = typer.Typer(help="API keys: who may post, read, correct, recall and administer.")
app.add_typer(keys_app, name="keys")

Url = Annotated[str | None, typer.Option(help="The service; default ZHUISU_URL or http://127.0.0.1:8080.")]
Key = Annotated[str | None, typer.Option(help="API key; default ZHUISU_KEY.")]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@app.callback()
def root() -> None:
    """Commands share the settings of the environment: ZHUISU_… variables."""


def _settings(**overrides: Any) -> Settings:
    try:
        return load_settings(**{k: v for k, v in overrides.items() if v is not None})
    except SettingsError as error:
        Console(stderr=True).print(f"[red]{error}[/red]")
        raise typer.Exit(2) from error


def _told(running: Running) -> None:
    console = Console()
    console.print(f"Zhuisu is up: {running.url}  (API description: {running.url}/docs)", soft_wrap=True)
    if running.key:
        console.print(f"Key: {running.key}", soft_wrap=True)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="TCP port to serve on; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded database.")] = None,
) -> None:
    """Start everything in one process tree, with an embedded PostgreSQL, until Ctrl-C.

    Example: zhuisu up --port 8080 --data-dir ./data
    """
    asyncio.run(run(_settings(port=port, data_dir=data_dir), told=_told))


@app.command()
def demo(
    size: Annotated[str, typer.Option(help="small (1,000 units), medium, large, or a number of units.")] = "small",
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same factory.")] = 1,
    once: Annotated[bool, typer.Option(help="End after the answers.")] = False,
    port: Annotated[int | None, typer.Option(help="TCP port to serve on; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded database.")] = None,
    log: Annotated[str | None, typer.Option(help="postgres, or kafka on the brokers that settings name.")] = None,
) -> None:
    """Start the service, post a demo factory through its API, and show both answers.

    Example: zhuisu demo --once --size medium
    """
    units = SIZES.get(size) or (int(size) if size.isdigit() else 0)
    if units <= 0:
        raise typer.BadParameter(f"{size!r} is none of {', '.join(SIZES)}, and no number", param_hint="--size")
    settings = _settings(port=port, data_dir=data_dir, log=log)
    asyncio.run(run_demo(settings, units=units, seed=seed, once=once, console=Console()))


@app.command()
def migrate() -> None:
    """Bring the database up to this version, and make the tenant and its admin key if they are not there."""

    async def bring_up() -> None:
        settings = _settings()
        async with database(settings) as url:
            key = await prepare(settings, url)
            if settings.bootstrap_key is None:
                Console().print(f"Key: {key}", soft_wrap=True)

    asyncio.run(bring_up())


def _role(role: str) -> None:
    assert role in ALL_ROLES
    settings = _settings()
    if settings.database_url is None:
        Console(stderr=True).print(f"[red]zhuisu {role} needs ZHUISU_DATABASE_URL: the database it shares[/red]")
        raise typer.Exit(2)
    asyncio.run(run(settings, told=_told, roles=frozenset({role})))


@app.command()
def ingest(
    file: Annotated[Path | None, typer.Argument(help="NDJSON, JSON or EPCIS JSON to send.")] = None,
    url: Url = None,
    *,
    key: Key = None,
) -> None:
    """Send a file of events; without FILE, run the ingest service as a process of its own.

    Example: zhuisu ingest events.ndjson
    """
    if file is None:
        _role("ingest")
        return
    text = file.read_text(encoding="utf-8-sig")
    client = connect(url, key)
    if '"EPCISDocument"' in text[:10_000]:
        Console().print_json(data=call(client, "POST", "/epcis/v2/capture", content=text.encode()))
        return
    ndjson = file.suffix in (".ndjson", ".jsonl")
    events = [json.loads(line) for line in text.splitlines() if line.strip()] if ndjson else json.loads(text)
    listed = events if isinstance(events, list) else [events]
    accepted = rejected = 0
    for start in range(0, len(listed), 1_000):
        answer = call(client, "POST", "/v1/events", json=listed[start : start + 1_000])
        accepted += answer["accepted"]
        rejected += answer["rejected"]
        for outcome in answer["outcomes"]:
            if outcome["outcome"] == "rejected":
                where, error = start + outcome["index"] + 1, outcome["error"]
                Console(stderr=True).print(f"event {where}: {error['field']}: {error['detail']}", soft_wrap=True)
    Console().print(f"{accepted} accepted, {rejected} rejected")
    raise typer.Exit(1 if rejected else 0)


@app.command()
def projector() -> None:
    """Run a projector process: it keeps the views, as many side by side as you like."""
    _role("projector")


@app.command()
def query() -> None:
    """Run the query service as a process of its own."""
    _role("query")


def _trace(way: str, item: str, *, url: str | None, key: str | None, mode: str, as_json: bool) -> None:
    answer = call(connect(url, key), "GET", f"/v1/trace/{way}", params={"item": item, "mode": mode})
    if as_json:
        Console().print_json(data=answer)
    else:
        show_trace(Console(), answer)


@trace_app.command()
def back(item: str, url: Url = None, *, key: Key = None, mode: str = "ever", as_json: AsJson = False) -> None:
    """Where did it come from? Example: zhuisu trace back urn:epc:id:sgtin:9521234.000002.B00000-03"""
    _trace("backward", item, url=url, key=key, mode=mode, as_json=as_json)


@trace_app.command()
def forward(item: str, url: Url = None, *, key: Key = None, mode: str = "ever", as_json: AsJson = False) -> None:
    """What is affected, and where is it now? Example: zhuisu trace forward urn:zhuisu:lot:own:CELL-21700:C00000-A"""
    _trace("forward", item, url=url, key=key, mode=mode, as_json=as_json)


@app.command("item")
def item_state(item: str, url: Url = None, *, key: Key = None) -> None:
    """Where an item is, who has it, and how it stands."""
    Console().print_json(data=call(connect(url, key), "GET", "/v1/items/state", params={"item": item}))


@app.command()
def timeline(item: str, url: Url = None, *, key: Key = None) -> None:
    """Every event that ever named an item."""
    Console().print_json(data=call(connect(url, key), "GET", "/v1/items/timeline", params={"item": item}))


@app.command()
def status(url: Url = None) -> None:
    """Whether the service is ready, and how fresh its answers are."""
    Console().print_json(data=call(connect(url, None), "GET", "/readyz"))


@keys_app.command("create")
def keys_create(
    name: str,
    role: Annotated[list[str], typer.Option(help="capture, correct, read, recall or admin; several are allowed.")],
    *,
    source: Annotated[str | None, typer.Option(help="What its events say they come from; default the name.")] = None,
    zone: Annotated[str | None, typer.Option(help="Zone of times without offset, e.g. Asia/Shanghai.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make a key and show it once. Example: zhuisu keys create mes-1 --role capture --zone Asia/Shanghai"""
    wanted = {"name": name, "roles": role, "source": source, "zone": zone}
    Console().print_json(data=call(connect(url, key), "POST", "/v1/keys", json=wanted))


@keys_app.command("list")
def keys_list(url: Url = None, *, key: Key = None) -> None:
    """All keys, without their values."""
    Console().print_json(data=call(connect(url, key), "GET", "/v1/keys"))


@keys_app.command("revoke")
def keys_revoke(key_id: int, url: Url = None, *, key: Key = None) -> None:
    """Take a key back."""
    Console().print_json(data=call(connect(url, key), "DELETE", f"/v1/keys/{key_id}"))


def main() -> None:
    """Entry point of the `zhuisu` command."""
    app()


if __name__ == "__main__":
    main()
