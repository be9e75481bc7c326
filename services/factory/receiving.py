"""Material comes in: lots of several suppliers with certificates, most of them inspected, a few held for a while."""

from collections.abc import Iterator

from services.factory.names import (
    ADHESIVE_SUPPLIERS,
    BIKES_PER_RUN,
    CHEMICALS,
    ELECTROLYTE_GTIN,
    ELECTROLYTE_SUPPLIERS,
    MOTOR_SUPPLIER,
    PLANT_BIKES,
    PLANT_CELLS,
    RUNS_PER_DRUM,
    Event,
    Item,
)
from services.factory.story import cell_supplier, supplier_lot
from services.factory.telling import MINUTE, Run, Told

_INSPECTED_SHARE = 0.8
_DOUBTFUL_SHARE = 0.05


def receiving(run: Run) -> Iterator[Told]:
    """The receipts of a run's lots, in its first half hour, and their inspections."""
    names, number = run.names, run.names.number
    for which in ("A", "B") if run.changes_over else ("A",):
        supplier = cell_supplier(number, which)
        lot = _Lot(f"cells-{which}", names.cell_lot(which), supplier, supplier_lot(number, which), 2_000)
        yield from _received(run, lot, "C62", at=0, site=PLANT_CELLS)
        yield from _inspected(run, lot, ("capacity", "A.h", 4.9, 5.2), at=8 * MINUTE)
    if number % RUNS_PER_DRUM == 0:
        lot = _Lot("electrolyte", names.electrolyte, ELECTROLYTE_SUPPLIERS[names.drum % 2], f"EL-{names.drum:05d}", 50)
        yield from _mixed(run, lot)
        yield from _received(run, lot, "KGM", at=2 * MINUTE, site=PLANT_CELLS)
        yield from _inspected(run, lot, ("water_content", "59", 0, 20), at=12 * MINUTE)
    if number % 4 == 0:
        box = number // 4
        lot = _Lot("adhesive", names.adhesive, ADHESIVE_SUPPLIERS[box % 2], f"{box:04d}", 20)
        yield from _received(run, lot, "KGM", at=4 * MINUTE, site=PLANT_CELLS)
    motors = _Lot("motors", names.motor_lot, MOTOR_SUPPLIER, f"CZ{number:06d}", BIKES_PER_RUN)
    yield from _received(run, motors, "C62", at=5 * MINUTE, site=PLANT_BIKES)
    serials = {"product": {"product": "MOTOR"}, "first": names.motor_serial(0)}
    labelled = {"range": serials | {"last": names.motor_serial(BIKES_PER_RUN - 1)}, "lot": names.motor_lot}
    yield (
        6 * MINUTE,
        "wms",
        {
            "kind": "commissioned",
            "event_id": run.id_of("wms", "motors"),
            "items": [labelled],
            "site": PLANT_BIKES,
        },
    )


def _mixed(run: Run, lot: "_Lot") -> Iterator[Told]:
    """What the supplier tells of a drum before it comes: the chemicals it was mixed from."""
    used = [
        {"item": run.names.chemical(c), "quantity": str(c.grams_per_drum), "uom": "GRM", "basis": "declared"}
        for c in CHEMICALS
    ]
    made = {"gtin": ELECTROLYTE_GTIN, "lot": lot.theirs}
    event: Event = {
        "kind": "transformed",
        "event_id": run.id_of("wms", "supplier-mix"),
        "inputs": used,
        "outputs": [{"item": made, "quantity": lot.quantity, "uom": "KGM"}],
        "documents": [{"type": "desadv", "id": f"ASN-{lot.theirs}"}],
    }
    yield 0, "wms", event


class _Lot:
    """A lot as it comes in: our id and its supplier's number."""

    def __init__(self, word: str, item: Item, supplier: str, theirs: str, quantity: int) -> None:  # noqa: PLR0917
        self.word, self.item, self.supplier, self.theirs, self.quantity = word, item, supplier, theirs, quantity


def _received(run: Run, lot: _Lot, uom: str, *, at: int, site: str) -> Iterator[Told]:
    event: Event = {
        "kind": "material_received",
        "event_id": run.id_of("wms", f"receipt-{lot.word}"),
        "item": lot.item,
        "quantity": lot.quantity,
        "supplier": lot.supplier,
        "supplier_lot": lot.theirs,
        "certificate": f"coa-{lot.theirs}.pdf",
        "site": site,
        "documents": [{"type": "po", "id": f"PO-{run.names.tag}"}, {"type": "desadv", "id": f"ASN-{lot.theirs}"}],
    }
    yield at, "wms", event | ({} if uom == "C62" else {"uom": uom})


def _inspected(run: Run, lot: _Lot, limits: tuple[str, str, float, float], *, at: int) -> Iterator[Told]:
    """An incoming inspection. A doubtful lot is held and, looked at again, released."""
    if run.chance.random() >= _INSPECTED_SHARE and not run.is_story:
        return
    doubtful = run.chance.random() < _DOUBTFUL_SHARE
    characteristic, unit, low, high = limits
    span = high - low
    value = high + span * 0.05 if doubtful else low + span * (0.1 + 0.8 * run.chance.random())
    measured = {"characteristic": characteristic, "value": f"{value:.3f}", "unit": unit}
    measured |= {"lower_limit": str(low), "upper_limit": str(high), "verdict": "fail" if doubtful else "pass"}
    event: Event = {
        "kind": "inspected",
        "event_id": run.id_of("mes-cells", f"incoming-{lot.word}"),
        "items": [{"item": lot.item}],
        "verdict": "conditional" if doubtful else "pass",
        "measurements": [measured],
        "inspector": f"qc-{run.names.number % 5}",
        "circumstances": {"instrument": f"TESTER-{run.names.number % 2 + 1}"},
        "site": PLANT_CELLS,
    }
    yield at, "mes-cells", event
    if doubtful:
        hold = {"hold_id": f"IQC-{run.names.tag}-{lot.word}"}
        held = {"kind": "held", "event_id": run.id_of("mes-cells", f"hold-{lot.word}"), "items": [{"item": lot.item}]}
        yield at + MINUTE, "mes-cells", held | hold | {"reason": f"{characteristic} above its limit"}
        released = {"kind": "hold_released", "event_id": run.id_of("mes-cells", f"release-{lot.word}")}
        yield at + 20 * MINUTE, "mes-cells", released | hold | {"reason": "measured again, within limits"}
