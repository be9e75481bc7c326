"""`zhuisu demo`: the whole main job on a demo factory."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress

from services.cli.client import show_trace
from services.embedded.app import Running, run
from services.factory import Posted, about, generate
from services.settings import Settings

BATCH = 1_000
SIZES = {"small": 1_000, "medium": 20_000, "large": 200_000}


async def demo(settings: Settings, *, units: int, seed: int, once: bool, console: Console) -> None:
    """Start the service, post the factory through its API, show both answers, and go on serving unless `once`."""
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    service = asyncio.create_task(run(settings, told=ready.set_result, stop=stop))
    waiting: set[asyncio.Future[Any]] = {service, ready}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if service.done():
        return service.result()
    running = ready.result()
    console.print(f"Zhuisu is up: {running.url}  (API description: {running.url}/docs)", soft_wrap=True)
    headers = {"Authorization": f"Bearer {running.key}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=120) as client:
        position = await _post_all(client, units=units, seed=seed, console=console)
        await _show(client, position, units=units, seed=seed, console=console)
    console.print(f"URL: {running.url}\nKey: {running.key}", soft_wrap=True)
    if once:
        stop.set()
    else:
        console.print("Serving until Ctrl-C.")
    await service
    return None


async def _post_all(client: httpx.AsyncClient, *, units: int, seed: int, console: Console) -> str:
    """Post everything in batches; returns the vector to wait for."""
    last = ""
    posted = list(generate(units, seed)) if units <= SIZES["medium"] else None
    events: Iterator[Posted] = iter(posted) if posted is not None else generate(units, seed)
    with Progress(console=console, transient=not console.is_terminal) as progress:
        task = progress.add_task("Posting the demo factory", total=len(posted) if posted is not None else None)
        batch: list[dict[str, Any]] = []
        for _, event in events:
            batch.append(event)
            if len(batch) == BATCH:
                last = await _post(client, batch)
                progress.advance(task, len(batch))
                batch = []
        if batch:
            last = await _post(client, batch)
            progress.advance(task, len(batch))
    return last


async def _post(client: httpx.AsyncClient, batch: list[dict[str, Any]]) -> str:
    answer = await client.post("/v1/events", json=batch)
    answer.raise_for_status()
    body = answer.json()
    if body["rejected"]:
        first = next(o for o in body["outcomes"] if o["outcome"] == "rejected")
        raise RuntimeError(f"the demo factory posted an event that was rejected: {first}")
    return str(body["position"])


async def _show(client: httpx.AsyncClient, position: str, *, units: int, seed: int, console: Console) -> None:
    facts = about(units, seed)
    console.rule("A bike failed in the field: where did it come from? 逆向溯源")
    await _ask(client, "backward", item=facts.failed_bike, wait_for=position, console=console)
    console.rule("A cell lot is bad: what is affected, where is it now, who has it? 正向追踪")
    await _ask(client, "forward", item=facts.bad_lot, wait_for=position, console=console)


async def _ask(client: httpx.AsyncClient, way: str, *, item: str, wait_for: str, console: Console) -> None:
    """One trace, waiting for the views as long as that takes."""
    while True:
        answer = await client.get(f"/v1/trace/{way}", params={"item": item, "wait_for": wait_for})
        if answer.status_code != 504:
            break
    answer.raise_for_status()
    show_trace(console, answer.json())
