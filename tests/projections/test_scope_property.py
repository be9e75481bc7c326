"""For any history: an answer to a key limited to sites holds nothing of other places, and all of its own."""

import dataclasses
import re
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.corrections import Copy
from domain.envelope import Envelope
from domain.facts import EventFacts
from domain.flatten import facts_of
from domain.ids import ItemId, PartyId, PlaceId
from domain.memory import MemoryRecord
from services.access import Keys
from services.database import api_pool, owner_pool
from services.problems import install
from services.query import scope
from services.query.app import create_router
from services.query.graph.keeper import Graphs
from services.settings import load_settings
from tests.domain.histories import BOXES, LOTS, UNITS, histories
from tests.domain.telling import History, at, item, q
from tests.projections.test_record_over_sql import Views, apply, partitioned, views

__all__ = ["views"]

OWN, THEIRS, OTHERS = "site-own", "site-theirs", "site-others"
PLACES = st.sampled_from([None, OWN, OWN, THEIRS, OTHERS])
EVERYTHING = [str(item(n)) for n in UNITS + LOTS + BOXES]


@dataclasses.dataclass
class Asking:
    """The query service over the views, and how to become somebody in a fresh tenant."""

    client: httpx.AsyncClient
    keys: Keys
    views: Views
    owner: Any

    async def callers(self) -> tuple[int, dict[str, str], dict[str, str]]:
        """A new tenant; headers of who sees all of it, and of who sees the site OWN."""
        name = f"scope-{await self.views.fresh_tenant()}"
        tenant = await self.owner.fetchval(
            "INSERT INTO tenants (name, own_party) VALUES ($1, 'urn:x') RETURNING tenant_id", name
        )
        roles = frozenset({"read"})
        full = await self.keys.create(tenant, "all", roles=roles)
        own = await self.keys.create(tenant, "own", roles=roles, sites=frozenset({OWN}))
        return tenant, {"X-API-Key": full.value}, {"X-API-Key": own.value}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def asking(views: Views) -> AsyncIterator[Asking]:
    url = views.url
    owner, api = await owner_pool(url), await api_pool(url)
    keys = Keys(api)
    app = FastAPI()
    install(app)
    config = load_settings(database_url=url, trace_graph="off")
    app.include_router(create_router(pool=api, keys=keys, settings=config, graphs=Graphs(api, config)))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scope") as client:
        yield Asking(client, keys, views, owner)
    await owner.close()
    await api.close()


@st.composite
def placed(draw: st.DrawFn) -> History:
    """A history whose events happen at several sites; sales tell a holder of that site."""
    h = draw(histories)
    for name in draw(st.lists(st.sampled_from(UNITS + LOTS), max_size=2)):
        h.tell(ev.Sold(occurred_at=at(draw(st.integers(1, 9))), items=(q(name),)))
    h.log = [(copy, _placed(envelope, draw(PLACES), draw(PLACES))) for copy, envelope in h.log]
    return h


def _placed(envelope: Envelope, site: str | None, to: str | None) -> Envelope:
    event: Any = dataclasses.replace(envelope.event, site=PlaceId(site) if site else envelope.event.site)
    if isinstance(event, ev.Shipped) and to is not None:
        event = dataclasses.replace(event, to_place=PlaceId(to))
    if isinstance(event, ev.Sold):
        event = dataclasses.replace(event, holder=PartyId(f"holder-{site}"))
    event_id = f"{'mine' if _is_own(event) else 'alien'}-{envelope.event_id}"
    return dataclasses.replace(envelope, event=event, event_id=event_id)


def _is_own(event: Any) -> bool:
    return OWN in (event.site, getattr(event, "to_place", None))


def renamed(log: list[tuple[Copy, Envelope]]) -> list[tuple[Copy, Envelope]]:
    """Voids name their targets by the ids these have now."""
    ids = {e.event_id.split("-", 1)[1]: e.event_id for _, e in log}
    found = []
    for copy, envelope in log:
        event: Any = envelope.event
        if isinstance(event, ev.Voided):
            event = dataclasses.replace(event, target=ids.get(event.target, event.target))
        found.append((copy, dataclasses.replace(envelope, event=event)))
    return found


def named_by(facts: EventFacts) -> set[str]:
    named = {m.item for m in facts.mentions} | {i for pair in facts.identities for i in pair}
    named |= {i for m in facts.memberships for i in (m.lot, m.unit)} | {m for _, m in facts.materials}
    named |= {i for r in facts.ranges for i in r.serials.items()} | {r.lot for r in facts.ranges if r.lot is not None}
    return {str(i) for i in named}


def words(text: str, secrets: set[str]) -> set[str]:
    """Those of the secrets that stand in the text as words of their own."""
    return {s for s in secrets if s in text and re.search(rf"(?<![\w:-]){re.escape(s)}(?![\w:-])", text)}


@given(h=placed(), cuts=st.lists(st.booleans(), min_size=1, max_size=3), data=st.data())
@pytest.mark.timeout(600)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_limited_key_learns_its_own_and_nothing_else(
    asking: Asking, h: History, *, cuts: list[bool], data: st.DataObject
) -> None:
    tenant, full, limited = await asking.callers()
    log = renamed(partitioned(h, cuts, tenant))
    await apply(asking.views, log, 3)
    counting = MemoryRecord(log).as_of(None).happened.values()
    own = {i for e in counting if OWN in (e.facts.site, e.facts.to_place) for i in named_by(e.facts)}
    events = [facts_of(e) for _, e in log]
    told = {i for f in events if OWN in (f.site, f.to_place) for i in named_by(f)}
    secrets = {str(i) for i in EVERYTHING if i not in told} | {f.event_id for f in events} | {THEIRS, OTHERS}
    secrets = {s for s in secrets if not s.startswith("mine-")}
    mine = [f for f in events if OWN in (f.site, f.to_place)]
    secrets |= {f"holder-{s}" for s in (None, THEIRS, OTHERS)}
    secrets -= {s for f in mine for s in (f.site, f.to_place, f.holder) if s is not None}
    asked = data.draw(st.sampled_from(EVERYTHING))
    mode = data.draw(st.sampled_from(["ever", "as_built", "as_maintained"]))
    follow: dict[str, str] = data.draw(st.sampled_from([{}, {"follow": "all"}]))
    at_once = data.draw(st.sampled_from([2, 2_000]))
    for path in ("trace/forward", "trace/backward", "items/state", "items/contents", "items/timeline"):
        params = {"item": asked} | ({"mode": mode, **follow} if path.startswith("trace") else {})
        with patch.object(scope, "AT_ONCE", at_once):
            answer = await asking.client.get(f"/v1/{path}", params=params, headers=limited)
        assert answer.status_code == (200 if asked in own else 404), answer.text
        assert words(answer.text, secrets - {asked}) == set()
        if asked in own and path.startswith("trace"):
            everything = (await asking.client.get(f"/v1/{path}", params=params, headers=full)).json()
            compare(everything, answer.json(), own)
    for f in events:
        answer = await asking.client.get(f"/v1/events/{f.event_id}", headers=limited)
        assert answer.status_code == (200 if OWN in (f.site, f.to_place) else 404)


def compare(full: dict[str, Any], limited: dict[str, Any], own: set[str]) -> None:
    """The same nodes on the same paths, those of others without a name."""

    def sure(node: dict[str, Any]) -> tuple[Any, ...]:
        return node["level"], node["kind"], node["certainty"], tuple(node["reasons"]), node["from_count"]

    theirs = {n["item"]: sure(n) for n in limited["nodes"] if not n.get("hidden")}
    assert theirs == {n["item"]: sure(n) for n in full["nodes"] if n["item"] in own}
    hidden = [sure(n) for n in limited["nodes"] if n.get("hidden")]
    assert sorted(hidden) == sorted(sure(n) for n in full["nodes"] if n["item"] not in own)
    for total in ("items", "units", "lots", "top_units", "certain", "possible"):
        assert limited["totals"][total] == full["totals"][total], total
    shown = {n["item"] for n in limited["nodes"]} | set(limited["items"])
    assert all(set(n["from"]) <= shown for n in limited["nodes"])
    assert "scope" in limited["incomplete_because"]


def test_words_are_found_whole() -> None:
    assert words('{"x": "site-theirs"}', {"site-theirs", "site", "theirs"}) == {"site-theirs"}
    assert words('["urn:zhuisu:unit:own:U:1"]', {"urn:zhuisu:unit:own:U:1", "urn:zhuisu:unit:own:U:11"}) == {
        "urn:zhuisu:unit:own:U:1"
    }
    assert words("a of urn:x:1, b", {str(ItemId("urn:x:1"))}) == {"urn:x:1"}
