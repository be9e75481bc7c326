"""Who and what there is in the demo factory.

Bikes, electrolyte, cartons and pallets have GS1 ids, the rest native ones.
"""

from dataclasses import dataclass
from typing import Any

BIKES_PER_RUN = 20
UNITS_PER_BIKE = 5
"""two modules, a pack, a motor and the bike itself"""
DEALERS = 12
PREFIX = "9521234"
"""GS1 company prefix of the factory (from GS1's range for examples)"""
BIKE_GTIN = "09521234000020"
ELECTROLYTE_GTIN = "09521234003014"
PLANT_CELLS, PLANT_BIKES = "PLANT-1-CELLS", "PLANT-2-BIKES"

CELL_SUPPLIERS = ("ningde-cells", "suzhou-cells", "daegu-cells")
ELECTROLYTE_SUPPLIERS = ("taihu-chemicals", "ulsan-chemicals")
ADHESIVE_SUPPLIERS = ("rhein-adhesives", "foshan-adhesives")
MOTOR_SUPPLIER = "changzhou-motors"

PARTS_SUPPLIER = "shenzhen-parts"

RUNS_PER_DRUM = 2
RUNS_PER_LOT = 8
"""of transistors and chips"""

Item = dict[str, str] | str
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chemical:
    """What electrolyte is mixed from: the purer, the larger the lot. `drums` is how many one lot goes into."""

    product: str
    drums: int
    grams_per_drum: int


CHEMICALS_MAKER = "hebei-chemicals"
CHEMICALS = (
    Chemical("SOLVENT", 6, 40_000),
    Chemical("LIPF6", 63, 7_000),
    Chemical("ADDITIVE-VC", 625, 1_000),
    Chemical("FEEDSTOCK-EC", 6_250, 30_000),
)
"""Their lots reach about a thousand, ten thousand, a hundred thousand and a million modules, packs and bikes."""


@dataclass(frozen=True, slots=True)
class Names:
    """The ids of one run: a cell lot or two, and the twenty bikes built from them."""

    number: int

    @property
    def tag(self) -> str:
        return f"{self.number:06d}"

    def cell_lot(self, which: str) -> Item:
        return {"product": "CELL-21700", "lot": f"C{self.tag}-{which}"}

    @property
    def electrolyte(self) -> Item:
        return f"urn:epc:class:lgtin:{PREFIX}.000301.E{self.drum:06d}"

    @property
    def drum(self) -> int:
        """Number of the electrolyte drum in use: one lasts for two runs."""
        return self.number // RUNS_PER_DRUM

    def chemical(self, chemical: Chemical) -> Item:
        """The supplier's lot of a chemical that this run's electrolyte was mixed from."""
        lot = f"{chemical.product[:3]}{self.drum // chemical.drums:05d}"
        return {"issuer": CHEMICALS_MAKER, "product": chemical.product, "lot": lot}

    @property
    def adhesive(self) -> Item:
        """A cartridge box lasts for four runs."""
        return {"product": "ADHESIVE", "lot": f"A{self.number // 4:06d}"}

    @property
    def motor_lot(self) -> Item:
        return {"product": "MOTOR", "lot": f"MT{self.tag}"}

    @property
    def module_lot(self) -> Item:
        return {"product": "MODULE", "lot": f"ML{self.tag}"}

    def board(self, n: int) -> Item:
        return {"product": "BMS-BOARD", "serial": f"BB{self.tag}{n:02d}"}

    def reel(self, k: int) -> Item:
        """The first reel of transistors of a run, or the one spliced to it."""
        return {"product": "MOSFET-80V", "serial": f"RL{self.tag}-{k}"}

    @property
    def reel_lot(self) -> Item:
        return {"product": "MOSFET-80V", "lot": f"TR{self.number // RUNS_PER_LOT:06d}"}

    @property
    def chip_lot(self) -> Item:
        return {"product": "BMS-CHIP", "lot": f"IC{self.number // RUNS_PER_LOT:06d}"}

    def module_serial(self, n: int, k: int) -> str:
        return f"M{self.tag}{2 * n + k:02d}"

    def module(self, n: int, k: int) -> Item:
        return {"product": "MODULE", "serial": self.module_serial(n, k)}

    def pack(self, n: int) -> Item:
        return {"product": "PACK", "serial": f"P{self.tag}{n:02d}"}

    def motor_serial(self, n: int) -> str:
        return f"MT{self.tag}{n:02d}"

    def motor(self, n: int) -> Item:
        return {"product": "MOTOR", "serial": self.motor_serial(n)}

    def lamp(self, n: int) -> Item:
        return {"product": "LAMP", "serial": f"LP{self.tag}{n:02d}"}

    def bike_serial(self, n: int) -> str:
        return f"B{self.tag}{n:02d}"

    def bike(self, n: int) -> str:
        """As the plant writes it."""
        return f"urn:epc:id:sgtin:{PREFIX}.000002.{self.bike_serial(n)}"

    def bike_link(self, n: int) -> str:
        """As the shop scans it, and as the service calls it: the Digital Link of the same bike."""
        return f"https://id.gs1.org/01/{BIKE_GTIN}/21/{self.bike_serial(n)}"

    def carton(self, n: int) -> str:
        return f"urn:epc:id:sscc:{PREFIX}.1{self.number * BIKES_PER_RUN + n:09d}"

    def pallet(self, k: int) -> str:
        return f"urn:epc:id:sscc:{PREFIX}.0{self.number * 2 + k:09d}"

    def dealer(self, k: int) -> str:
        return f"dealer-{(self.number * 2 + k) % DEALERS + 1:02d}"

    def shop(self, k: int) -> str:
        return f"SHOP-{(self.number * 2 + k) % DEALERS + 1:02d}"
