"""Webhooks from the event to the receiver: over HTTP, on PostgreSQL, to a real receiver on loopback."""

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.database import projector_pool
from services.embedded.roles import ALL_ROLES
from services.eventlog.postgres import PostgresEventLog
from services.projector.rebuild import rebuild
from tests.contacts.conftest import MakeKey
from tests.http.serving import serving
from tests.waiting import eventually
from tests.webhooks.conftest import LOOPBACK, Telling
from tests.webhooks.receiver import Receiver, receiving, status

numbers = itertools.count(1)


async def made(service: httpx.AsyncClient, url: str, **more: Any) -> dict[str, Any]:
    answer = await service.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def removed(service: httpx.AsyncClient) -> None:
    for hook in (await service.get("/v1/webhooks")).json()["webhooks"]:
        await service.delete(f"/v1/webhooks/{hook['webhook_id']}")


async def shown(service: httpx.AsyncClient, webhook_id: str) -> dict[str, Any]:
    hooks = (await service.get("/v1/webhooks")).json()["webhooks"]
    return next(h for h in hooks if h["webhook_id"] == webhook_id)  # type: ignore[no-any-return]


async def post(service: httpx.AsyncClient, event: dict[str, Any]) -> str:
    """Post and wait until the views have it; its position."""
    answer = await service.post("/v1/events", json=event)
    assert answer.status_code == 202, answer.text
    position: str = answer.json()["position"]
    asked = await service.get("/v1/items/state", params={"item": uri("none"), "wait_for": position})
    assert asked.status_code in (200, 404)
    return position


def uri(serial: str) -> str:
    return f"urn:zhuisu:unit:own:B:{serial}"


def held(*serials: str, hold: str | None = None, released: bool = False) -> dict[str, Any]:
    return {
        "kind": "hold_released" if released else "held",
        "event_id": f"urn:test:hold:{next(numbers)}",
        "occurred_at": "2026-03-01T08:00:00Z",
        "hold_id": hold or f"H-{next(numbers)}",
        "reason": "weld",
        "items": [{"item": {"product": "B", "serial": s}} for s in serials],
    }


@pytest.fixture(autouse=True)
async def _no_webhooks_of_other_tests(service: httpx.AsyncClient) -> Any:
    yield
    await removed(service)


async def test_a_hold_is_told_signed_to_who_asked(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    hook = await made(service, receiver.url)
    event = held("1", "2")
    await post(service, event)
    assert await telling.round() == 1
    [call] = receiver.calls
    assert call.document["type"] == "hold.placed"
    told = call.document["data"]
    assert (told["hold_id"], told["event_id"], told["reason"]) == (event["hold_id"], event["event_id"], "weld")
    assert told["items"] == [uri("1"), uri("2")]
    assert call.headers["webhook-id"].startswith("msg_")
    assert hook["secret"].startswith("whsec_")
    now = call.headers | {"webhook-timestamp": call.headers["webhook-timestamp"]}
    assert Webhook(hook["secret"]).verify(call.body, now) == call.document
    with pytest.raises(WebhookVerificationError):
        Webhook(hook["secret"]).verify(call.body.replace(b"weld", b"ok!!"), now)
    assert await telling.round(hours=1) == 0
    assert "secret" not in await shown(service, hook["webhook_id"])


async def test_a_release_and_a_voided_hold_are_told(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    await made(service, receiver.url)
    placed = held("3", hold="H-x")
    await post(service, placed)
    await post(service, held("3", hold="H-x", released=True))
    void = {"kind": "voided", "occurred_at": "2026-03-01T09:00:00Z", "target": placed["event_id"], "reason": "typo"}
    await post(service, void)
    while await telling.round():
        pass
    assert sorted(c.document["type"] for c in receiver.calls) == ["hold.corrected", "hold.placed", "hold.released"]
    [corrected] = receiver.of("hold.corrected")
    assert corrected.document["data"]["corrects"] == placed["event_id"]
    assert corrected.document["data"]["items"] == [uri("3")]


async def test_many_items_come_in_parts(service: httpx.AsyncClient, receiver: Receiver, telling: Telling) -> None:
    await made(service, receiver.url)
    await post(service, held(*(f"many-{n:04}" for n in range(1_201))))
    assert await telling.round() == 3
    parts = sorted((c.document["data"] for c in receiver.calls), key=lambda d: d["part"])
    assert [(p["part"], p["parts"], len(p["items"]), p["items_count"]) for p in parts] == [
        (1, 3, 500, 1_201),
        (2, 3, 500, 1_201),
        (3, 3, 201, 1_201),
    ]
    assert len({i for p in parts for i in p["items"]}) == 1_201


async def test_what_fails_is_repeated_with_patience_then_given_up_and_can_be_replayed(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    hook = await made(service, receiver.url)
    receiver.answer = status(500)
    position = await post(service, held("4"))
    assert await telling.round() == 1
    assert await telling.round(seconds=4) == 0  # 10 s, more or less a half
    assert await telling.round(seconds=12) == 1
    assert await telling.round(seconds=31) == 1
    assert (await shown(service, hook["webhook_id"]))["dead"] == 0
    assert await telling.round(seconds=61) == 1
    assert await telling.round(hours=1) == 0
    ids = {c.headers["webhook-id"] for c in receiver.calls}
    assert (len(receiver.calls), len(ids), len({c.body for c in receiver.calls})) == (4, 1, 1)
    path = f"/v1/webhooks/{hook['webhook_id']}"
    [dead] = (await service.get(f"{path}/deliveries", params={"state": "dead"})).json()["deliveries"]
    assert (dead["attempts"], dead["last_status"], dead["message_id"]) == (4, 500, next(iter(ids)))

    receiver.answer = status(200)
    partition, _, offset = position.partition("-")
    since = f"{partition}-{int(offset) - 1}"
    assert (await service.post(f"{path}/replay", params={"since": since})).status_code == 202
    assert await telling.round() == 1
    assert receiver.calls[-1].headers["webhook-id"] in ids
    hooks = await shown(service, hook["webhook_id"])
    assert (hooks["dead"], hooks["pending"], hooks["failing_since"]) == (0, 0, None)


async def test_a_replay_since_a_time_tells_what_was_before_the_webhook(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    await post(service, held("5", hold="H-before"))
    hook = await made(service, receiver.url)
    assert await telling.round() == 0
    path = f"/v1/webhooks/{hook['webhook_id']}/replay"
    assert (await service.post(path, params={"since": "2020-01-01T00:00:00Z"})).status_code == 202
    while await telling.round():
        pass
    assert "H-before" in {c.document["data"]["hold_id"] for c in receiver.calls}


async def test_a_receiver_that_asks_for_time_gets_it(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    await made(service, receiver.url)
    receiver.answer = status(429, "Retry-After: 90")
    await post(service, held("6"))
    assert await telling.round() == 1
    assert await telling.round(seconds=80) == 0
    assert await telling.round(seconds=11) == 1


async def test_who_fails_for_long_is_disabled_and_others_are_told(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    hook = await made(service, receiver.url, event_types=["hold.placed"])
    async with receiving() as other:
        await made(service, other.url, event_types=["webhook.disabled"])
        receiver.answer = status(503)
        await post(service, held("7"))
        await telling.round()
        await post(service, held("8"))
        await telling.round(seconds=3_700)
        now = await shown(service, hook["webhook_id"])
        assert now["disabled_at"] is not None
        assert "503" in now["disabled_because"]
        await telling.round()
        [alert] = other.calls
        assert alert.document["type"] == "webhook.disabled"
        assert alert.document["data"]["webhook_id"] == hook["webhook_id"]
    calls = len(receiver.calls)
    await post(service, held("9"))
    assert await telling.round(hours=2) == 0
    receiver.answer = status(204)
    assert (await service.post(f"/v1/webhooks/{hook['webhook_id']}/enable")).json()["disabled_at"] is None
    while await telling.round(hours=1):
        pass
    told = {i for c in receiver.calls[calls:] for i in c.document["data"]["items"]}
    assert {uri("7"), uri("8"), uri("9")} <= told  # nothing of what waited was lost


async def test_a_receiver_that_is_gone_is_never_called_again(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    hook = await made(service, receiver.url)
    receiver.answer = status(410)
    await post(service, held("10"))
    await telling.round()
    assert "410" in (await shown(service, hook["webhook_id"]))["disabled_because"]


async def test_a_receiver_that_never_answers_keeps_only_itself_waiting(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    receiver.answer = lambda call: None
    await made(service, receiver.url)
    async with receiving() as other:
        await made(service, other.url)
        await post(service, held("11"))
        rounding = asyncio.create_task(telling.round())
        await eventually(lambda: _length(other.calls), within_seconds=0.9)
        assert not rounding.done()
        assert await rounding == 2


async def _length(calls: list[Any]) -> int:
    return len(calls)


async def test_two_processes_call_once(service: httpx.AsyncClient, receiver: Receiver, telling: Telling) -> None:
    await made(service, receiver.url)
    for n in range(8):
        await post(service, held(f"twice-{n}"))
    receiver.answer = status(500)
    while await telling.round():  # all of them wait now, and are due at once
        pass
    receiver.answer, receiver.calls[:] = status(204), []
    telling.clock.advance(hours=1)
    calls = await asyncio.gather(*(telling.dispatcher.round() for _ in range(6)))
    while more := await telling.round():
        calls.append(more)
    assert sum(calls) == 8 == len({c.headers["webhook-id"] for c in receiver.calls}) == len(receiver.calls)


async def test_a_clock_that_is_put_back_delays_no_call(
    service: httpx.AsyncClient, receiver: Receiver, telling: Telling
) -> None:
    """A call that was to be repeated in a moment would wait for a year."""
    await made(service, receiver.url)
    await post(service, held("year"))
    receiver.answer = status(500)
    assert await telling.round() == 1
    receiver.answer = status(204)
    assert await telling.round(seconds=1) == 0
    assert await telling.round(days=-365) == 1
    assert await telling.round(days=365) == 0


async def test_a_rebuild_tells_nothing_again(
    service: httpx.AsyncClient, service_url: str, receiver: Receiver, *, telling: Telling
) -> None:
    await made(service, receiver.url)
    await post(service, held("12"))
    assert await telling.round() == 1
    log, views = PostgresEventLog(dsn=service_url, partitions=1), await projector_pool(service_url)
    await log.start()
    await asyncio.wait_for(rebuild(service_url, log=log, views=views), 60)
    await log.stop()
    await views.close()
    assert await telling.round(hours=1) == 0
    await post(service, held("13"))
    assert await telling.round() == 1
    assert receiver.calls[-1].document["data"]["items"] == [uri("13")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://10.0.0.1/"}, "webhook-url-refused"),
        ({"url": "https://169.254.169.254/latest"}, "webhook-url-refused"),
        ({"url": "https://nobody.invalid/"}, "webhook-url-refused"),
        ({"url": "http://127.0.0.1/", "event_types": ["hold.forgotten"]}, "unknown-event-type"),
        ({"url": "http://127.0.0.1/", "event_types": []}, "invalid-parameter"),
        ({"url": "http://127.0.0.1/", "secret": "mine"}, "invalid-parameter"),
    ],
)
async def test_what_cannot_be_a_webhook_is_refused(service: httpx.AsyncClient, body: dict[str, Any], code: str) -> None:
    answer = await service.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{code}"), answer.text


@pytest.mark.parametrize("role", ["read", "capture", "correct"])
async def test_other_roles_see_no_webhook(service: httpx.AsyncClient, key_with: MakeKey, role: str) -> None:
    headers = await key_with(role)
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/wh_1"), ("POST", "/wh_1/replay?since=0-1")):
        answer = await service.request(method, f"/v1/webhooks{path}", headers=headers, json={"url": "https://a.b"})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")


async def test_other_tenants_and_keys_limited_to_sites_have_no_part_in_it(
    service: httpx.AsyncClient,
    key_with: MakeKey,
    other_tenant: dict[str, str],
    *,
    receiver: Receiver,
    telling: Telling,
) -> None:
    hook = await made(service, receiver.url)
    path = f"/v1/webhooks/{hook['webhook_id']}"
    assert (await service.get("/v1/webhooks", headers=other_tenant)).json() == {"webhooks": []}
    for method, rest in (("DELETE", ""), ("POST", "/enable"), ("GET", "/deliveries"), ("POST", "/replay?since=0-1")):
        answer = await service.request(method, path + rest, headers=other_tenant)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-webhook")
    limited = await key_with("recall", sites=["SHOP"])
    assert (await service.get("/v1/webhooks", headers=limited)).json()["type"] == "/problems/site-scope"
    posted = await service.post("/v1/events", json=held("theirs"), headers=other_tenant)
    await service.get("/v1/items/state", params={"item": uri("x"), "wait_for": posted.json()["position"]})
    assert await telling.round() == 0


async def test_the_running_service_calls_by_itself_within_seconds(fresh_database_url: str, receiver: Receiver) -> None:
    async with serving(fresh_database_url, roles=ALL_ROLES, webhook_networks=LOOPBACK) as client:
        await made(client, receiver.url)
        await client.post("/v1/events", json=held("14"))
        await eventually(lambda: _length(receiver.calls), within_seconds=10)
