"""Whatever a question names: an answer or a problem that says what to do, never a fault of ours."""

import httpx
import pytest

HOSTILE_IDS = [
    "",
    " ",
    "x",
    "urn:",
    "urn:epc:id:sgtin:",
    "urn:epc:id:sgtin:4012345.011111.",
    "urn:epc:id:sscc:4012345.123456789012345",
    "urn:epc:id:nothing:1.2.3",
    "https://id.gs1.org/00/140123452345678901",  # the check digit is wrong
    "https://id.gs1.org/01/1/21/",
    "https://id.gs1.org/01/09521234000020/21/%00",
    "https://id.gs1.org/01/09521234000020/21/%ff%fe",
    "urn:zhuisu:unit:own:BIKE",
    "urn:zhuisu:unit:::",
    "urn:x:" + "9" * 5000,
    "urn:x:\x00",
    "urn:x:'; DROP TABLE views.items; --",
    "urn:x:%",
    "🚲",
    "urn:x:\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
]
QUESTIONS = [
    "/v1/trace/forward",
    "/v1/trace/backward",
    "/v1/items/state",
    "/v1/items/contents",
    "/v1/items/timeline",
]


@pytest.mark.parametrize("path", QUESTIONS)
async def test_an_id_that_names_nothing_is_a_problem_with_a_name(service: httpx.AsyncClient, path: str) -> None:
    for text in HOSTILE_IDS:
        answer = await service.get(path, params={"item": text})
        assert answer.status_code in (404, 422), (text, answer.text)
        problem = answer.json()
        assert problem["type"].startswith("/problems/"), (text, problem)
        assert problem["detail"]


async def test_a_wrong_check_digit_says_which_it_should_be(service: httpx.AsyncClient) -> None:
    answer = await service.get("/v1/items/state", params={"item": "https://id.gs1.org/00/140123452345678901"})
    assert answer.status_code == 404
    assert "should be 2" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"items": []}', b'{"items": [1]}', b'{"items": "x"}'])
async def test_a_body_that_asks_nothing_is_a_problem(service: httpx.AsyncClient, body: bytes) -> None:
    answer = await service.post("/v1/trace/forward", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    "parameters",
    [
        {"at": "yesterday"},
        {"as_of": "x-y"},
        {"as_of": "0-99999999999999999999999"},
        {"as_of": "9999999999-0"},
        {"wait_for": "-1"},
        {"mode": "sometimes"},
        {"follow": "everything"},
        {"since": "2026-13-01T00:00:00Z"},
        {"limit": "9" * 5000},
        {"nonsense": "1"},
    ],
)
async def test_a_parameter_that_says_nothing_is_named(service: httpx.AsyncClient, parameters: dict[str, str]) -> None:
    answer = await service.get("/v1/trace/forward", params={"item": "urn:x:1", **parameters})
    assert answer.status_code in (404, 422), answer.text
    if answer.status_code == 422:
        assert next(iter(parameters)) in answer.json()["detail"]


async def test_an_unknown_serial_is_answered_with_the_ones_beside_it(service: httpx.AsyncClient) -> None:
    known = [{"item": {"product": "NEAR", "serial": f"NB-10{n}"}} for n in range(5)]
    event = {"kind": "commissioned", "occurred_at": "2026-03-01T08:00:00+08:00", "items": known}
    position = (await service.post("/v1/events", json=event)).json()["position"]
    for text in ("urn:zhuisu:unit:own:NEAR:NB-1O3", "NB-110"):
        answer = await service.get("/v1/items/state", params={"item": text, "wait_for": position})
        assert answer.status_code == 404
        assert "urn:zhuisu:unit:own:NEAR:NB-103" in answer.json()["nearest"], answer.text
    far = await service.get("/v1/items/state", params={"item": "urn:zhuisu:unit:own:NEAR:quite-other"})
    assert far.json()["nearest"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/recalls/a%00"),
        ("GET", "/v1/recalls/a%00/units"),
        ("POST", "/v1/recalls/a%00/approve"),
        ("GET", "/v1/incidents/a%00"),
        ("GET", "/v1/webhooks/a%00/deliveries"),
        ("GET", "/v1/events/a%00"),
    ],
)
async def test_a_nul_that_the_database_refuses_is_told_as_a_problem(
    service: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await service.request(method, path, json={"actor": "a", "reason": "b"} if method == "POST" else None)
    assert answer.status_code in (404, 422), (answer.status_code, answer.text)
    assert answer.json()["type"].startswith("/problems/")
