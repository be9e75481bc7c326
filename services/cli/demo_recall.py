"""The recall that the demo goes on to: the bad lot, from an open case to an accounting that closes, and its files."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from domain.clock import SystemClock
from services.cli.demo_posting import DemoFailed
from services.cli.options import Hand
from services.cli.recall_showing import show_accounting, show_case, show_members, show_totals
from services.cli.showing import short
from services.cli.words import word
from services.factory import DemoFacts

REPORTS = (("affected-units", "csv"), ("progress", "xlsx"))
_ASKER, _APPROVER = "Wang Fang (demo)", "Li Na (demo)"
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.1
_ROWS = 12
_ON_THE_SHELF = ("in_stock", "in_transit")


@dataclass(frozen=True, slots=True)
class Desks:
    """Whom the demo asks: the coordinator, the person who approves, the workshop and the dealer that post events."""

    query: httpx.AsyncClient
    coordinator: httpx.AsyncClient
    approver: httpx.AsyncClient
    workshop: httpx.AsyncClient
    dealer: httpx.AsyncClient


@asynccontextmanager
async def desks(query_url: str, cases_url: str, ingest_url: str, *, keys: Mapping[str, str]) -> AsyncIterator[Desks]:
    """Everybody with a key of their own."""
    wanted = (
        (query_url, "coordinator"),
        (cases_url, "coordinator"),
        (cases_url, "approver"),
        (ingest_url, "mes-assembly"),
        (ingest_url, "retail"),
    )
    async with AsyncExitStack() as stack:
        clients = []
        for url, who in wanted:
            headers = {"Authorization": f"Bearer {keys[who]}"}
            client = httpx.AsyncClient(base_url=url, headers=headers, timeout=120, trust_env=False)
            clients.append(await stack.enter_async_context(client))
        yield Desks(*clients)


async def recall_story(desks: Desks, facts: DemoFacts, *, folder: Path, hand: Hand) -> dict[str, Any]:
    """Go through the case; what was done in an earlier demo on the same data is left as it is. Raises DemoFailed.

    Returns what it came to, for `--json`.
    """
    case_id = "DEMO-" + facts.bad_lot.rpartition(":")[2]
    path = f"/v1/recalls/{case_id}"
    there = await desks.query.get(path)
    told: dict[str, Any] = {"recall": case_id}
    if there.status_code == 404:
        await _open(desks.coordinator, case_id, facts)
        preview = _read(await desks.query.get(f"{path}/preview"))
        hand.tell("zhuisu recall preview {case}", case=case_id)
        if not hand.as_json:
            show_totals(hand, preview["totals"])
            show_members(hand, preview["members"], rows=_ROWS)
        told |= await _freeze_and_approve(desks, path, hand=hand)
        told["alerts"] = await _late_and_sold(desks, path, facts=facts, preview=preview, hand=hand)
        await _answers(desks, path, facts=facts, preview=preview)
    elif there.status_code != 200:
        _read(there)
    told["accounting"] = _read(await desks.query.get(f"{path}/accounting"))
    hand.tell("zhuisu recall account {case}", case=case_id)
    if not hand.as_json:
        show_accounting(hand, told["accounting"])
    told["files"] = await _files(desks, path, folder=folder, hand=hand)
    return told


async def _open(coordinator: httpx.AsyncClient, case_id: str, facts: DemoFacts) -> None:
    opened = {
        "id": case_id,
        "mode": "live",
        "title": "Cells of lot " + facts.bad_lot.rpartition(":")[2],
        "hazard": "fire while charging",
        "defect": "separator",
        "regimes": ["recall-cn-consumer"],
        "reason": "a bike failed in the field",
        "actor": _ASKER,
    }
    _read(await coordinator.post("/v1/recalls", json=opened))
    scope = {
        "change": "set",
        "rule": {"lots": [facts.bad_lot]},
        "reason": "the failed bike has cells of this lot",
        "actor": _ASKER,
    }
    _read(await coordinator.post(f"/v1/recalls/{case_id}/scope", json=scope))


async def _freeze_and_approve(desks: Desks, path: str, *, hand: Hand) -> dict[str, Any]:
    """Freeze, have a second person approve, and wait until the holds are placed."""
    said = {"reason": "the scope is agreed", "actor": _ASKER}
    _read(await desks.coordinator.post(f"{path}/freeze", json=said))
    frozen = await _until(lambda: _case(desks.query, path), lambda c: c["freeze"]["state"] != "freezing", "the freeze")
    if frozen["freeze"]["state"] != "frozen":
        raise DemoFailed(f"the freeze failed: {frozen['freeze']}")
    _read(await desks.approver.post(f"{path}/approve", json={"reason": "checked against the 8D", "actor": _APPROVER}))
    held = await _until(lambda: _case(desks.query, path), lambda c: bool(c["freeze"]["holds_placed"]), "the holds")
    if not hand.as_json:
        show_case(hand, held)
    hand.tell("Holds are placed: {feed} tells WMS and marketplaces what must not move", feed="GET /v1/holds")
    return {"freeze": held["freeze"]}


async def _late_and_sold(
    desks: Desks, path: str, *, facts: DemoFacts, preview: Mapping[str, Any], hand: Hand
) -> list[dict[str, Any]]:
    """A workshop tells late of a repair with cells of the lot; a dealer sells a held bike. Both raise an alert."""
    timeline = _read(await desks.query.get("/v1/items/timeline", params={"item": facts.late_bike}))
    tag = facts.bad_lot.rpartition(":")[2]
    late: dict[str, Any] = {"kind": "reworked", "event_id": f"demo-late-repair-{tag}", "item": facts.late_bike}
    late |= {"occurred_at": timeline["events"][-1]["occurred_at"], "reason": "two cells replaced"}
    late |= {"materials": [{"item": facts.bad_lot, "quantity": "2"}]}
    await _post(desks.workshop, late)
    shelf = next(
        (m["item"] for m in preview["members"] if m["top"] and m["kind"] == "unit" and m["status"] in _ON_THE_SHELF),
        None,
    )
    wanted = {facts.late_bike}
    if shelf is not None:
        now = SystemClock().now().isoformat()
        sold: dict[str, Any] = {"kind": "sold", "event_id": f"demo-held-sale-{tag}", "occurred_at": now}
        await _post(desks.dealer, sold | {"items": [{"item": shelf}], "channel": "shop", "holder": "customer-demo"})
        wanted.add(shelf)

    def all_in(answer: Mapping[str, Any]) -> bool:
        return wanted <= {a["item"] for a in answer["alerts"]}

    found = await _until(lambda: _asked(desks.query, f"{path}/alerts"), all_in, "the alerts")
    alerts: list[dict[str, Any]] = [a for a in found["alerts"] if a["item"] in wanted]
    for alert in alerts:
        hand.tell("Alert {alert}: {item}", alert=word(alert["alert"], hand.say), item=short(alert["item"]))
    explained = await _until(
        lambda: _asked(desks.query, f"{path}/explain?item={facts.late_bike}"), lambda told: "path" in told, "the delta"
    )
    hand.tell("{line}", line=explained["text"][hand.say.language])
    return alerts


async def _answers(desks: Desks, path: str, *, facts: DemoFacts, preview: Mapping[str, Any]) -> None:
    """All are told; one bike is repaired, one is cleared, one came back, of one the owner cannot be found."""
    told = {"notifications": [{"to": "all", "how": "registered letter"}], "actor": _ASKER}
    _read(await desks.coordinator.post(f"{path}/notifications", json=told))
    sold = [m["item"] for m in preview["members"] if m["top"] and m["kind"] == "unit" and m["status"] == "sold"]
    rows: list[dict[str, Any]] = [
        {"response": "remedied", "remedy": "repair", "items": [facts.failed_bike]},
        *({"response": "verdict", "verdict": "inspected_clear", "items": [i]} for i in sold[:1]),
        *({"response": "unreachable", "why": "no_notice_received", "items": [i]} for i in sold[1:2]),
        *({"response": "recovered", "items": [i]} for i in sold[2:3]),
    ]
    answer = _read(await desks.coordinator.post(f"{path}/responses", json={"responses": rows, "actor": _ASKER}))
    if answer["rejected"]:
        raise DemoFailed(f"the service refused an answer of the demo: {answer['rejected'][0]}")


async def _files(desks: Desks, path: str, *, folder: Path, hand: Hand) -> list[str]:
    """The reports and the offline pack, written into the folder."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    case_id = path.rpartition("/")[2]
    wanted = [
        (desks.query, f"{path}/reports/{name}?format={form}", f"{case_id}-{name}.{form}") for name, form in REPORTS
    ]
    wanted.append((desks.coordinator, f"{path}/pack", f"{case_id}-pack.zip"))
    files = []
    for client, source, name in wanted:
        answer = await client.get(source)
        if answer.status_code != 200:
            _read(answer)
        target = folder / name
        await asyncio.to_thread(target.write_bytes, answer.content)
        files.append(str(target))
        hand.tell("{target}: {bytes} bytes", target=target, bytes=len(answer.content))
    return files


async def _post(client: httpx.AsyncClient, event: Mapping[str, Any]) -> None:
    answer = _read(await client.post("/v1/events", json=[event]))
    if answer["rejected"]:
        raise DemoFailed(f"the service refused an event of the demo: {answer['outcomes']}")


async def _case(query: httpx.AsyncClient, path: str) -> dict[str, Any]:
    return await _asked(query, path)


async def _asked(query: httpx.AsyncClient, path: str) -> dict[str, Any]:
    return _read(await query.get(path))


async def _until(
    ask: Callable[[], Awaitable[dict[str, Any]]], done: Callable[[dict[str, Any]], bool], what: str
) -> dict[str, Any]:
    """What `ask` answers once it is `done`. Raises DemoFailed when that takes too long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE_SECONDS
    while not done(answer := await ask()):
        if loop.time() > until:
            raise DemoFailed(f"{what} took over {_PATIENCE_SECONDS:g} s: {str(answer)[:500]}")
        await asyncio.sleep(_PAUSE_SECONDS)
    return answer


def _read(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= 400:
        raise DemoFailed(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}")
    body: dict[str, Any] = answer.json()
    return body
