"""The story after the sale: a bike fails and comes back, gets another pack, and the lot behind it is held."""

from collections.abc import Iterator

from services.factory.names import PLANT_BIKES, Event
from services.factory.retail import customer
from services.factory.story import FAILED_BIKE, MISTYPED_BIKE, SPARE_PACK
from services.factory.telling import DAY, HOUR, Run, Told


def aftercare(run: Run) -> Iterator[Told]:
    """Days 20 to 23 of the run with the bad lot: return, inspection, component swap, rework, hold, corrected sale."""
    names, n = run.names, FAILED_BIKE
    bike = [{"item": names.bike(n)}]
    complaint: Event = {"documents": [{"type": "rma", "id": f"RMA-{names.tag}"}]}
    start = 20 * DAY
    wrong = run.id_of("retail", f"sell-{MISTYPED_BIKE:02d}")
    right: Event = {
        "kind": "sold",
        "event_id": run.id_of("retail", "sell-put-right"),
        "holder": customer(run, MISTYPED_BIKE),
    }
    right |= {"items": [{"item": names.bike_link(MISTYPED_BIKE)}], "channel": "shop", "site": names.shop(0)}
    void: Event = {"kind": "voided", "event_id": run.id_of("retail", "void-sale"), "target": wrong}
    void |= {"replaced_by": [right["event_id"]], "reason": "the holder was typed wrong"}
    yield start, "retail", right
    yield start + HOUR, "retail", void
    back: Event = {"kind": "returned", "items": [{"item": names.bike_link(n)}], "returned_by": customer(run, n)}
    back |= {"site": PLANT_BIKES, "reason": "pack went hot while charging", "event_id": run.id_of("retail", "failure")}
    yield start + 2 * HOUR, "retail", back | complaint
    found: Event = {
        "kind": "inspected",
        "event_id": run.id_of("mes-assembly", "analysis"),
        "verdict": "fail",
        "items": bike,
    }
    found |= {
        "measurements": [{"characteristic": "cell_delta", "value": "0.412", "unit": "VLT", "upper_limit": "0.050"}]
    }
    yield start + DAY, "mes-assembly", found | complaint
    out: Event = {"kind": "disassembled", "event_id": run.id_of("mes-assembly", "swap-out"), "parent": names.bike(n)}
    yield start + DAY + HOUR, "mes-assembly", out | {"components": [{"item": names.pack(n)}], "site": PLANT_BIKES}
    fitted: Event = {"kind": "assembled", "event_id": run.id_of("mes-assembly", "swap-in"), "parent": names.bike(n)}
    spare: Event = {"components": [{"item": names.pack(SPARE_PACK)}], "site": PLANT_BIKES}
    yield start + DAY + 2 * HOUR, "mes-assembly", fitted | spare
    mended: Event = {"kind": "reworked", "event_id": run.id_of("mes-assembly", "rework-failed"), "item": names.bike(n)}
    mended |= {"parts": [{"item": names.lamp(n)}], "reason": "cable scorched", "site": PLANT_BIKES}
    yield start + DAY + 3 * HOUR, "mes-assembly", mended | complaint
    held: Event = {"kind": "held", "event_id": run.id_of("mes-cells", "hold-bad-lot"), "hold_id": f"QA-{names.tag}"}
    held |= {"items": [{"item": names.cell_lot("A")}, {"item": names.pack(n)}], "reason": "suspected separator defect"}
    yield start + 2 * DAY, "mes-cells", held
