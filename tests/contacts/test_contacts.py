"""Contacts over HTTP and PostgreSQL: who may, what is kept, what is forgotten, and where personal data is not."""

import asyncio
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from services.database import api_pool, owner_pool, projector_pool, tenant_transaction
from services.eventlog.postgres import PostgresEventLog
from services.projector.rebuild import rebuild
from tests.contacts.conftest import MakeKey

OWNER = "urn:example:holder:7f3a"
GLN = "urn:epc:id:pgln:9521234.00001"
WANG = {
    "name": "王小明",
    "phones": ["+86 138 0000 0000"],
    "emails": ["wang@example.com"],
    "address": "上海市延安路1号",
    "language": "zh-CN",
    "note": "prefers calls",
}


def path(party: str) -> str:
    return f"/v1/contacts/{quote(party, safe='')}"


async def put(service: httpx.AsyncClient, party: str, contact: object, **more: object) -> httpx.Response:
    return await service.put(path(party), json=contact, **more)  # type: ignore[arg-type]


async def test_a_contact_is_put_read_replaced_and_erased(service: httpx.AsyncClient) -> None:
    assert (await put(service, OWNER, WANG)).status_code == 204
    read = (await service.get(path(OWNER))).json()
    assert {k: read[k] for k in WANG} == WANG
    assert read["party"] == OWNER
    await put(service, OWNER, {"name": "Wang"})
    replaced = (await service.get(path(OWNER))).json()
    assert set(replaced) == {"party", "name", "changed_at", "changed_by"}
    assert (await service.delete(path(OWNER))).status_code == 204
    for method in ("GET", "DELETE"):
        gone = await service.request(method, path(OWNER))
        assert (gone.status_code, gone.json()["type"]) == (404, "/problems/unknown-contact")
    told = (await service.get("/v1/contact-accesses", params={"party": OWNER})).json()["accesses"]
    assert [a["action"] for a in told] == ["erased", "read", "written", "read", "written"]


async def test_every_form_of_a_party_is_one_party(service: httpx.AsyncClient) -> None:
    await put(service, GLN, {"name": "Dealer"})
    found = await service.get("/v1/contacts", params={"party": [GLN, "urn:example:nobody"]})
    [contact] = found.json()["contacts"]
    assert contact["party"].startswith("https://id.gs1.org/417/9521234")
    assert found.json()["unknown"] == ["urn:example:nobody"]
    assert (await service.get(path(contact["party"]))).json()["name"] == "Dealer"


@pytest.mark.parametrize(
    ("contact", "word"),
    [
        ({}, "at least one"),
        ({"phones": ["call me"]}, "phones.0"),
        ({"emails": ["nobody"]}, "emails.0"),
        ({"language": "中文"}, "language"),
        ({"fax": "1"}, "fax"),
        ([], "valid dictionary"),
    ],
)
async def test_a_wrong_contact_is_refused_with_its_field(
    service: httpx.AsyncClient, contact: object, *, word: str
) -> None:
    answer = await put(service, OWNER, contact)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-contact")
    assert word in answer.json()["detail"]


@pytest.mark.parametrize("roles", [("read",), ("capture", "correct")])
async def test_other_roles_see_no_contact_and_write_none(
    service: httpx.AsyncClient, key_with: MakeKey, roles: tuple[str, ...]
) -> None:
    await put(service, "urn:example:closed", WANG)
    headers = await key_with(*roles)
    one, many = path("urn:example:closed"), "/v1/contacts?party=urn:example:closed"
    for method, url in (("GET", one), ("PUT", one), ("DELETE", one), ("GET", many), ("POST", "/v1/contacts")):
        answer = await service.request(method, url, headers=headers, json=WANG)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), method
        assert "王" not in answer.text
    assert (await service.get(one)).status_code == 200


async def test_recall_may_read_and_write_and_only_admins_see_who_did(
    service: httpx.AsyncClient, key_with: MakeKey
) -> None:
    headers = await key_with("recall")
    assert (await put(service, "urn:example:recall", WANG, headers=headers)).status_code == 204
    assert (await service.get(path("urn:example:recall"), headers=headers)).json()["name"] == WANG["name"]
    asked = await service.get("/v1/contact-accesses", params={"party": "urn:example:recall"}, headers=headers)
    assert asked.status_code == 403
    told = (await service.get("/v1/contact-accesses", params={"party": "urn:example:recall"})).json()["accesses"]
    keys = {k["key_id"]: k["name"] for k in (await service.get("/v1/keys")).json()["keys"]}
    assert [(a["action"], keys[a["key_id"]]) for a in told] == [("read", "recall"), ("written", "recall")]


async def test_a_key_limited_to_sites_sees_no_contact(service: httpx.AsyncClient, key_with: MakeKey) -> None:
    await put(service, "urn:example:scoped", WANG)
    answer = await service.get(path("urn:example:scoped"), headers=await key_with("recall", sites=["SHOP"]))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/site-scope")


async def test_another_tenant_sees_and_erases_only_its_own(
    service: httpx.AsyncClient, other_tenant: dict[str, str], service_url: str
) -> None:
    party = "urn:example:shared-id"
    await put(service, party, WANG)
    assert (await service.get(path(party), headers=other_tenant)).status_code == 404
    assert (await service.delete(path(party), headers=other_tenant)).status_code == 404
    await put(service, party, {"name": "another"}, headers=other_tenant)
    assert (await service.get(path(party))).json()["name"] == WANG["name"]
    seen = await service.get("/v1/contact-accesses", params={"party": party}, headers=other_tenant)
    assert len(seen.json()["accesses"]) == 1
    pool = await api_pool(service_url, max_connections=1)  # the second wall: even plain SQL sees one tenant
    assert await pool.fetch("SELECT FROM public.contacts") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenant_transaction(pool, 1, readonly=False) as connection:
            await connection.execute(
                "INSERT INTO public.contacts (tenant_id, party, contact, changed_by) VALUES (2, 'x', '{}', 1)"
            )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenant_transaction(pool, 1, readonly=False) as connection:
            await connection.execute("DELETE FROM public.contact_accesses")
    await pool.close()


CSV = """party,name,phones,emails
urn:example:csv:1,李四,+86 139 0000 0001;021-5555 5555,li@example.com
urn:example:csv:2,,,
urn:example:csv:3,Zhou,none,
"""


async def test_a_sheet_of_contacts_goes_in_and_wrong_rows_are_named(service: httpx.AsyncClient) -> None:
    answer = await service.post("/v1/contacts", content=CSV.encode(), headers={"Content-Type": "text/csv"})
    assert answer.json()["written"] == 1
    assert [(r["row"], r["field"]) for r in answer.json()["rejected"]] == [(2, ""), (3, "phones.0")]
    read = (await service.get(path("urn:example:csv:1"))).json()
    assert read["phones"] == ["+86 139 0000 0001", "021-5555 5555"]
    lines = b'{"party":"urn:example:nd:1","name":"A"}\n{oops\n{"name":"B"}\n'
    answer = await service.post("/v1/contacts", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert (answer.json()["written"], [r["row"] for r in answer.json()["rejected"]]) == (1, [2, 3])


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"[]", "application/json", 422),
        (b"{", "application/json", 400),
        (b"party;name\nx;y\n", "text/csv", 400),
        (b"\xff\xfe", "text/csv", 400),
        (b"<x/>", "text/xml", 415),
    ],
)
async def test_a_body_that_is_no_list_of_contacts_is_refused(
    service: httpx.AsyncClient, body: bytes, *, content_type: str, status: int
) -> None:
    answer = await service.post("/v1/contacts", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


PERSONAL = ("王小明 13800000000", "wang@example.com", "13800000000", "+49 170 1234567", "110101199003078515")


@pytest.mark.parametrize("holder", PERSONAL)
async def test_a_person_in_place_of_an_id_never_reaches_the_log(service: httpx.AsyncClient, holder: str) -> None:
    items = [{"item": {"product": "B", "serial": "1"}}]
    for kind, field in (("sold", "holder"), ("returned", "returned_by")):
        event = {"kind": kind, "occurred_at": "2026-03-01T08:00:00Z", "items": items, field: holder}
        [outcome] = (await service.post("/v1/events", json=event)).json()["outcomes"]
        assert (outcome["error"]["type"], outcome["error"]["field"]) == ("/problems/personal-data", field)
        assert "/v1/contacts/" in outcome["error"]["fix"]


@pytest.mark.parametrize("holder", ["h-77", "urn:example:holder:7f3a", "10023457", "上海门店", "91310000MA1FL0QX9L"])
async def test_ids_of_any_shape_are_taken(service: httpx.AsyncClient, holder: str) -> None:
    items = [{"item": {"product": "B", "serial": "1"}}]
    event = {"kind": "sold", "occurred_at": "2026-03-01T08:00:00Z", "items": items, "holder": holder}
    assert (await service.post("/v1/events", json=event)).status_code == 202


_EVERYWHERE = """
SELECT format('SELECT count(*) FROM %I.%I t WHERE t::text LIKE ''%%'' || $1 || ''%%''', schemaname, tablename)
FROM pg_tables WHERE schemaname IN ('public', 'views')
"""
_IN_THE_LOG = "SELECT count(*) FROM public.log_records WHERE position(convert_to($1, 'UTF8') IN value) > 0"


async def test_contacts_survive_a_rebuild_and_are_in_no_other_table(
    service: httpx.AsyncClient, service_url: str
) -> None:
    party, secret = "urn:example:holder:kept", "SecretSurname"
    event = {"kind": "sold", "occurred_at": "2026-03-01T08:00:00Z", "holder": party}
    event["items"] = [{"item": {"product": "B", "serial": "kept"}}]
    position = (await service.post("/v1/events", json=event)).json()["position"]
    await put(service, party, {"name": secret})
    uri = "urn:zhuisu:unit:own:B:kept"
    await service.get("/v1/items/state", params={"item": uri, "wait_for": position})
    log, views = PostgresEventLog(dsn=service_url, partitions=1), await projector_pool(service_url)
    await log.start()
    await asyncio.wait_for(rebuild(service_url, log=log, views=views), 60)
    await log.stop()
    assert (await service.get(path(party))).json()["name"] == secret

    async def tables_with(text: str) -> int:
        found = [bool(await views.fetchval(statement, text)) for statement in (*statements, _IN_THE_LOG)]
        return sum(found)

    owner = await owner_pool(service_url)
    await owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO zhuisu_projector")
    statements = [r[0] for r in await owner.fetch(_EVERYWHERE)]
    assert await tables_with(secret) == 1
    assert await views.fetchval(_IN_THE_LOG, party) == 1
    assert await tables_with(party) > 3
    await service.delete(path(party))
    assert await tables_with(secret) == 0
    await owner.close()
    await views.close()
