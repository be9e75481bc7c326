"""The offline pack over HTTP: it opens without a network, is whole, and holds only what its asker may know."""

import asyncio
import hashlib
import io
import re
import zipfile
from html.parser import HTMLParser
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.cases.conftest import People
from tests.cases.frozen import Recall
from tests.http.serving import serving
from tests.waiting import eventually

OURS = {"site": "PLANT"}
HOSTILE = '../../etc/<script>alert("x")</script>'
PHONE = "+86 519 555 0100"
END_WHO_WAITS = """
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND wait_event_type = 'Lock' AND query LIKE '%public.contacts%'
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People, service_url: str) -> Recall:
    """Three bikes at two dealers, one of whom has a hostile name, and a customer."""
    found = Recall(service, people, url=service_url, name="pack")
    tell, units = found.tell, ["B/P001", "B/P002", "B/P003"]
    await tell.post("commissioned", 1, items=tell.lines(*units), **OURS)
    await tell.post("shipped", 5, items=tell.lines(*units[:2]), to_possessor="dealer-1", to_place="SHOP-1", **OURS)
    await tell.post("shipped", 5, items=tell.lines(units[2]), to_possessor=HOSTILE, to_place="SHOP-2", **OURS)
    await tell.post("sold", 9, items=tell.lines(units[0]), holder="CUSTOMER-7", site="SHOP-1")
    await found.opened(product="Bike <b>1</b>", hazard="fire", contact="recall@example.com")
    await found.frozen(*units)
    contact = {"name": "Ms Zhao", "phones": [PHONE]}
    assert (await service.put("/v1/contacts/dealer-1", json=contact, headers=people.wang)).status_code == 204
    return found


async def packed(recall: Recall, headers: dict[str, str], **params: Any) -> httpx.Response:
    asked = {"wait_for": recall.tell.position, **params}
    answer = await recall.service.get(f"/v1/recalls/{recall.id}/pack", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    return answer


def opened(answer: httpx.Response) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


class Links(HTMLParser):
    """Everything that a page refers to, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src", "action", "data", "srcset")]


async def test_it_opens_offline_and_every_file_is_in_the_manifest_and_linked(recall: Recall) -> None:
    archive = opened(await packed(recall, recall.people.wang))
    names = archive.namelist()
    assert len(set(names)) == len(names)
    assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    lines = archive.read("MANIFEST.sha256").decode().splitlines()
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert told == {n: hashlib.sha256(archive.read(n)).hexdigest() for n in names if n != "MANIFEST.sha256"}
    page = archive.read("index.html").decode()
    links = Links()
    links.feed(page)
    assert set(links.targets) == set(names) - {"MANIFEST.sha256", "index.html", "README.txt"}
    assert not links.tags & {"script", "img", "link", "iframe", "object"}
    assert "url(" not in page
    assert "Affected units" in page
    assert "受影响" in page
    readme = archive.read("README.txt").decode("utf-8-sig")
    assert "Open index.html" in readme
    assert "打开 index.html" in readme


async def test_names_of_others_are_text_and_never_paths_or_markup(recall: Recall) -> None:
    archive = opened(await packed(recall, recall.people.wang))
    for name in archive.namelist():
        assert re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?", name), name
        assert ".." not in name
        if name.endswith(".html"):
            links = Links()
            links.feed(archive.read(name).decode())
            assert "script" not in links.tags
            assert "b" not in links.tags


async def test_each_consignee_has_only_their_items_in_a_list_and_two_notices(recall: Recall) -> None:
    archive = opened(await packed(recall, recall.people.wang))
    (theirs,) = [n for n in archive.namelist() if n.startswith("consignees/") and "dealer-1" in n]
    text = archive.read(theirs).decode("utf-8-sig")
    assert recall.tell.uri("B/P001") in text
    assert recall.tell.uri("B/P002") in text
    assert recall.tell.uri("B/P003") not in text
    notices = [n for n in archive.namelist() if n.startswith("notices/") and "dealer-1" in n]
    assert [n.rsplit(".", 2)[1] for n in notices] == ["zh", "en"]
    page = archive.read(notices[0]).decode()
    assert recall.tell.uri("B/P002") in page
    assert recall.tell.uri("B/P003") not in page
    assert "Ms Zhao" in page


async def test_contacts_are_there_for_who_may_see_them_alone(recall: Recall) -> None:
    people = recall.people
    with_contacts = opened(await packed(recall, people.wang))
    assert PHONE in with_contacts.read("contacts.csv").decode("utf-8-sig").replace("'+", "+")
    for answer in (await packed(recall, people.reader), await packed(recall, people.wang, contacts="0")):
        archive = opened(answer)
        assert "contacts.csv" not in archive.namelist()
        everything = b"".join(archive.read(n) for n in archive.namelist())
        assert b"Ms Zhao" not in everything
        assert b"555 0100" not in everything
        assert "Contacts are left out" in archive.read("index.html").decode()
    accesses = await recall.service.get("/v1/contact-accesses", params={"party": "dealer-1"})
    assert "read" in {a["action"] for a in accesses.json()["accesses"]}
    refused = await recall.service.get(f"/v1/recalls/{recall.id}/pack", headers=people.limited)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/site-scope")
    missing = await recall.service.get("/v1/recalls/RC-none/pack", headers=people.reader)
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-case")


async def test_a_pack_with_contacts_holds_one_connection_at_a_time(recall: Recall) -> None:
    """As many packs at once as there are connections waited for each other's second one, and none was made."""
    one = {"api_pool_min_connections": 1, "api_pool_max_connections": 1}
    async with serving(recall.url, roles=frozenset({"cases"}), **one) as alone:
        answer = await alone.get(f"/v1/recalls/{recall.id}/pack", headers=recall.people.wang)
    assert answer.status_code == 200, answer.text
    assert PHONE in opened(answer).read("contacts.csv").decode("utf-8-sig").replace("'+", "+")


@pytest.mark.parametrize("asked", ["pack", "notice?consignee=dealer-1"])
async def test_where_the_database_goes_while_contacts_are_read_that_is_said(recall: Recall, asked: str) -> None:
    locker, watcher = await asyncpg.connect(recall.url), await asyncpg.connect(recall.url)
    try:
        async with locker.transaction():
            await locker.execute("LOCK public.contacts IN ACCESS EXCLUSIVE MODE")
            answering = asyncio.create_task(
                recall.service.get(f"/v1/recalls/{recall.id}/{asked}", headers=recall.people.wang)
            )

            async def ended() -> bool:
                return bool(await watcher.fetch(END_WHO_WAITS))

            await eventually(ended)
            answer = await answering
    finally:
        await locker.close()
        await watcher.close()
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")


async def test_the_same_point_gives_the_same_bytes_whatever_comes_later(recall: Recall) -> None:
    first = await packed(recall, recall.people.reader)
    await recall.told("notifications", {"consignee": "dealer-1", "how": "phone", "at": "2026-03-03+08:00"})
    await recall.tell.post("returned", 12, items=recall.tell.lines("B/P002"), site="PLANT")
    again = await packed(recall, recall.people.reader, as_of=first.headers["Zhuisu-As-Of"])
    assert again.content == first.content
    now = await packed(recall, recall.people.reader)
    assert now.content != first.content
    assert now.headers["ETag"] != first.headers["ETag"]
