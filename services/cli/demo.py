"""`zhuisu demo`: the whole main job on a demo factory, from an empty folder to its answers."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.cli.demo_posting import DemoFailed, demo_keys, expected_events, post_factory
from services.cli.demo_recall import desks, recall_story
from services.cli.options import Hand
from services.cli.showing import show_trace
from services.embedded.app import Running, run
from services.embedded.processes import several_processes
from services.factory import BOARDS_IN_DOUBT, DemoFacts, about
from services.settings import Settings

SIZES = {"small": 1_000, "medium": 20_000, "large": 200_000, "huge": 2_000_000}
_ROWS = 30
Answer = dict[str, Any]
_WIDTH_CHARS = 120
"""of tables where there is no terminal to ask"""


@dataclass(frozen=True, slots=True)
class _Stack:
    """A service that is up; `over` is done when it has ended, or is asked to."""

    ingest_urls: tuple[str, ...]
    query_url: str
    cases_url: str
    key: str
    over: asyncio.Future[Any]


async def demo(settings: Settings, *, units: int, seed: int, once: bool, hand: Hand, kafka: bool = False) -> None:
    """Start the service, post the factory through its API, show the answers, and go on serving unless `once`.

    With `kafka` as several processes on real Kafka. Raises DemoFailed when the service refuses something.
    """
    async with _processes(settings, hand) if kafka else _in_here(settings) as stack:
        hand.tell("Zhuisu is up: {url}  (API description: {url}/docs)", url=stack.query_url)
        work: asyncio.Future[Any] = asyncio.ensure_future(
            _main_job(stack, units=units, seed=seed, folder=settings.data_dir / "reports", hand=hand)
        )
        await asyncio.wait([work, stack.over], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            await _go_on(stack, once=once, hand=hand)
        else:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
    if stack.over.done() and not stack.over.cancelled():
        stack.over.result()


async def _go_on(stack: _Stack, *, once: bool, hand: Hand) -> None:
    """Say how to reach it, and serve until it is over."""
    hand.tell("URL: {url}", url=stack.query_url)
    for url in stack.ingest_urls:
        if url != stack.query_url:
            hand.tell("Post events to: {url}", url=url)
    hand.tell("Key: {key}", key=stack.key)
    if not once:
        hand.tell("Serving until Ctrl-C.")
        await asyncio.wait([stack.over])


@asynccontextmanager
async def _in_here(settings: Settings) -> AsyncIterator[_Stack]:
    """Everything in this process."""
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    service: asyncio.Future[Any] = asyncio.ensure_future(run(settings, told=ready.set_result, stop=stop))
    try:
        await asyncio.wait([service, ready], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            service.result()
            raise DemoFailed("the service ended before it was up")
        running = ready.result()
        yield _Stack((running.url,), running.url, running.url, running.key, service)
    finally:
        stop.set()
        await service


@asynccontextmanager
async def _processes(settings: Settings, hand: Hand) -> AsyncIterator[_Stack]:
    """Ingest, projector, query and cases as processes of their own, on Kafka."""
    asked_to_stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, asked_to_stop.set)

    def told(line: str) -> None:
        hand.tell("{line}", line=line)

    async with several_processes(settings, told=told) as cluster:
        over = asyncio.ensure_future(_first(asked_to_stop, cluster.failed))
        try:
            yield _Stack(cluster.ingest_urls, cluster.query_url, cluster.cases_url, cluster.key, over)
        finally:
            over.cancel()


async def _first(asked_to_stop: asyncio.Event, failed: asyncio.Future[str]) -> None:
    stopping: asyncio.Future[Any] = asyncio.ensure_future(asked_to_stop.wait())
    try:
        await asyncio.wait([stopping, failed], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if failed.done() and not failed.cancelled():
        raise DemoFailed(failed.result())


async def _main_job(stack: _Stack, *, units: int, seed: int, folder: Path, hand: Hand) -> None:
    facts = about(units, seed)
    keys = await demo_keys(stack.query_url, stack.key)
    headers = {"Authorization": f"Bearer {stack.key}"}
    async with httpx.AsyncClient(base_url=stack.query_url, headers=headers, timeout=120, trust_env=False) as client:
        position = await _post_with_bar(stack, client, keys, units=units, seed=seed, hand=hand)
        back = await _ask(client, "backward", item=facts.failed_bike, position=position)
        forward = await _ask(client, "forward", item=facts.bad_lot, position=position)
        reel = await _ask(client, "forward", item=facts.bad_reel, position=position)
    if not hand.as_json:
        _show(hand, facts, back=back, forward=forward, reel=reel)
    async with desks(stack.query_url, stack.cases_url, stack.ingest_urls[0], keys=keys) as people:
        recall = await recall_story(people, facts, folder=folder, hand=hand)
    if hand.as_json:
        answers = {"backward": back, "forward": forward, "reel": reel, "recall": recall}
        hand.json({"url": stack.query_url, "key": stack.key, **answers})


def _show(hand: Hand, facts: DemoFacts, *, back: Answer, forward: Answer, reel: Answer) -> None:
    if not hand.out.is_terminal:
        hand.out.width = max(hand.out.width, _WIDTH_CHARS)
    hand.out.rule(hand.say("A bike failed in the field: where did it come from?"))
    hand.tell("zhuisu trace back {item}", item=facts.failed_bike)
    show_trace(hand, back, rows=_ROWS)
    hand.out.rule(hand.say("A cell lot is bad: what is affected, where is it now, who has it?"))
    hand.tell("zhuisu trace forward {item}", item=facts.bad_lot)
    show_trace(hand, forward, rows=_ROWS)
    _compare(hand, facts, forward)
    hand.out.rule(hand.say("A reel of transistors is bad, and no board names its reel: which bikes have it?"))
    hand.tell("zhuisu trace forward {item}", item=facts.bad_reel)
    show_trace(hand, reel, rows=_ROWS)
    _explain(hand, facts, reel)
    hand.out.rule(hand.say("The lot is recalled: frozen, approved, held, answered, accounted for"))


def _explain(hand: Hand, facts: DemoFacts, reel: dict[str, Any]) -> None:
    """Why an answer is there that no scan gives, and how it stands to the truth."""
    found = {node["item"]: node["certainty"] for node in reel["nodes"]}
    hand.tell(
        "Why: boards derive from what was mounted on their feeder while they were made; those beside the splice are"
        " possible, since it is known to {doubt} boards only. The factory knows: {truly} bikes have it, {found} of them"
        " are named, {certain} bikes as certain.",
        doubt=BOARDS_IN_DOUBT,
        truly=len(facts.reel_bikes),
        found=len(found.keys() & facts.reel_bikes),
        certain=sum(found.get(bike) == "certain" for bike in facts.reel_bikes),
    )
    hand.tell(
        "What a tester let through that was out of tolerance: {command}", command=_TESTER.format(facts.bad_tester)
    )


_TESTER = "zhuisu exposure --instrument {} --since-last-good"


async def _post_with_bar(
    stack: _Stack, client: httpx.AsyncClient, keys: dict[str, str], *, units: int, seed: int, hand: Hand
) -> str:
    """Post everything, then wait until the views have it; a bar for each. Returns the position to ask at."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=hand.err, disable=hand.as_json) as bars:
        posting = bars.add_task(hand.say("Posting the demo factory"), total=expected_events(units, seed))
        posted = await post_factory(
            stack.ingest_urls, keys, units=units, seed=seed, told=lambda count: bars.advance(posting, count)
        )
        count = posted.accepted + posted.duplicate
        bars.update(posting, total=count, completed=count)
        showing = bars.add_task(hand.say("Building the views"), total=count)
        while (behind := await _behind(client)) > 0:
            bars.update(showing, completed=max(0, count - behind))
            await asyncio.sleep(0.1)
        bars.update(showing, completed=count)
    accepted, duplicate = f"{posted.accepted:,}", f"{posted.duplicate:,}"
    hand.tell("{accepted} events accepted, {duplicate} duplicates", accepted=accepted, duplicate=duplicate)
    return posted.position


async def _behind(client: httpx.AsyncClient) -> int:
    """How many events the views are behind; 1 while nobody can tell."""
    answer = await client.get("/readyz")
    lag = answer.json().get("lag") or {}
    events = lag.get("events")
    return 1 if events is None else int(events)


async def _ask(client: httpx.AsyncClient, way: str, *, item: str, position: str) -> dict[str, Any]:
    """One trace that has seen all that was posted, however long the views take."""
    while True:
        answer = await client.get(f"/v1/trace/{way}", params={"item": item, "wait_for": position})
        if answer.status_code != 504:
            break
    if answer.status_code != 200:
        raise DemoFailed(f"GET /v1/trace/{way}: {answer.status_code} {answer.text[:500]}")
    body: dict[str, Any] = answer.json()
    return body


def _compare(hand: Hand, facts: DemoFacts, forward: dict[str, Any]) -> None:
    """The factory knows the truth: say how the answer stands to it."""
    found = {node["item"] for node in forward["nodes"]}
    hand.tell(
        "The factory knows: {truly} bikes have cells of this lot; the answer has {found} of them,"
        " and {more} that the record cannot rule out.",
        truly=facts.bike_count,
        found=len(found & facts.bikes),
        more=len((facts.certain | facts.possible) - facts.bikes),
    )
