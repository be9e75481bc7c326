"""A short way to tell an example over HTTP: each has items of its own, so that one service serves them all."""

from typing import Any

import httpx

CERTAIN = "certain"
DAY = "2026-03-01"


class Example:
    """One example: short names become items of its own, events are posted, answers come back in short names.

    `U` or `C/7` is a unit, `lot:P/L` a lot, `class:P` a class, `box:1` a container.
    """

    def __init__(self, service: httpx.AsyncClient, name: str) -> None:
        self.service, self.name = service, name
        self.position = ""

    def uri(self, short: str) -> str:
        kind, _, rest = short.rpartition(":")
        if kind == "box":
            return f"urn:factory:{self.name}:box:{rest}"
        if kind == "class":
            return f"urn:zhuisu:class:own:{self.name}-{rest}"
        product, _, number = rest.partition("/")
        return f"urn:zhuisu:{kind or 'unit'}:own:{self.name}-{product}:{number or 1}"

    def line(self, short: str, quantity: object = None, **more: Any) -> dict[str, Any]:
        amount = {} if quantity is None else {"quantity": quantity}
        return {"item": self.uri(short), **amount, **more}

    def lines(self, *shorts: str) -> list[dict[str, Any]]:
        return [self.line(s) for s in shorts]

    async def post(self, kind: str, hour: float | str, **body: Any) -> str:
        """Post an event at an hour of the day, or at a time as it is; returns its id."""
        at = hour if isinstance(hour, str) else f"{DAY}T{int(hour):02d}:00:00+08:00"
        answer = await self.service.post("/v1/events", json={"kind": kind, "occurred_at": at, **body})
        assert answer.status_code == 202, answer.text
        told = answer.json()
        self.position = told["position"]
        return str(told["outcomes"][0]["event_id"])

    async def made(self, hour: float, of: list[str], outputs: list[str], **more: Any) -> str:
        return await self.post("transformed", hour, inputs=self.lines(*of), outputs=self.lines(*outputs), **more)

    async def fit(self, hour: float, part: str, whole: str) -> None:
        await self.post("assembled", hour, parent=self.uri(whole), components=self.lines(part))

    async def remove(self, hour: float, part: str, whole: str) -> None:
        await self.post("disassembled", hour, parent=self.uri(whole), components=self.lines(part))

    async def pack(self, hour: float, box: str, *contents: dict[str, Any], **more: Any) -> None:
        await self.post("packed", hour, container=self.uri(box), contents=list(contents), **more)

    async def ask(self, path: str, short: str, **params: Any) -> dict[str, Any]:
        asked = {"item": self.uri(short), "wait_for": self.position, **params}
        answer = await self.service.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def trace(self, short: str, way: str = "forward", **params: Any) -> dict[str, str]:
        """node -> `certain`, or its reasons."""
        found = await self.ask(f"/v1/trace/{way}", short, **params)
        assert found["complete"], found["incomplete_because"]
        return {
            n["item"]: n["certainty"] if n["certainty"] == CERTAIN else ",".join(n["reasons"]) for n in found["nodes"]
        }

    async def state(self, short: str, **params: Any) -> dict[str, Any]:
        return await self.ask("/v1/items/state", short, **params)

    def expect(self, **nodes: str) -> dict[str, str]:
        return self.named(nodes)

    def named(self, nodes: dict[str, str]) -> dict[str, str]:
        return {self.uri(short): sure for short, sure in nodes.items()}


def hour(number: int) -> str:
    return f"{DAY}T{number:02d}:00:00+08:00"
