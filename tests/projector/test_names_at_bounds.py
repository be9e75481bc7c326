"""What capture takes, the projector applies: texts at their bounds, in signs of one to four bytes, in any field."""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.clock import SystemClock
from domain.ids import ItemId
from domain.names import NAME_BYTES_MAX, may_have_long
from domain.ports import Position, StoredRecord
from services.access import Caller
from services.codec import EVENT, Stamp, content_hash
from services.database import projector_pool
from services.ingest.epcis.document import open_document
from services.ingest.epcis.members import beyond
from services.ingest.examples import examples
from services.ingest.explaining import EventError
from services.ingest.judging import Judged, Original, Posted, judge
from services.ingest.limits import limits_of
from services.projector.batches import sort_out
from services.query.exposure_asked import exposure_of
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.tables import TENANT_TABLES
from services.settings import load_settings
from tests.conftest import NewDatabase
from tests.ingest.test_hostile import EPCIS, places
from tests.projections.viewing import open_partitions

LIMITS = limits_of(load_settings())
POSTED = Posted(
    Caller(1, "t", 1, "mes", frozenset({"capture"}), sites=None, zone=None, own_party="urn:party:me"),
    1_900_000_000_000_000,
)
EVENTS = [one.event for one in examples().values()]
SIGNS = {
    "ascii": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "marks": '<>{}|^ "%éABCDE',
    "cjk": "".join(map(chr, range(0x4E00, 0x9FA0))),
    "emoji": "".join(map(chr, range(0x1F300, 0x1F640))),
}
LINK = "https://id.gs1.org/01/09506000134352"
WRAPPED: list[Any] = [
    lambda text: text,
    lambda text: f"urn:x:{text}",
    lambda text: f"{LINK}/10/{text}",
    lambda text: f"{LINK}/10/{text}/21/1",
    lambda text: {"product": text, "serial": "1"},
    lambda text: {"product": "P", "lot": text},
    lambda text: {"product": text[: len(text) // 2], "serial": text[len(text) // 2 :]},
    lambda text: {"gtin": "09506000134352", "lot": text},
]
LENGTHS = [200, 256, 300, 330, 341, 400, 440, 460, 480, 495, 512, 682, 900, 1_016, 1_024, 2_000, 2_700, 4_096]


def noise(seed: int, signs: str, *, chars: int) -> str:
    """Nothing that a database could compress."""
    return "".join(Random(seed).choices(SIGNS[signs], k=chars))


def varied(documents: list[Any], text: Any) -> Iterator[Any]:
    """Each document with each of its members that is a text, or an item, exchanged."""
    for document in documents:
        for path in places(document):
            inner = document
            for step in path[:-1]:
                inner = inner[step]
            if path[-1] not in ("kind", "type") and isinstance(inner[path[-1]], str | dict):
                changed = copy.deepcopy(document)
                inner = changed
                for step in path[:-1]:
                    inner = inner[step]
                inner[path[-1]] = text
                yield changed


def judged_epcis(events: list[Any]) -> Iterator[Judged | EventError]:
    document = {"@context": [], "type": "EPCISDocument", "epcisBody": {"eventList": events}}
    for mapped in open_document(json.dumps(document).encode(), bounds=LIMITS.bounds, most_events=10_000):
        if mapped.error is None:
            original = Original(mapped.original, beyond(mapped.original))
            yield judge(mapped.document, POSTED, index=0, limits=LIMITS, original=original)


def stored(taken: list[bytes]) -> list[StoredRecord]:
    now = SystemClock().now()
    return [StoredRecord(Position(0, n), now, b"1:k", value) for n, value in enumerate(taken)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def views(new_database: NewDatabase) -> AsyncIterator[asyncpg.Pool]:
    pool = await projector_pool(await new_database())
    await open_partitions(pool, 1)
    yield pool
    await pool.close()


async def applied(views: asyncpg.Pool, records: list[bytes]) -> None:
    """Each is read, and goes into empty views. One at a time where a batch does not: the first that fails is told."""
    found = sort_out(stored(records), tenants=frozenset({1}))
    assert [(one.code, one.detail, one.value[:3_000]) for one in found.dead] == []
    try:
        await _written(views, found.events)
    except asyncpg.PostgresError:
        for one in found.events:
            try:
                await _written(views, [one])
            except asyncpg.PostgresError as error:
                raise AssertionError(f"{error}: {orjson.dumps(one.document)[:3_000]!r}") from error


async def _written(views: asyncpg.Pool, events: list[Any]) -> None:
    for table in TENANT_TABLES:
        await views.execute(f"DELETE FROM views.{table.name}")
    await views.execute("UPDATE views.checkpoints SET applied_offset = -1")
    await ViewWriter(views).apply(Batch(0, 1, len(events), 1, events))


@given(
    seed=st.integers(0, 1 << 30),
    signs=st.sampled_from(sorted(SIGNS)),
    chars=st.sampled_from(LENGTHS) | st.integers(1, 4_096),
    wrap=st.sampled_from(WRAPPED),
)
@example(seed=1, signs="ascii", chars=4_096, wrap=WRAPPED[0])
@example(seed=1, signs="cjk", chars=341, wrap=WRAPPED[0])
@example(seed=1, signs="emoji", chars=256, wrap=WRAPPED[0])
@example(seed=1, signs="cjk", chars=480, wrap=WRAPPED[4])
@example(seed=1, signs="marks", chars=330, wrap=WRAPPED[3])
@example(seed=1, signs="marks", chars=4_096, wrap=WRAPPED[0])
@pytest.mark.timeout(600)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_what_capture_takes_is_applied(
    views: asyncpg.Pool, seed: int, *, signs: str, chars: int, wrap: Any
) -> None:
    text = wrap(noise(seed, signs, chars=chars))
    judged = [judge(one, POSTED, index=0, limits=LIMITS) for one in varied(EVENTS, text)]
    if isinstance(text, str):
        judged += judged_epcis(list(varied(EPCIS, text)))
    await applied(views, [one.record.value for one in judged if isinstance(one, Judged)])


def taken_before(event: dict[str, Any]) -> bytes:
    """A record that capture took before names had a bound."""
    document = {"occurred_at": "2026-03-01T08:00:00Z", **event}
    found = EVENT.validate_python(document)
    stamp = Stamp(tenant_id=1, source="mes", may_correct=False, accepted_at_us=1)
    return stamp.record(event_id="old", index=0, content_hash=content_hash(found), document=document)


OLD_NAME = noise(3, "ascii", chars=4_000)
WIDE = noise(4, "cjk", chars=480)
BEFORE: dict[str, dict[str, Any]] = {
    "equipment": {"kind": "stored", "circumstances": {"equipment": [OLD_NAME]}, "items": [{"item": "urn:t:1"}]},
    "a parameter": {
        "kind": "stored",
        "circumstances": {"parameters": [{"name": OLD_NAME, "value": "1"}]},
        "items": [{"item": "urn:t:1"}],
    },
    "a characteristic": {
        "kind": "inspected",
        "items": [{"item": "urn:t:1"}],
        "measurements": [{"characteristic": OLD_NAME, "value": "1"}],
        "verdict": "pass",
    },
    "a position": {"kind": "mounted", "item": "urn:t:1", "equipment": OLD_NAME, "position": OLD_NAME[::-1]},
    "a transformation": {
        "kind": "transformed",
        "transformation_id": OLD_NAME,
        "inputs": [{"item": "urn:t:1"}],
        "outputs": [{"item": "urn:t:2"}],
    },
    "a hold": {"kind": "held", "hold_id": OLD_NAME, "items": [{"item": "urn:t:1"}]},
    "an event": {"kind": "voided", "target": "e", "replaced_by": [OLD_NAME]},
    "a product": {"kind": "stored", "items": [{"item": f"urn:zhuisu:unit:own:{WIDE}:1"}]},
    "a product that barely fits": {
        "kind": "stored",
        "items": [{"item": f"urn:zhuisu:unit:own:{WIDE[:406]}:{WIDE[400:480]}"}],
    },
    "a number": {"kind": "stored", "items": [{"item": f"urn:zhuisu:lot:own:{WIDE[:400]}:{WIDE[400:]}"}]},
    "an order's site": {"kind": "order_closed", "site": noise(5, "cjk", chars=512), "order": "1"},
    "a supplier's lot": {
        "kind": "material_received",
        "item": "urn:t:1",
        "material": f"{LINK}",
        "supplier": "urn:t:s",
        "supplier_lot": OLD_NAME[:1_000] * 3,
    },
}


@pytest.mark.parametrize("what", BEFORE)
async def test_a_name_that_was_taken_before_the_bound_is_read(views: asyncpg.Pool, what: str) -> None:
    await applied(views, [taken_before(BEFORE[what])])
    assert await views.fetchval("SELECT count(*) FROM views.events") == 1


async def test_who_names_what_was_taken_before_finds_it(views: asyncpg.Pool) -> None:
    await applied(views, [taken_before(BEFORE["equipment"])])
    asked = exposure_of({"equipment": OLD_NAME}).circumstance.dimensions
    found = await views.fetch("SELECT dimension, value FROM views.dimensions")
    assert [tuple(row) for row in found] == list(asked)


def test_units_of_one_product_that_is_too_wide_stay_of_one_product() -> None:
    ids = [ItemId.recorded(f"urn:zhuisu:{word}:own:{WIDE}:{n}") for word in ("unit", "lot") for n in ("1", WIDE[:5])]
    assert len(set(ids)) == 4
    assert {one.material for one in ids} == {str(ItemId.recorded(f"urn:zhuisu:class:own:{WIDE}"))}
    assert [ItemId.parse(str(one)) for one in ids] == ids
    narrow = ItemId.recorded(f"urn:zhuisu:lot:own:{WIDE[:400]}:{WIDE[400:]}")
    assert narrow.material == f"urn:zhuisu:class:own:{WIDE[:400]}"


@pytest.mark.parametrize("name", [OLD_NAME, "测" * 342])
@pytest.mark.parametrize("size", [1, 40])
def test_a_name_too_long_is_refused_by_its_field(name: str, size: int) -> None:
    """Also in an event that is too large for a glance."""
    items = [{"item": f"urn:test:{n}:{'x' * 200}"} for n in range(size)]
    event = {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "items": items}
    event |= {"circumstances": {"equipment": ["M-1", name]}, "note": 'a "quoted" note' * 100}
    error = judge(event, POSTED, index=0, limits=LIMITS)
    assert isinstance(error, EventError)
    assert (error.code, error.field) == ("invalid-event", "circumstances.equipment.1")
    assert "1024 bytes" in error.fix
    event["circumstances"] = {"equipment": ["M-1", name[:341]]}
    assert isinstance(judge(event, POSTED, index=0, limits=LIMITS), Judged)


@pytest.mark.parametrize("chars", [*range(396, 424), 480])
@pytest.mark.parametrize("word", ["unit", "lot"])
def test_what_an_id_too_wide_is_read_as_is_not_too_wide(word: str, chars: int) -> None:
    """Else it could not be asked about, and a frozen set that lists it would be read with another."""
    product = noise(6, "cjk", chars=chars)
    number = noise(7, "cjk", chars=511 - len(f"urn:zhuisu:{word}:own:{product}"))
    for n in ("1", number):
        one = ItemId.recorded(f"urn:zhuisu:{word}:own:{product}:{n}")
        assert ItemId.recorded(str(one)) == ItemId.parse(str(one)) == one
        assert one.material == str(ItemId.recorded(f"urn:zhuisu:class:own:{product}"))


def test_an_id_too_wide_is_refused_with_what_it_is_in_the_record() -> None:
    event = {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "items": [{"item": {"product": WIDE}}]}
    error = judge(event, POSTED, index=0, limits=LIMITS)
    assert isinstance(error, EventError)
    assert error.field == "items.0.item"
    assert str(ItemId.recorded(f"urn:zhuisu:class:own:{WIDE}")) in error.detail


TEXTS = st.text(alphabet='a"\\测', max_size=1_200)


@given(texts=st.lists(TEXTS | st.integers(900, 1_100).map(lambda n: "x" * n), max_size=4))
def test_the_glance_misses_no_long_name(texts: list[str]) -> None:
    longer = any(len(orjson.dumps(text)) - 2 > NAME_BYTES_MAX for text in texts)
    shown = may_have_long(orjson.dumps(texts))
    assert shown or not any(len(text.encode()) > NAME_BYTES_MAX for text in texts)
    assert longer or not shown or not {'"', "\\"}.isdisjoint("".join(texts))
