"""What capture, projector and questions show of their work: /metrics, and log lines without bodies or secrets."""

import io
import json
import sys
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services import logs
from services.settings import load_settings
from tests.http.serving import KEY, serving


async def numbers(service: httpx.AsyncClient) -> dict[str, float]:
    """Each sample as `name{label=value,…}`."""
    answer = await service.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def stored(name: str, **more: Any) -> dict[str, Any]:
    items = [{"item": {"product": "SEEN", "serial": name}}]
    return {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "items": items, "event_id": name, **more}


async def test_everything_is_counted(service: httpx.AsyncClient) -> None:
    before = await numbers(service)
    await service.post("/v1/events", json=[stored("s1"), stored("s2"), {}, {"kind": "stored"}])
    position = (await service.post("/v1/events", json=stored("s1"))).json()["position"]
    late = stored("s3", occurred_at="2999-01-01T00:00:00Z")
    await service.post("/v1/events", json=late)
    item = {"item": "urn:zhuisu:unit:own:SEEN:s1"}
    assert (await service.get("/v1/items/state", params={**item, "wait_for": position})).status_code == 200
    for way in ("forward", "forward", "sideways"):
        await service.get(f"/v1/trace/{way}", params=item)
    assert (await service.post("/v1/recalls", json={})).status_code == 422
    assert (await service.get("/v1/recalls")).status_code == 200
    after = await numbers(service)

    def grown(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    assert grown("zhuisu_events_accepted_total{}") == 2
    assert grown("zhuisu_events_duplicate_total{}") == 1
    assert grown("zhuisu_events_rejected_total{reason=invalid-event}") == 2
    assert grown("zhuisu_events_rejected_total{reason=in-the-future}") == 1
    assert grown("zhuisu_events_unknown_total{}") == 0
    assert (grown("zhuisu_append_seconds_count{}"), grown("zhuisu_append_batch_events_sum{}")) == (1, 2)
    assert grown("zhuisu_projected_events_total{partition=0}") == 2
    assert grown("zhuisu_projector_batch_records_sum{}") == 2
    assert grown("zhuisu_dead_letters_total{partition=0}") == 0
    assert after["zhuisu_projector_lag_records{partition=0}"] == 0
    assert grown("zhuisu_question_seconds_count{question=items/state}") == 1
    assert grown("zhuisu_question_seconds_count{question=trace/forward}") == 2
    assert grown("zhuisu_question_seconds_count{question=recalls}") == 1, "a command at the same path is no question"
    assert not any("sideways" in name for name in after), "what senders write names nothing"


async def test_two_services_in_one_process_count_apart(service: httpx.AsyncClient, service_url: str) -> None:
    """No registry is global."""
    async with serving(service_url) as other:
        await service.post("/v1/events", json=stored("apart"))
        assert (await numbers(other))["zhuisu_events_accepted_total{}"] == 0


@pytest.mark.parametrize(
    ("role", "has", "has_not"),
    [
        ("ingest", "zhuisu_events_accepted_total", "zhuisu_projector_"),
        ("projector", "zhuisu_projector_batch_records_count", "zhuisu_events_"),
        ("query", "zhuisu_question_seconds", "zhuisu_events_"),
    ],
)
async def test_each_process_of_several_shows_what_it_does(
    service: httpx.AsyncClient, service_url: str, *, role: str, has: str, has_not: str
) -> None:
    """The projector's too: every role serves HTTP."""
    async with serving(service_url, roles=frozenset({role})) as one:
        if role == "query":
            await one.get("/v1/items", params={"q": "x"})
        found = await numbers(one)
        assert any(name.startswith(has) for name in found), found
        assert not any(name.startswith(has_not) for name in found), found
        assert (await one.get("/healthz")).status_code == 200


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is logged from now on, as JSON lines; the tests' own quiet log afterwards."""
    text = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", text)
        logs.configure(load_settings(log_format="json"))
    yield text  # type: ignore[misc]
    logs.configure(load_settings(), quietly=True)


async def test_log_lines_name_events_tenants_and_positions_and_nothing_else(
    service: httpx.AsyncClient, written: io.StringIO
) -> None:
    events = [stored(f"log-{n}", note="SECRET NOTE") for n in range(25)]
    wrong = {
        "kind": "sold",
        **{k: v for k, v in stored("log-x").items() if k != "kind"},
        "holder": "王小明 13800000000",
    }
    position = (await service.post("/v1/events", json=[*events, wrong])).json()["position"]
    await service.get("/v1/items", params={"q": "log-24", "wait_for": position})
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    captured = next(one for one in lines if one["event"] == "events_captured")
    assert (captured["tenant"], captured["accepted"], captured["position"]) == ("default", 25, position)
    assert captured["event_ids"] == [f"log-{n}" for n in range(20)]
    assert captured["errors"] == [[25, "personal-data", "holder"]]
    projected = next(one for one in lines if one["event"] == "batch_projected")
    assert (projected["tenants"], projected["partition"], projected["event_ids"][0]) == ([1], 0, "log-0")
    assert len(projected["event_ids"]) <= 20
    assert {"level", "timestamp"} <= set(captured)
    for secret in (KEY, "SECRET NOTE", "王小明", "13800000000"):
        assert secret not in written.getvalue()
