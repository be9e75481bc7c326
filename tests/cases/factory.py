"""A small record for recalls: two cell lots of one supplier become modules and bikes over two production days."""

from collections.abc import Sequence
from typing import Any

import httpx

SUPPLIER = "urn:party:cells"
DAY_1, DAY_2 = "2026-03-01T{:02d}:00:00+08:00", "2026-03-02T{:02d}:00:00+08:00"


def unit(product: str, serial: str) -> str:
    return f"urn:zhuisu:unit:own:{product}:{serial}"


def lot(product: str, number: str) -> str:
    return f"urn:zhuisu:lot:own:{product}:{number}"


def product(name: str) -> str:
    return f"urn:zhuisu:class:own:{name}"


def received(number: str, supplier_lot: str) -> dict[str, Any]:
    about = {"item": {"product": "CELL", "lot": number}, "quantity": "100"}
    return {
        "kind": "material_received",
        "occurred_at": DAY_1.format(1),
        **about,
        "supplier": SUPPLIER,
        "supplier_lot": supplier_lot,
        "site": "urn:site:plant",
    }


def modules(serials: Sequence[str], lots: Sequence[str], at: str, *, line: str = "LINE-1") -> dict[str, Any]:
    return {
        "kind": "transformed",
        "occurred_at": at,
        "inputs": [{"item": {"product": "CELL", "lot": n}, "quantity": "10"} for n in lots],
        "outputs": [{"item": {"product": "MODULE", "serial": serial}} for serial in serials],
        "circumstances": {"line": line},
        "site": "urn:site:plant",
    }


def fitted(whole: tuple[str, str], part: tuple[str, str], at: str) -> dict[str, Any]:
    return {
        "kind": "assembled",
        "occurred_at": at,
        "parent": {"product": whole[0], "serial": whole[1]},
        "components": [{"item": {"product": part[0], "serial": part[1]}}],
        "site": "urn:site:plant",
    }


def measured(serial: str, value: str, at: str) -> dict[str, Any]:
    return {
        "kind": "inspected",
        "occurred_at": at,
        "items": [{"item": {"product": "MODULE", "serial": serial}}],
        "measurements": [{"characteristic": "impedance", "value": value, "unit": "OHM"}],
        "verdict": "pass",
    }


RECORD: list[dict[str, Any]] = [
    received("L-9", "S-9"),
    received("L-8", "S-8"),
    modules(["M-1"], ["L-9"], DAY_1.format(2)),
    modules(["M-2"], ["L-8"], DAY_1.format(7), line="LINE-2"),
    modules(["M-3", "M-33"], ["L-9", "L-8"], DAY_1.format(23)),
    modules(["M-4"], ["L-9"], DAY_2.format(5)),
    measured("M-1", "1.2", DAY_1.format(3)),
    measured("M-2", "1.9", DAY_1.format(8)),
    fitted(("BIKE", "B-1"), ("MODULE", "M-1"), DAY_2.format(9)),
    fitted(("BIKE", "B-2"), ("MODULE", "M-2"), DAY_2.format(10)),
    {
        "kind": "sold",
        "occurred_at": DAY_2.format(12),
        "items": [{"item": {"product": "BIKE", "serial": "B-1"}}],
        "site": "urn:site:shop",
        "to_owner": "urn:party:owner-1",
    },
]
"""M-3 and M-33 are of both lots, so only possibly of either; they and M-4 are loose modules; B-1 is sold."""


async def post(service: httpx.AsyncClient, events: Sequence[dict[str, Any]] = RECORD) -> str:
    """Capture the events; the position to wait for."""
    answer = await service.post("/v1/events", json=list(events))
    assert answer.status_code == 202, answer.text
    assert answer.json()["rejected"] == 0, answer.text
    position: str = answer.json()["position"]
    return position
