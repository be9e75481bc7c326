"""A factory by seed: cell lots → modules → packs → bikes → cartons → pallets → dealers → customers.

Deterministic: the same size and seed give the same events in the same order. Streams, whatever the size: a *run* is one
cell lot (or two of one material, then modules are only possibly of either) and the twenty bikes built from it.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

BIKES_PER_RUN = 20
UNITS_PER_BIKE = 4
"""two modules, a pack and the bike itself"""
START = datetime(2026, 1, 5, 6, tzinfo=UTC)
SUPPLIERS = ("urn:demo:party:ningde-cells", "urn:demo:party:suzhou-cells", "urn:demo:party:taihu-chemicals")

Event = dict[str, Any]
Posted = tuple[str, Event]
"""(source, event)"""


@dataclass(frozen=True, slots=True)
class Told:
    """What to ask: a bad cell lot, a bike that failed in the field, and the bikes truly with that lot."""

    bad_lot: str
    failed_bike: str
    affected_bikes: frozenset[str]


def told(*, units: int, seed: int) -> Told:
    """The questions that `generate` of the same size and seed has answers to."""
    affected = frozenset(_bike_uri(0, n) for n in range(BIKES_PER_RUN))
    return Told("urn:zhuisu:lot:own:CELL-21700:C00000-A", _bike_uri(0, 3), affected)


def generate(*, units: int, seed: int, late_share: float = 0.05, duplicate_share: float = 0.02) -> Iterator[Posted]:
    """About `units` units in posting order: a share of the events comes late, a share comes twice."""
    chance = random.Random(seed)
    runs = max(1, units // (BIKES_PER_RUN * UNITS_PER_BIKE))
    waiting: list[tuple[int, int, Posted]] = []
    count = 0
    for number in range(runs):
        for posted in _run(number, chance):
            count += 1
            delay = chance.randrange(20, 400) if chance.random() < late_share else 0
            heapq.heappush(waiting, (count + delay, count, posted))
            if chance.random() < duplicate_share:
                heapq.heappush(waiting, (count + chance.randrange(1, 100), -count, posted))
            while waiting and waiting[0][0] <= count:
                yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _run(number: int, chance: random.Random) -> Iterator[Posted]:
    """One run from receipt to sale."""
    clock = START + timedelta(hours=8 * number)
    ids = _Ids(number)
    yield from _materials(ids, clock, chance)
    for n in range(BIKES_PER_RUN):
        yield from _bike(ids, n, clock=clock + timedelta(minutes=10 + 5 * n), chance=chance)
    yield from _delivery(ids, clock + timedelta(hours=3), chance)
    if number == 0:
        yield from _after_life(ids, clock + timedelta(days=20))


def _materials(ids: "_Ids", clock: datetime, chance: random.Random) -> Iterator[Posted]:
    lots = (*ids.cell_lots, {"product": "ELECTROLYTE", "lot": ids.name}, {"product": "ADHESIVE", "lot": ids.name})
    for n, lot in enumerate(lots):
        supplier = SUPPLIERS[n % 3]
        received: Event = {
            "kind": "material_received",
            "item": lot,
            "supplier": supplier,
            "supplier_lot": f"S{ids.number:05d}{n}",
            "quantity": "1000",
            **({} if "CELL" in lot["product"] else {"uom": "KGM"}),
            "site": "PLANT-1",
            "certificate": f"coa-{ids.number}-{n}.pdf",
            "documents": [{"type": "po", "id": f"PO-{ids.number}"}],
        }
        yield "wms", _at(received, clock, f"{ids.name}-receipt-{n}")
        if chance.random() < 0.8:
            value = f"{2.5 + chance.random() / 10:.3f}"
            measured = {"characteristic": "capacity", "value": value, "unit": "A.h", "lower_limit": "2.5"}
            inspected = {"kind": "inspected", "items": [{"item": lot}], "verdict": "pass", "measurements": [measured]}
            yield "mes-cells", _at(inspected, clock + timedelta(minutes=5), f"{ids.name}-iqc-{n}")


def _bike(ids: "_Ids", n: int, *, clock: datetime, chance: random.Random) -> Iterator[Posted]:
    modules, pack, bike = [ids.module(n, k) for k in (0, 1)], ids.pack(n), ids.bike(n)
    around = {"line": f"L{1 + n % 2}", "equipment": [f"WELD-{1 + n % 3}"], "operators": [f"op-{n % 4}"]}
    made: Event = {
        "kind": "transformed",
        "started_at": _iso(clock - timedelta(minutes=4)),
        "inputs": [
            *({"item": lot, "quantity": "20"} for lot in ids.cell_lots),
            {"item": {"product": "ELECTROLYTE", "lot": ids.name}, "quantity": "0.4", "uom": "KGM"},
            {"item": {"product": "ADHESIVE", "lot": ids.name}, "quantity": "0.05", "uom": "KGM", "basis": "declared"},
        ],
        "outputs": [{"item": m} for m in modules],
        "circumstances": around,
        "site": "PLANT-1",
    }
    yield "mes-cells", _at(made, clock, f"{ids.name}-{n}-modules")
    fitted = {"kind": "assembled", "parent": pack, "components": [{"item": m} for m in modules], "site": "PLANT-1"}
    yield "mes-assembly", _at(fitted, clock + timedelta(minutes=20), f"{ids.name}-{n}-pack")
    built = {"kind": "assembled", "parent": bike, "components": [{"item": pack}], "site": "PLANT-2"}
    yield "mes-assembly", _at(built, clock + timedelta(minutes=50), f"{ids.name}-{n}-bike")
    tested = {"kind": "inspected", "items": [{"item": bike}], "verdict": "pass" if chance.random() < 0.98 else "fail"}
    yield "mes-assembly", _at(tested, clock + timedelta(minutes=70), f"{ids.name}-{n}-test")
    boxed = {"kind": "packed", "container": ids.carton(n), "contents": [{"item": bike}], "site": "PLANT-2"}
    yield "wms", _at(boxed, clock + timedelta(minutes=90), f"{ids.name}-{n}-carton")


def _delivery(ids: "_Ids", clock: datetime, chance: random.Random) -> Iterator[Posted]:
    for k in range(2):
        pallet, dealer = ids.pallet(k), f"urn:demo:party:dealer-{(ids.number + k) % 7}"
        numbers = range(k * BIKES_PER_RUN // 2, (k + 1) * BIKES_PER_RUN // 2)
        contents = [{"item": ids.carton(n)} for n in numbers]
        stacked = {"kind": "packed", "container": pallet, "contents": contents, "site": "PLANT-2"}
        yield "wms", _at(stacked, clock, f"{ids.name}-stack-{k}")
        shipped: Event = {"kind": "shipped", "items": [{"item": pallet}], "to_possessor": dealer, "site": "PLANT-2"}
        yield "wms", _at(shipped, clock + timedelta(hours=1), f"{ids.name}-ship-{k}")
        if chance.random() < 0.1:
            continue
        received: Event = {"kind": "received", "items": [{"item": pallet}], "site": f"SHOP-{dealer[-1]}"}
        yield "retail", _at(received, clock + timedelta(days=2), f"{ids.name}-arrive-{k}")
        for n in numbers:
            opened = {"kind": "unpacked", "container": ids.carton(n), "contents": [{"item": ids.bike(n)}]}
            yield "retail", _at(opened, clock + timedelta(days=3, minutes=n), f"{ids.name}-{n}-open")
            if chance.random() < 0.6:
                holder = f"customer-{ids.number}-{n}"
                sold: Event = {"kind": "sold", "items": [{"item": ids.bike(n)}], "holder": holder, "channel": "shop"}
                yield "retail", _at(sold, clock + timedelta(days=5, minutes=n), f"{ids.name}-{n}-sale")


def _after_life(ids: "_Ids", clock: datetime) -> Iterator[Posted]:
    """A returned bike, a component swap, a rework, a hold, and one wrong event corrected."""
    bike, pack, spare = ids.bike(3), ids.pack(3), {"product": "PACK", "serial": "SPARE-1"}
    yield "retail", _at({"kind": "returned", "items": [{"item": bike}], "site": "PLANT-2"}, clock, "return-3")
    removed = {"kind": "disassembled", "parent": bike, "components": [{"item": pack}], "site": "PLANT-2"}
    yield "mes-assembly", _at(removed, clock + timedelta(hours=1), "swap-out-3")
    refitted = {"kind": "assembled", "parent": bike, "components": [{"item": spare}], "site": "PLANT-2"}
    yield "mes-assembly", _at(refitted, clock + timedelta(hours=2), "swap-in-3")
    mended: Event = {"kind": "reworked", "item": bike, "parts": [{"item": {"product": "LAMP", "serial": "1"}}]}
    yield "mes-assembly", _at(mended, clock + timedelta(hours=3), "rework-3")
    held = {"kind": "held", "hold_id": "HOLD-1", "items": [{"item": ids.cell_lots[0]}], "reason": "field failure"}
    yield "mes-cells", _at(held, clock + timedelta(hours=4), "hold-1")
    wrong: Event = {"kind": "sold", "items": [{"item": ids.bike(5)}], "holder": "typed-wrong"}
    yield "retail", _at(wrong, clock + timedelta(hours=5), "wrong-sale")
    void = {"kind": "voided", "target": "demo:wrong-sale", "replaced_by": ["demo:right-sale"], "reason": "wrong holder"}
    yield "retail", _at(void, clock + timedelta(hours=6), "void-sale")
    right: Event = {"kind": "sold", "items": [{"item": ids.bike(5)}], "holder": "customer-0-5"}
    yield "retail", _at(right, clock + timedelta(hours=5), "right-sale")


class _Ids:
    """The ids of one run. Bikes and pallets have GS1 ids, the rest the factory's own."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"C{number:05d}"
        second = [{"product": "CELL-21700", "lot": f"{self.name}-B"}] if number % 3 == 1 else []
        self.cell_lots = [{"product": "CELL-21700", "lot": f"{self.name}-A"}, *second]

    def module(self, n: int, k: int) -> dict[str, str]:
        return {"product": "MODULE", "serial": f"{self.name}-{n:02d}{k}"}

    def pack(self, n: int) -> dict[str, str]:
        return {"product": "PACK", "serial": f"{self.name}-{n:02d}"}

    def bike(self, n: int) -> str:
        return _bike_uri(self.number, n)

    def carton(self, n: int) -> str:
        return f"urn:demo:carton:{self.name}-{n:02d}"

    def pallet(self, k: int) -> str:
        return f"urn:epc:id:sscc:9521234.0{self.number * 2 + k:09d}"


def _bike_uri(run: int, n: int) -> str:
    return f"https://id.gs1.org/01/09521234000020/21/B{run:05d}-{n:02d}"


def _at(event: Event, clock: datetime, name: str) -> Event:
    return {**event, "occurred_at": _iso(clock), "event_id": f"demo:{name}"}


def _iso(clock: datetime) -> str:
    return (clock + timedelta(hours=8)).replace(tzinfo=None).isoformat() + "+08:00"
