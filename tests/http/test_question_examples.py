"""The examples in the API description are answers that the service gives."""

from typing import Any

import httpx
import pytest

from services.query.described import EXAMPLE_EVENTS, EXAMPLE_EXPOSURE, EXAMPLE_ITEM, PARAMETERS

CASES = [
    ("/v1/trace/{way}", "get", {"params": {"item": EXAMPLE_ITEM}}),
    ("/v1/trace/{way}", "post", {"json": {"items": [EXAMPLE_ITEM]}}),
    ("/v1/trace/{way}/summary", "get", {"params": {"item": EXAMPLE_ITEM}}),
    ("/v1/trace/{way}/summary", "post", {"json": {"items": [EXAMPLE_ITEM]}}),
    ("/v1/exposures", "post", {"json": EXAMPLE_EXPOSURE}),
]


def same(example: Any, told: Any, path: str = "") -> None:
    """Equal, but for what differs from one installation and one time to the next. The description has no nulls."""
    if path.rsplit(".", 1)[-1] in {"position", "recorded_at", "measured_at", "seconds", "event_id"}:
        assert type(told) is type(example), path
    elif isinstance(example, dict):
        assert {name for name, value in told.items() if value is not None} == set(example), path
        for name, value in example.items():
            same(value, told[name], f"{path}.{name}")
    elif isinstance(example, list):
        assert len(told) == len(example), path
        for one, other in zip(example, told, strict=True):
            same(one, other, path + "[]")
    else:
        assert told == example, path


@pytest.mark.parametrize(("path", "method", "asked"), CASES)
async def test_the_example_is_the_answer(
    service: httpx.AsyncClient, path: str, *, method: str, asked: dict[str, Any]
) -> None:
    posted = await service.post("/v1/events", json=EXAMPLE_EVENTS)
    assert posted.status_code == 202
    await service.get("/v1/items/state", params={"item": EXAMPLE_ITEM, "wait_for": posted.json()["position"]})
    described = (await service.get("/openapi.json")).json()["paths"][path][method]
    answer = await service.request(method, path.format(way="forward"), **asked)
    assert answer.status_code == 200, answer.text
    same(described["responses"]["200"]["content"]["application/json"]["example"], answer.json())
    assert described["summary"]
    assert described["description"]
    if method == "post":
        assert described["requestBody"]["content"]["application/json"]["example"] == asked["json"]


async def test_every_parameter_that_is_taken_is_described(service: httpx.AsyncClient) -> None:
    paths = (await service.get("/openapi.json")).json()["paths"]
    told = {p["name"] for p in paths["/v1/trace/{way}"]["get"]["parameters"]}
    assert told == {"way", *PARAMETERS}
    refused = await service.get("/v1/trace/forward", params={"item": EXAMPLE_ITEM, "unheard": "of"})
    assert refused.status_code == 422
    assert all(name in refused.json()["detail"] for name in PARAMETERS)
