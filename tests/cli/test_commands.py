"""The commands, as their users run them, against a running service."""

import asyncio
import gzip
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
import pytest_asyncio

from services.cli.options import REFUSED, UNAVAILABLE, USAGE
from services.embedded.app import Running, run
from services.embedded.kafka_broker import free_ports
from services.settings import load_settings
from tests.cli.conftest import KEY
from tests.cli.running import Ran, zhuisu_beside
from tests.conftest import NewDatabase
from tests.shared_data import shared_dir

Zhuisu = Callable[..., Coroutine[Any, Any, Ran]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def zhuisu(service: httpx.AsyncClient) -> Zhuisu:
    """The command, asking the running service as its admin."""

    async def ask(*arguments: str) -> Ran:
        return await zhuisu_beside(*arguments, "--url", str(service.base_url), "--key", KEY)

    return ask


def sheet(path: Path, *, serials: list[str], quantity: str = "20") -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Batch", "Module", "Made at", "Cells"])
    for serial in serials:
        book.active.append(["L-9", serial, "2026-03-01T08:00:00", quantity])
    book.save(path)
    return path


DOCUMENT = "openepcis+openepcis-test-resources/2.0/EPCIS/JSON/Capture/Documents/TransformationEvent.json"

MAPPING = """
event.kind = "transformed"
event.inputs = [{ item = { product = "CELL" } }]
event.outputs = [{ item = { product = "MODULE" } }]
columns.Batch = "inputs[0].item.lot"
columns.Cells = "inputs[0].quantity"
columns.Module = "outputs[0].item.serial"
columns."Made at" = "occurred_at"
options.zone = "+08:00"
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "modules.toml"
    path.write_text(MAPPING)
    return path


async def test_what_the_service_refuses_is_told_by_row_and_column(
    zhuisu: Zhuisu, tmp_path: Path, mapping: Path
) -> None:
    path = sheet(tmp_path / "modules.xlsx", serials=["M-1", "M-2"])
    refused = await zhuisu("ingest", str(path), "--mapping", str(mapping))
    assert refused.code == REFUSED
    assert "row 2, Made at: " in refused.err
    assert "no offset" in refused.err
    assert refused.err.count("give the source's key a zone") == 2, "once a row"


async def test_a_sheet_goes_in_and_is_traced(zhuisu: Zhuisu, tmp_path: Path, mapping: Path) -> None:
    good = tmp_path / "modules.csv"
    good.write_text(
        "Batch,Module,Made at,Cells\n"
        "L-9,M-1,2026-03-01T08:00:00+08:00,20\nL-9,M-2,2026-03-01T08:00:00+08:00,20\n"
        "L-9,M-3,2026-03-01T08:00:00+08:00,many\n"
    )
    sent = await zhuisu("ingest", str(good), "--mapping", str(mapping), "--json")
    assert sent.code == REFUSED
    answer = json.loads(sent.out)
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (2, 0, 1)
    assert [(e["row"], e["column"]) for e in answer["errors"]] == [(4, "Cells")]
    lot = "urn:zhuisu:lot:own:CELL:L-9"
    traced = await zhuisu("trace", "forward", lot, "--wait-for", answer["position"], "--json")
    assert {n["item"] for n in json.loads(traced.out)["nodes"]} == {f"urn:zhuisu:unit:own:MODULE:M-{n}" for n in (1, 2)}
    again = json.loads((await zhuisu("ingest", str(good), "--mapping", str(mapping), "--json")).out)
    assert again["accepted"] + again["duplicate"] == 2
    for arguments in (["trace", "forward", lot], ["trace", "forward", lot, "--tree"]):
        shown = await zhuisu(*arguments)
        assert shown.code == 0
        assert "unit:own:MODULE:M-2" in shown.out.replace("\n", "")
        assert "2 certain" in shown.out
        assert "Complete, as of" in shown.out
    back = await zhuisu("trace", "back", "urn:zhuisu:unit:own:MODULE:M-1", "urn:zhuisu:unit:own:MODULE:M-2", "--json")
    assert [n["item"] for n in json.loads(back.out)["nodes"]] == [lot]


async def test_an_item_its_timeline_and_its_contents(zhuisu: Zhuisu, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson.gz"
    events = [
        {
            "kind": "commissioned",
            "occurred_at": "2026-03-01T08:00:00Z",
            "items": [{"item": {"product": "BOX", "serial": "BX-100"}}],
            "site": "PLANT-1",
        },
        {
            "kind": "packed",
            "event_id": "cli-packed",
            "occurred_at": "2026-03-01T09:00:00Z",
            "container": "urn:epc:id:sscc:9521234.0000000999",
            "contents": [{"item": {"product": "BOX", "serial": "BX-100"}}],
            "site": "PLANT-1",
        },
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, events)).encode()))
    sent = await zhuisu("ingest", str(path), "--gzip", "--json")
    assert sent.code == 0, sent.err
    position = json.loads(sent.out)["position"]
    await zhuisu("trace", "forward", "urn:zhuisu:unit:own:BOX:BX-100", "--wait-for", position)
    shown = await zhuisu("item", "urn:zhuisu:unit:own:BOX:BX-100")
    assert "in stock" in shown.out
    assert "PLANT-1" in shown.out
    held = await zhuisu("item", "urn:epc:id:sscc:9521234.0000000999", "--contents")
    assert "unit:own:BOX:BX-100" in held.out
    told = await zhuisu("timeline", "urn:zhuisu:unit:own:BOX:BX-100")
    assert "cli-packed" in told.out


async def test_the_balance_of_a_lot_and_of_an_order(zhuisu: Zhuisu, tmp_path: Path) -> None:
    lot = {"item": {"product": "RESIN", "lot": "R-1"}, "uom": "KGM"}
    at = {"occurred_at": "2026-03-01T08:00:00Z", "site": "PLANT-1"}
    issued = {"kind": "issued_to_order", "order": "0042", "items": [{**lot, "quantity": "105"}]}
    path = tmp_path / "events.ndjson"
    received = {"kind": "material_received", **lot, "quantity": "100"}
    path.write_text("\n".join(json.dumps({**at, **event}) for event in (received, issued)))
    sent = await zhuisu("ingest", str(path), "--json")
    position = json.loads(sent.out)["position"]
    shown = await zhuisu("balance", "urn:zhuisu:lot:own:RESIN:R-1", "--wait-for", position)
    assert shown.code == 0, shown.err
    told = [line.replace("│", " ").split() for line in shown.out.splitlines()]
    assert ["received", "100"] in told
    assert ["consumed", "105"] in told
    assert ["unaccounted", "-5"] in told
    assert "(-5 KGM)" in shown.out.replace("\n", " ")
    shown = await zhuisu("--lang", "zh", "balance", "--order", "42", "--site", "PLANT-1")
    assert "在制" in shown.out
    assert "105" in shown.out
    for wrong in ([], ["--order", "42"], ["urn:zhuisu:lot:own:RESIN:R-1", "--order", "42", "--site", "X"]):
        assert (await zhuisu("balance", *wrong)).code == USAGE


async def test_an_epcis_document_is_captured(zhuisu: Zhuisu) -> None:
    path = shared_dir() / "fixtures" / DOCUMENT
    sent = await zhuisu("ingest", str(path), "--json")
    job = json.loads(sent.out)
    assert (sent.code, job["running"], job["success"]) == (0, False, True)


async def test_every_row_refused_is_told_by_row(zhuisu: Zhuisu, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("kind,time,product,serial\nsold,yesterday,BIKE,1\nsold,2026-03-01T00:00:00Z,BIKE,\n")
    sent = await zhuisu("ingest", str(path))
    assert sent.code == REFUSED
    assert "row 2, time: " in sent.err
    assert "0 accepted, 0 duplicates, 1 rejected" in sent.out or "1 accepted" in sent.out


async def test_keys_are_made_listed_and_revoked(zhuisu: Zhuisu) -> None:
    made = json.loads((await zhuisu("keys", "create", "cli-reader", "--role", "read", "--json")).out)
    listed = await zhuisu("keys", "list")
    assert "cli-reader" in listed.out
    assert made["key"] not in listed.out
    assert (await zhuisu("keys", "revoke", str(made["key_id"]))).code == 0
    refused = await zhuisu("keys", "create", "x", "--role", "king")
    assert refused.code == REFUSED
    assert "king" in refused.err


async def test_refusals_name_what_is_near(zhuisu: Zhuisu) -> None:
    unknown = await zhuisu("item", "urn:zhuisu:unit:own:BOX:BX-200")
    assert unknown.code == REFUSED
    assert "did you mean urn:zhuisu:unit:own:BOX:BX-100" in unknown.err
    chinese = await zhuisu_beside("--lang", "zh", "status", "--url", "http://127.0.0.1:9")
    assert chinese.code == UNAVAILABLE
    assert "响应" in chinese.err


async def test_status_tells_the_parts(zhuisu: Zhuisu) -> None:
    ready = await zhuisu("status")
    assert ready.code == 0
    assert "projector" in ready.out
    assert json.loads((await zhuisu("status", "--json")).out)["ready"] is True


async def test_wrong_usage_is_told_apart(zhuisu: Zhuisu, tmp_path: Path) -> None:
    for arguments in (
        ["ingest", str(tmp_path / "missing.csv")],
        ["ingest", str(tmp_path / "events.txt")],
        ["exposure"],
        ["exposure", "--parameter", "weld=5"],
        ["trace", "sideways", "x"],
    ):
        ran = await zhuisu(*arguments)
        assert ran.code == USAGE, (arguments, ran)


@pytest.mark.slow
async def test_ingest_waits_for_a_service_that_is_away(new_database: NewDatabase, tmp_path: Path) -> None:
    [port] = free_ports(1)
    url = await new_database()
    settings = load_settings(port=port, database_url=url, data_dir=tmp_path, bootstrap_key=KEY, heartbeat_seconds=0.1)
    path = tmp_path / "events.json"
    path.write_text(
        json.dumps([{"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "items": [{"item": "urn:x:1"}]}])
    )
    sending = asyncio.create_task(
        zhuisu_beside("ingest", str(path), "--url", f"http://127.0.0.1:{port}", "--key", KEY, "--patience", "30")
    )
    impatient = await zhuisu_beside("ingest", str(path), "--url", f"http://127.0.0.1:{port}", "--patience", "0")
    assert impatient.code == UNAVAILABLE
    assert not sending.done()
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings, told=ready.set_result, stop=stop))
    sent = await sending
    assert sent.code == 0, sent.err
    assert "1 accepted" in sent.out
    stop.set()
    await running


async def test_items_are_looked_for(zhuisu: Zhuisu, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    items = [{"item": {"product": "LOOKED", "serial": f"FOR-{n}"}} for n in range(3)]
    path.write_text(json.dumps({"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "items": items}))
    position = json.loads((await zhuisu("ingest", str(path), "--json")).out)["position"]
    shown = await zhuisu("items", "for-", "--product", "LOOKED", "--limit", "2", "--wait-for", position)
    assert "urn:zhuisu:unit:own:LOOKED:FOR-1" in shown.out
    assert "There are more" in shown.out
    assert "FOR-2" not in shown.out
    assert (await zhuisu("items")).code == REFUSED
