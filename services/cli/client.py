"""Asking a running service over HTTP, and showing what it answers."""

import os
from typing import Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

UNAVAILABLE = 3
REFUSED = 1


def connect(url: str | None, key: str | None) -> httpx.Client:
    """A client of the service named by --url/--key or ZHUISU_URL/ZHUISU_KEY."""
    base = url or os.environ.get("ZHUISU_URL") or "http://127.0.0.1:8080"
    secret = key or os.environ.get("ZHUISU_KEY") or os.environ.get("ZHUISU_BOOTSTRAP_KEY") or ""
    return httpx.Client(base_url=base, headers={"Authorization": f"Bearer {secret}"}, timeout=120)


def call(client: httpx.Client, method: str, path: str, **more: Any) -> dict[str, Any]:
    """One request; a problem is shown with its field and fix, and ends the command."""
    try:
        answer = client.request(method, path, **more)
    except httpx.TransportError as error:
        Console(stderr=True).print(f"[red]{client.base_url} does not answer: {error}[/red]")
        raise typer.Exit(UNAVAILABLE) from error
    if answer.status_code >= 400:
        Console(stderr=True).print(f"[red]{answer.status_code}[/red] {answer.text}", soft_wrap=True)
        raise typer.Exit(UNAVAILABLE if answer.status_code >= 500 else REFUSED)
    body: dict[str, Any] = answer.json()
    return body


def show_trace(console: Console, answer: dict[str, Any], *, rows: int = 40) -> None:
    """An answer as a table: what, how sure and why, where, who has it."""
    table = Table(title=f"{answer['question']}: {', '.join(answer['items'])}")
    for column in ("item 追溯单元", "kind", "how sure 确定性", "where 位置", "who 持有者", "status 状态"):
        table.add_column(column, overflow="fold")
    inside = ("installed", "consumed")  # what is in something else comes after what holds it
    for node in sorted(answer["nodes"], key=lambda n: (n["status"] in inside, n["level"], n["item"]))[:rows]:
        sure = node["certainty"] if not node["reasons"] else f"possible ({', '.join(node['reasons'])})"
        where = node["site"] or node["container"] or ("several" if len(node["where"]) > 1 else "–")
        item = node["item"].replace("urn:zhuisu:", "").replace("https://id.gs1.org", "")
        held = " ON HOLD" if node["on_hold"] else ""
        status = f"{node['status'] or '–'}{held}"
        table.add_row(item, node["kind"], sure, where, node["holder"] or "–", status)
    console.print(table)
    if len(answer["nodes"]) > rows:
        console.print(f"… and {len(answer['nodes']) - rows} more (--json shows all)")
    t = answer["totals"]
    console.print(
        f"{t['items']} items, {t['units']} units, {t['lots']} lots, {t['top_units']} top units;"
        f" {t['certain']} certain, {t['possible']} possible. By status: {t['by_status']}"
    )
    for gap in answer["gaps"][:5]:
        console.print(f"gap {gap['code']}: {gap['detail']} ({len(gap['items'])} items)", soft_wrap=True)
    for conflict in answer["conflicts"][:5]:
        console.print(f"conflict {conflict['code']}: {conflict['detail']}", soft_wrap=True)
    freshness = "complete" if answer["complete"] else f"incomplete: {', '.join(answer['incomplete_because'])}"
    console.print(f"{freshness}, as of {answer['as_of']['position']}")
