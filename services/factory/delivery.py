"""Bikes into cartons, cartons onto pallets, pallets to dealers."""

from collections.abc import Iterator

from services.factory.names import BIKES_PER_RUN, PLANT_BIKES, Event
from services.factory.telling import HOUR, MINUTE, Run, Told

PALLETS = 2


def delivery(run: Run) -> Iterator[Told]:
    """Hours 8 to 12. The cartons' packing has no event id: its content is its id."""
    for n in range(BIKES_PER_RUN):
        boxed: Event = {"kind": "packed", "container": run.names.carton(n), "contents": [{"item": run.names.bike(n)}]}
        yield 8 * HOUR + n * MINUTE, "wms", boxed | {"site": PLANT_BIKES}
    for k in range(PALLETS):
        bill = [{"type": "bol", "id": f"BOL-{run.names.tag}-{k}"}, {"type": "desadv", "id": f"DN-{run.names.tag}-{k}"}]
        cartons = [{"item": run.names.carton(n)} for n in bikes_on(k)]
        stacked = {"kind": "packed", "container": run.names.pallet(k), "contents": cartons, "site": PLANT_BIKES}
        yield 9 * HOUR + k * MINUTE, "wms", stacked | {"event_id": run.id_of("wms", f"stack-{k}")}
        shipped: Event = {
            "kind": "shipped",
            "event_id": run.id_of("wms", f"ship-{k}"),
            "items": [{"item": run.names.pallet(k)}],
            "site": PLANT_BIKES,
            "to_possessor": run.names.dealer(k),
            "to_place": run.names.shop(k),
            "documents": bill,
        }
        yield 11 * HOUR + k * MINUTE, "wms", shipped


def bikes_on(pallet: int) -> range:
    """Which bikes of a run stand on its first or second pallet."""
    share = BIKES_PER_RUN // PALLETS
    return range(pallet * share, (pallet + 1) * share)
