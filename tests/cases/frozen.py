"""Recalls whose set is already frozen: the acts of a freeze, appended to the log as the cases service would."""

from collections.abc import Iterable
from typing import Any, Literal

import httpx

from domain.cases import acts
from domain.envelope import Envelope, partition_key
from domain.events.casework import CaseRecorded
from domain.ids import ItemId
from domain.moments import Moment
from domain.ports import Record
from services.codec import content_hash, encode, event_document
from services.eventlog.postgres import PostgresEventLog
from tests.cases.conftest import People
from tests.http.telling import Example
from tests.waiting import eventually

CHUNK = 2_000


def _kind(short: str) -> Literal["unit", "lot", "class"]:
    return "lot" if short.startswith("lot:") else "class" if short.startswith("class:") else "unit"


class Recall:
    """A recall over HTTP, with short names for items as `tell` makes them."""

    def __init__(self, service: httpx.AsyncClient, people: People, *, url: str, name: str) -> None:
        self.service, self.people, self.url, self.id = service, people, url, f"RC-{name}"
        self.tell = Example(service, name)
        self.position = ""

    async def opened(self, **more: Any) -> None:
        body = {"id": self.id, "title": "Cell lot L-9", "mode": "live", "reason": "fire", **more}
        answer = await self.service.post("/v1/recalls", json=body, headers=self.people.wang)
        assert answer.status_code == 201, answer.text

    async def frozen(
        self,
        *members: str,
        loose: Iterable[str] = (),
        inside: Iterable[str] = (),
        number: int = 1,
        approve: bool = True,
    ) -> None:
        """Freeze these, and approve it: units, `lot:P/L`; `inside` are not counted, `loose` are spares."""
        listed = [
            acts.Member(
                item=ItemId(self.tell.uri(m)),
                kind=_kind(m),
                level=1,
                certainty="certain",
                top=m not in inside and _kind(m) == "unit",
                loose_spare=m in loose,
            )
            for m in members
        ]
        await self.frozen_members(listed, number=number)
        if approve:
            await self.approved(number)

    async def frozen_members(
        self, members: list[acts.Member], *, number: int = 1, rule: dict[str, Any] | None = None
    ) -> None:
        units = [m for m in members if m.kind == "unit"]
        chunks = [tuple(members[i : i + CHUNK]) for i in range(0, len(members), CHUNK)]
        at = Moment.parse("2026-03-02T00:00:00+00:00")
        said = rule or {"items": [str(m.item) for m in members], "follow": "none"}
        requested = acts.FreezeRequested(freeze=number, vector="0-0", as_of=at, rule=said)
        whole = acts.Frozen(
            freeze=number,
            chunks=len(chunks),
            members=len(members),
            units=len(units),
            lots=len(members) - len(units),
            certain=len(members),
            possible=0,
            top_units=sum(m.top and not m.loose_spare for m in members),
            loose_spares=sum(m.loose_spare for m in members),
            sha256="0" * 64,
        )
        listed = [acts.SetFrozen(freeze=number, chunk=n, members=some) for n, some in enumerate(chunks)]
        await self.append([*listed, requested, whole], tag="" if number == 1 else f"{number}.")

    async def append(self, told: list[acts.AnyAct], *, tag: str = "") -> None:
        """Acts of the service's own, as it appends them."""
        log = PostgresEventLog(dsn=self.url)
        await log.start()
        try:
            records = [self._record(act, f"case:{self.id}:{act.act}:{tag}{n}") for n, act in enumerate(told)]
            positions = await log.append(records, deadline_seconds=20)
        finally:
            await log.stop()
        self.position = max(positions, key=lambda p: p.offset).token
        seen = await self.service.get(f"/v1/recalls/{self.id}", params={"wait_for": self.position})
        assert seen.status_code == 200, seen.text

    def _record(self, act: acts.AnyAct, event_id: str) -> Record:
        event = CaseRecorded(
            occurred_at=Moment.parse("2026-03-02T00:00:00+00:00"),
            event_id=event_id,
            case_id=self.id,
            case_type="recall",
            actor="wang",
            key_id=999,
            act=act,
        )
        document = event_document(event)
        envelope = Envelope(
            tenant_id=1,
            event_id=event_id,
            source="cases",
            may_correct=False,
            accepted_at_us=Moment.parse("2026-03-02T00:00:00+00:00").latest_us,
            index=0,
            content_hash=content_hash(event, document=document),
            event=event,
        )
        return Record(partition_key(1, event, event_id), encode(envelope, document=document))

    async def approved(self, number: int = 1) -> None:
        """Approved, and its holds placed: what follows by itself would be lag to who asks meanwhile."""
        answer = await self.post("approve", by=self.people.li, freeze=number)
        assert answer.status_code == 200, answer.text

        async def held() -> bool:
            shown = (await self.service.get(f"/v1/recalls/{self.id}")).json()
            return bool(shown["mode"] != "live" or shown["freeze"]["holds_placed"])

        await eventually(held, within_seconds=90)

    async def post(self, path: str, *, by: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        said = {"reason": "as the test says", **body}
        return await self.service.post(f"/v1/recalls/{self.id}/{path}", json=said, headers=by or self.people.wang)

    async def told(self, path: str, *rows: dict[str, Any], name: str | None = None, **more: Any) -> dict[str, Any]:
        """Rows told and taken, all of them; `item` in short names."""
        listed = [r | {"item": self.tell.uri(r["item"])} if "item" in r else r for r in rows]
        answer = await self.post(path, **{name or path: listed}, **more)
        assert answer.status_code == 200, answer.text
        assert not answer.json()["rejected"], answer.text
        return dict(answer.json())

    async def get(self, path: str, *, by: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
        wait = {"wait_for": self.tell.position} if self.tell.position else {}
        answer = await self.service.get(
            f"/v1/recalls/{self.id}/{path}", params=wait | params, headers=by or self.people.reader
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def accounting(self, **params: Any) -> dict[str, Any]:
        """The accounting, which must close."""
        found = await self.get("accounting", **params)
        for counted in (found, found["loose_spares"]):
            assert sum(counted["buckets"].values()) == counted["population"]
        return found

    async def buckets(self) -> dict[str, int]:
        return {b: n for b, n in (await self.accounting())["buckets"].items() if n}
