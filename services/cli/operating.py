"""Commands of whoever runs the service, on its database and log themselves: rebuild, dead letters."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import asyncpg
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from domain.moments import iso, to_us
from domain.ports import EventLog, Position
from domain.positions import InvalidPosition, parse_vector
from services.cli.options import REFUSED, USAGE, AsJson, Hand, hand_of
from services.cli.running import DataDir, complete, settings_of
from services.cli.showing import plain_table
from services.embedded.app import database_beside, event_log, views_pool
from services.embedded.roles import pace_of
from services.projector.dead_letters import NoSuchDeadLetter, counted, parked, replay, settle
from services.projector.rebuild import RebuildFailed, RebuildRunning, Rebuilt
from services.projector.rebuild import rebuild as rebuild_views
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class _Parts:
    """The database and the log that settings name."""

    url: str
    views: asyncpg.Pool
    log: EventLog


@contextlib.asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator[_Parts]:
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(database_beside(settings))
        views = await views_pool(settings, url)
        stack.push_async_callback(views.close)
        log = event_log(settings, url)
        await log.start()
        stack.push_async_callback(log.stop)
        yield _Parts(url, views, log)


def rebuild(context: typer.Context, *, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Build all views anew from the event log beside the live ones, and swap them in. The service may go on running.

    It works on the database and log that settings name, as the service itself does.
    Example: zhuisu rebuild --data-dir ./data
    """
    hand = hand_of(context, as_json=as_json)
    settings = settings_of(hand, data_dir=data_dir)
    complete(hand, _rebuild(hand, settings))


async def _rebuild(hand: Hand, settings: Settings) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = hand.as_json or not hand.err.is_terminal
    with Progress(*columns, console=hand.err, disable=quiet) as bars:
        bar = bars.add_task(hand.say("Rebuilding the views"), total=None)

        def told(progress: Rebuilt) -> None:
            bars.update(bar, completed=progress.applied, total=progress.total)

        async with _parts(settings) as parts:
            try:
                done = await rebuild_views(
                    parts.url, log=parts.log, views=parts.views, pace=pace_of(settings), told=told
                )
            except (RebuildRunning, RebuildFailed) as error:
                hand.fail(REFUSED, "{error}", error=error)
    if hand.as_json:
        hand.json({"applied": done.applied, "total": done.total})
    else:
        hand.tell("The views were built anew from {count} records, and are in place", count=done.applied)


def dead_letters_list(context: typer.Context, *, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Records that could not be applied, each with where it is in the log and why.

    Example: zhuisu dead-letters list --data-dir ./data
    """
    hand = hand_of(context, as_json=as_json)
    settings = settings_of(hand, data_dir=data_dir)
    complete(hand, _list(hand, settings))


async def _list(hand: Hand, settings: Settings) -> None:
    async with _parts(settings) as parts:
        letters = await parked(parts.views)
        total, waiting = await counted(parts.views)
    rows = [
        {
            "position": letter.position.token,
            "recorded_at": iso(to_us(letter.appended_at)),
            "event_id": letter.event_id,
            "code": letter.code,
            "detail": letter.detail,
            "replayed_as": letter.replayed_as,
            "settled": letter.settled,
        }
        for letter in letters
    ]
    if hand.as_json:
        hand.json({"dead_letters": rows, "total": total, "waiting": waiting})
        return
    headings = ("position", "recorded", "event", "code", "detail", "sent again at", "settled")
    hand.out.print(plain_table(headings, [list(row.values()) for row in rows], hand.say))
    if total > len(rows):
        hand.tell("{shown} of {total} are listed, those first that wait", shown=len(rows), total=total)
    hand.tell("{count} put aside", count=waiting)
    if waiting:
        hand.tell(
            "Answers of their tenants are incomplete (parked) until each is sent again (zhuisu dead-letters replay, "
            "after an upgrade) or settled with a reason (zhuisu dead-letters settle)"
        )


def dead_letters_replay(
    context: typer.Context,
    position: Annotated[str, typer.Argument(help="Its position in `zhuisu dead-letters list`, e.g. 0-1234.")],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send one to the log again, at a new position: answers about the past do not change.

    Example: zhuisu dead-letters replay 0-1234
    """
    hand = hand_of(context, as_json=as_json)
    at = _position(hand, position)
    complete(hand, _replay(hand, settings_of(hand, data_dir=data_dir), at))


def _position(hand: Hand, text: str) -> Position:
    try:
        [(partition, offset)] = parse_vector(text).items()
    except (InvalidPosition, ValueError):
        hand.fail(USAGE, "{position} is not one position: it looks like 0-1234", position=text)
    return Position(partition, offset)


async def _replay(hand: Hand, settings: Settings, position: Position) -> None:
    async with _parts(settings) as parts:
        try:
            new = await replay(parts.views, parts.log, position, deadline_seconds=settings.append_deadline_seconds)
        except NoSuchDeadLetter as error:
            hand.fail(REFUSED, "{error}", error=error)
    if hand.as_json:
        hand.json({"position": position.token, "replayed_as": new.token})
    else:
        hand.tell("{old} is in the log again at {new}", old=position.token, new=new.token)


def dead_letters_settle(
    context: typer.Context,
    position: Annotated[str, typer.Argument(help="Its position in `zhuisu dead-letters list`, e.g. 0-1234.")],
    *,
    reason: Annotated[str, typer.Option(help="Why nobody waits for it, e.g. that it was sent again under another id.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say that nobody waits for one any more: it stays on the list, and answers are complete again.

    Example: zhuisu dead-letters settle 0-1234 --reason "sent again as pack-77-b"
    """
    hand = hand_of(context, as_json=as_json)
    at = _position(hand, position)
    complete(hand, _settle(hand, settings_of(hand, data_dir=data_dir), at, reason=reason))


async def _settle(hand: Hand, settings: Settings, position: Position, *, reason: str) -> None:
    async with _parts(settings) as parts:
        try:
            await settle(parts.views, position, reason=reason)
        except (NoSuchDeadLetter, ValueError) as error:
            hand.fail(REFUSED, "{error}", error=error)
    if hand.as_json:
        hand.json({"position": position.token, "settled": reason})
    else:
        hand.tell("{position} is settled: {reason}", position=position.token, reason=reason)
