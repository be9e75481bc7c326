"""Names of the parties, places and products, told once at the beginning."""

from collections.abc import Iterator

from services.factory.names import (
    ADHESIVE_SUPPLIERS,
    BIKE_GTIN,
    CELL_SUPPLIERS,
    CHEMICALS_MAKER,
    DEALERS,
    ELECTROLYTE_SUPPLIERS,
    MOTOR_SUPPLIER,
    PLANT_BIKES,
    PLANT_CELLS,
)
from services.factory.telling import Told

_SUPPLIERS = {
    CELL_SUPPLIERS[0]: ("宁德电芯有限公司", "CN"),
    CELL_SUPPLIERS[1]: ("苏州电芯有限公司", "CN"),
    CELL_SUPPLIERS[2]: ("Daegu Cells Co.", "KR"),
    ELECTROLYTE_SUPPLIERS[0]: ("太湖化学有限公司", "CN"),
    ELECTROLYTE_SUPPLIERS[1]: ("Ulsan Chemicals Co.", "KR"),
    CHEMICALS_MAKER: ("河北化工有限公司", "CN"),
    ADHESIVE_SUPPLIERS[0]: ("Rhein Klebstoffe GmbH", "DE"),
    ADHESIVE_SUPPLIERS[1]: ("佛山胶粘剂有限公司", "CN"),
    MOTOR_SUPPLIER: ("常州电机有限公司", "CN"),
}
_PRODUCTS = {
    "CELL-21700": "Cell 21700, 5 Ah",
    "MODULE": "Battery module 10s4p",
    "PACK": "Battery pack 36 V",
    "MOTOR": "Hub motor 250 W",
}


def described() -> Iterator[Told]:
    """All of it, as the warehouse system knows it."""
    for party, (name, country) in _SUPPLIERS.items():
        yield (
            0,
            "wms",
            {
                "kind": "party_described",
                "event_id": f"wms:party:{party}",
                "party": party,
                "name": name,
                "country": country,
                "role": "supplier",
            },
        )
    for n in range(1, DEALERS + 1):
        dealer = f"dealer-{n:02d}"
        name = f"Dealer {n:02d}"
        event = {"kind": "party_described", "event_id": f"wms:party:dealer-{n:02d}", "party": dealer, "name": name}
        yield 0, "wms", event | {"role": "dealer"}
    for place, name in ((PLANT_CELLS, "Cell and module plant"), (PLANT_BIKES, "Bike plant")):
        yield 0, "wms", {"kind": "place_described", "event_id": f"wms:place:{place}", "place": place, "name": name}
    for product, name in _PRODUCTS.items():
        item = {"product": product}
        yield (
            0,
            "wms",
            {"kind": "product_described", "event_id": f"wms:product:{product}", "product": item, "name": name},
        )
    bike = {"kind": "product_described", "product": {"gtin": BIKE_GTIN}, "name": "E-bike City 36", "model": "City 36"}
    yield 0, "wms", bike | {"event_id": "wms:product:bike", "category": "e-bike"}
