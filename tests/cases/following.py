"""Recalls that are scoped, frozen and approved over HTTP, and followed while the record goes on."""

from typing import Any

import httpx

from tests.cases.conftest import People
from tests.http.telling import Example
from tests.waiting import eventually


class Live:
    """A recall over HTTP; short names for items as `tests.http.telling` makes them."""

    def __init__(self, service: httpx.AsyncClient, people: People, *, name: str) -> None:
        self.service, self.people, self.id = service, people, f"RD-{name}"
        self.tell = Example(service, name)

    async def begun(self, *lots: str, rule: dict[str, Any] | None = None, mode: str = "live") -> None:
        """Opened, scoped to these lots (or the rule), frozen, approved, and its delta known."""
        body = {"id": self.id, "title": "Cell lot L-9", "mode": mode, "hazard": "fire"}
        opened = await self.service.post("/v1/recalls", json=body, headers=self.people.wang)
        assert opened.status_code == 201, opened.text
        await self.scoped(*lots, rule=rule)
        await self.freeze()

    async def scoped(self, *lots: str, rule: dict[str, Any] | None = None, change: str = "set") -> None:
        await self.post("scope", change=change, rule=rule or {"items": [self.tell.uri(lot) for lot in lots]})

    async def freeze(self, number: int = 1) -> None:
        await self.post("freeze", **({"position": self.tell.position} if self.tell.position else {}))
        await self.until(lambda shown: shown["freeze"]["number"] == number and shown["freeze"]["state"] == "frozen")
        await self.post("approve", by=self.people.li)
        await self.until(lambda shown: shown["evaluated_to"] is not None)

    async def post(self, path: str, *, by: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
        said = {"reason": "as the test says", **body}
        answer = await self.service.post(f"/v1/recalls/{self.id}/{path}", json=said, headers=by or self.people.wang)
        assert answer.status_code in (200, 202), answer.text
        return dict(answer.json())

    async def get(self, path: str = "", **params: Any) -> dict[str, Any]:
        url = f"/v1/recalls/{self.id}" + (f"/{path}" if path else "")
        answer = await self.service.get(url, params=params, headers=self.people.reader)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def until(self, there: Any, path: str = "", **params: Any) -> dict[str, Any]:
        """Until an answer is as `there` wants it."""

        async def probe() -> dict[str, Any] | None:
            found = await self.get(path, **params)
            return found if there(found) else None

        try:
            return await eventually(probe, within_seconds=20) or {}
        except AssertionError as error:
            raise AssertionError(await self.get(path, **params), await self.get()) from error

    async def alerts(self) -> set[tuple[str, str]]:
        """(alert, short name) of all that were raised."""
        return {(a["alert"], self.short(a["item"])) for a in (await self.get("alerts"))["alerts"]}

    async def until_alerts(self, *wanted: tuple[str, str]) -> None:
        await self.until(
            lambda found: {(a["alert"], self.short(a["item"])) for a in found["alerts"]} == set(wanted), "alerts"
        )

    def short(self, uri: str) -> str:
        if ":box:" in uri:
            return f"box:{uri.rpartition(':')[2]}"
        kind, product, number = uri.split(":")[2], *uri.split(":")[-2:]
        product = product.removeprefix(f"{self.tell.name}-")
        return f"{'' if kind == 'unit' else kind + ':'}{product}/{number}"
