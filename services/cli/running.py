"""Commands that run the service: up, demo, migrate, and the roles ingest, projector, query and cases.

What only some of them need is imported by these: a role starts while somebody waits for it.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from domain.ports import LogUnavailable
from services import logs
from services.cli.options import UNAVAILABLE, USAGE, AsJson, Hand, Key, Url, hand_of
from services.database import UNREACHABLE, DatabaseNotReady
from services.embedded.app import CannotListen, Running, database, prepare, run
from services.embedded.data_folder import EmbeddedPostgresError
from services.embedded.kafka_broker import KafkaBrokerFailed, KafkaToolMissing
from services.embedded.roles import ALL_ROLES
from services.settings import Settings, SettingsError, load_settings, unknown_variables

SWITCH_SECONDS = 0.0002

_YOUNG_OBJECTS = 20_000
YOUNG_OBJECTS_PROJECTING = 400_000
"""What some two batches are: all of a batch is let go at once, and to look through it before that frees nothing."""

Port = Annotated[int | None, typer.Option(min=0, max=65535, help="TCP port to serve on; 0 takes a free one.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded database.", show_default="data")]


def settings_of(hand: Hand, **overrides: Any) -> Settings:
    """Settings from the environment and these options; wrong ones end the command."""
    for name, near in unknown_variables(os.environ).items():
        if name in _OF_THE_COMMAND_LINE:
            continue
        hint = hand.say("; did you mean {near}?", near=near) if near else ""
        hand.err.print(hand.say("{name} is no setting", name=name) + hint, style="yellow", highlight=False)
    try:
        return load_settings(**overrides)
    except SettingsError as error:
        hand.fail(USAGE, "{error}", error=error)
    except ValueError as error:
        hand.fail(USAGE, "{error}", error=error)


_OF_THE_COMMAND_LINE = frozenset({"ZHUISU_URL", "ZHUISU_KEY"})


def complete(hand: Hand, work: Coroutine[Any, Any, None], *, young_objects: int = _YOUNG_OBJECTS) -> None:
    """Run until it is done; what keeps it from running is told in words."""
    collect_seldom(young_objects)
    take_turns()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except _cannot_run() as error:
        hand.fail(UNAVAILABLE, "{error}", error=str(error) or type(error).__name__)
    except ValueError as error:
        hand.fail(USAGE, "{error}", error=error)


def _cannot_run() -> tuple[type[Exception], ...]:
    """What keeps a service from running; each says what to do. Asked when something went wrong: it loads much."""
    from migrations.run import MigrationError
    from services.cli.demo_posting import DemoFailed
    from services.embedded.processes import ProcessFailed

    return (
        EmbeddedPostgresError,
        MigrationError,
        DatabaseNotReady,
        KafkaToolMissing,
        KafkaBrokerFailed,
        ProcessFailed,
        CannotListen,
        DemoFailed,
        LogUnavailable,
        *UNREACHABLE,
    )


def collect_seldom(objects: int = _YOUNG_OBJECTS) -> None:
    """Look for garbage in cycles only when there are so many new objects: a batch makes many that have no cycles.

    What is loaded by now stays, so it is never looked at again. Saved a third of the projector's processor time.
    """
    gc.freeze()
    gc.set_threshold(objects, 20, 20)


def take_turns() -> None:
    """Let a thread that computes keep the interpreter for a fifth of a millisecond, not for five, while another waits.

    A small question gives it up at each statement and each piece it sends, and had to wait so long every time.
    """
    sys.setswitchinterval(SWITCH_SECONDS)


def told_by(hand: Hand, running: Running) -> None:
    """Where it listens, and the key. It is up: what its roles loaded stays, too, and is not looked at for garbage."""
    gc.freeze()
    if hand.as_json:
        hand.json({"url": running.url, "key": running.key or None})
        return
    hand.tell("Zhuisu is up: {url}  (API description: {url}/docs)", url=running.url)
    if running.key:
        hand.tell("Key: {key}", key=running.key)


def up(context: typer.Context, *, port: Port = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Start everything in one process tree, with a PostgreSQL of its own, until Ctrl-C.

    ZHUISU_DATABASE_URL names another server, ZHUISU_BOOTSTRAP_KEY gives the first key its value.
    Example: zhuisu up --port 8080 --data-dir ./data
    """
    hand = hand_of(context, as_json=as_json)
    settings = settings_of(hand, port=port, data_dir=data_dir)
    logs.configure(settings)
    complete(hand, run(settings, told=lambda running: told_by(hand, running)))


def demo(
    context: typer.Context,
    *,
    size: Annotated[
        str, typer.Option("--size", "--units", help="small (1,000 units), medium, large, huge, or a number of units.")
    ] = "small",
    seed: Annotated[int, typer.Option(help="The same seed gives the same factory.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="End after the answers.")] = False,
    log: Annotated[str | None, typer.Option(help="postgres; or kafka: several processes on real Kafka.")] = None,
    port: Port = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Start the service, post a demo factory through its API, show its answers, recall a bad lot, and go on serving.

    Again on the same --data-dir, the same events come again, and change nothing.
    Example: zhuisu demo --once --size medium
    """
    from services.cli.demo import SIZES
    from services.cli.demo import demo as run_demo

    hand = hand_of(context, as_json=as_json)
    units = SIZES.get(size) or (int(size) if size.isdigit() else 0)
    if units <= 0:
        hand.fail(USAGE, "--size {size} is none of {sizes}, and no number of units", size=size, sizes=", ".join(SIZES))
    if log not in (None, "postgres", "kafka"):
        hand.fail(USAGE, "--log {log}: postgres or kafka", log=log)
    # The broker that kafka means here is started first; its address is no setting yet.
    settings = settings_of(hand, port=port, data_dir=data_dir, log="postgres" if log == "postgres" else None)
    logs.configure(settings, quietly=True)
    kafka = log == "kafka" or settings.log == "kafka"
    complete(hand, run_demo(settings, units=units, seed=seed, once=once, hand=hand, kafka=kafka))


def migrate(context: typer.Context, *, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring the database up to this version, and make the tenant and its admin key if they are not there.

    Run it once before the processes of a distributed installation.
    """
    hand = hand_of(context, as_json=as_json)
    settings = settings_of(hand, data_dir=data_dir)

    async def bring_up() -> None:
        async with database(settings) as url:
            key = await prepare(settings, url)
        if hand.as_json:
            hand.json({"key": None if settings.bootstrap_key else key})
            return
        hand.tell("The database is at this version")
        if settings.bootstrap_key is None:
            hand.tell("Key: {key}", key=key)

    complete(hand, bring_up())


def ingest(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="What to send: .ndjson, .json, EPCIS .json, .csv, .tsv or .xlsx, also .gz.")
    ] = None,
    *,
    serve: Annotated[bool, typer.Option("--serve", help="Run the ingest service; so does leaving FILE out.")] = False,
    mapping: Annotated[Path | None, typer.Option(help="TOML file: which column is which field.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds to go on trying while the service is away.")] = 60.0,
    compress: Annotated[bool, typer.Option("--gzip", help="Send it compressed.")] = False,
    url: Url = None,
    key: Key = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Send a file of events; without FILE, run the ingest service as a process of its own.

    A sheet needs no mapping if its headings are fields: kind, time, product, lot, serial, quantity, uom, site, or any
    path such as inputs[0].item.lot. A row that is sent again is recognised: its id is its content, unless a column
    event_id gives one. Otherwise a mapping file says which column is which:

    event.kind = "material_received", columns."Lot No" = "item.lot", options.zone = "+08:00"

    Example: zhuisu ingest receipts.xlsx --mapping receipts.toml
    """
    hand = hand_of(context, as_json=as_json)
    if file is None or serve:
        if file is not None:
            hand.fail(USAGE, "--serve runs the service: leave {file} out, or --serve", file=file)
        serve_role(hand, "ingest", port)
        return
    from services.cli.client import Service
    from services.cli.sending import send_file

    service = Service(hand, url, key)
    code = send_file(hand, service, file, mapping_path=mapping, patience_seconds=patience, compress=compress)
    raise typer.Exit(code)


def projector(context: typer.Context, *, port: Port = None, as_json: AsJson = False) -> None:
    """Run a projector: it keeps the views, as many side by side as the log has partitions.

    Needs ZHUISU_DATABASE_URL, and with ZHUISU_LOG=kafka ZHUISU_KAFKA_BOOTSTRAP_SERVERS.
    """
    serve_role(hand_of(context, as_json=as_json), "projector", port)


def query(context: typer.Context, *, port: Port = None, as_json: AsJson = False) -> None:
    """Run the query service as a process of its own, as many side by side as you like.

    Needs ZHUISU_DATABASE_URL.
    """
    serve_role(hand_of(context, as_json=as_json), "query", port)


def cases(context: typer.Context, *, port: Port = None, as_json: AsJson = False) -> None:
    """Run the cases service: commands on recalls, and the jobs that follow; as many side by side as you like.

    Needs ZHUISU_DATABASE_URL, and with ZHUISU_LOG=kafka ZHUISU_KAFKA_BOOTSTRAP_SERVERS.
    """
    serve_role(hand_of(context, as_json=as_json), "cases", port)


def serve_role(hand: Hand, role: str, port: int | None) -> None:
    """One role of several, on the database and log that settings name."""
    assert role in ALL_ROLES
    settings = settings_of(hand, port=port)
    if settings.database_url is None:
        hand.fail(USAGE, "zhuisu {role} needs ZHUISU_DATABASE_URL: the database that all roles share", role=role)
    logs.configure(settings)
    young_objects = YOUNG_OBJECTS_PROJECTING if role == "projector" else _YOUNG_OBJECTS
    work = run(settings, told=lambda running: told_by(hand, running), roles=frozenset({role}))
    complete(hand, work, young_objects=young_objects)
