"""What nobody scans to a serial: boards made from reels on feeders, electrolyte from tanks, testers that drift.

Boards of a run are made in panels on one of the SMT lines; its second reel of transistors is spliced to the first. Each
line, tank and tester serves one run at a time: the larger the factory, the more there are (`Run.lanes`).
"""

from collections.abc import Iterator

from services.factory.names import (
    PARTS_SUPPLIER,
    PLANT_BIKES,
    PLANT_CELLS,
    RUNS_PER_DRUM,
    RUNS_PER_LOT,
    Event,
    Item,
)
from services.factory.story import BOARDS_IN_DOUBT, PANELS, SPLICED_BEFORE_PANEL, panel_boards
from services.factory.telling import HOUR, MINUTE, Run, Told

_SMT_STARTS = 34 * MINUTE
_PANEL_EVERY, _PANEL_TAKES = 3 * MINUTE, 2 * MINUTE
_CALIBRATED, _CALIBRATED_AGAIN = HOUR, 7 * HOUR + 30 * MINUTE
_BOX_EMPTY = 7 * HOUR + 45 * MINUTE


def tank(run: Run) -> str:
    """The tank that the run's modules are filled from: one for each drum under way."""
    return f"EL-TANK-{1 + run.names.drum % run.lanes}"


def tester(run: Run, n: int) -> str:
    """The end tester of a bike: two for each run under way."""
    return f"ENDTEST-{1 + 2 * (run.names.number % run.lanes) + n % 2}"


def smt(run: Run) -> str:
    """The SMT line of a run's boards."""
    return f"SMT-{1 + run.names.number % run.lanes}"


def line(run: Run) -> Iterator[Told]:
    """From minute 30 to hour 8; nothing where the plain factory is told."""
    if run.lanes:
        yield from _received(run)
        yield from _filled(run)
        yield from _boards(run)
        yield from _calibrations(run)
        yield from _used_up(run)


def _received(run: Run) -> Iterator[Told]:
    """A lot of transistors and one of chips lasts for eight runs."""
    if run.names.number % RUNS_PER_LOT:
        return
    for word, lot in (("transistors", run.names.reel_lot), ("chips", run.names.chip_lot)):
        came: Event = {"kind": "material_received", "event_id": run.id_of("wms", f"receipt-{word}"), "item": lot}
        yield 33 * MINUTE, "wms", came | {"quantity": 40_000, "supplier": PARTS_SUPPLIER, "site": PLANT_CELLS}


def _filled(run: Run) -> Iterator[Told]:
    """A drum goes into its tank; the tank is cleaned before every second one, else a heel of the drum before stays."""
    if run.names.number % RUNS_PER_DRUM:
        return
    if run.names.drum // run.lanes % 2 == 0:
        cleaned = {"kind": "cleaned", "event_id": run.id_of("mes-cells", "tank-cleaned"), "vessel": tank(run)}
        yield 33 * MINUTE, "mes-cells", cleaned | {"site": PLANT_CELLS}
    drum = {"item": run.names.electrolyte, "quantity": "50", "uom": "KGM", "basis": "scanned"}
    charged = {"kind": "charged", "event_id": run.id_of("mes-cells", "tank-charged"), "vessel": tank(run)}
    yield 34 * MINUTE, "mes-cells", charged | {"inputs": [drum], "site": PLANT_CELLS}


def _boards(run: Run) -> Iterator[Told]:
    reels = [run.names.reel(k) for k in (0, 1)]
    known: Event = {"kind": "commissioned", "event_id": run.id_of("mes-cells", "reels"), "site": PLANT_CELLS}
    yield _SMT_STARTS, "mes-cells", known | {"items": [{"item": r, "lot": run.names.reel_lot} for r in reels]}
    chips: Event = {"item": run.names.chip_lot, "position": "F1"}
    yield from _mounted(run, "chips", chips, at=_SMT_STARTS)
    yield from _mounted(run, "reel-0", {"item": reels[0], "position": "F2"}, at=_SMT_STARTS)
    for panel in range(PANELS):
        begins = _SMT_STARTS + MINUTE + panel * _PANEL_EVERY
        if panel == SPLICED_BEFORE_PANEL:
            doubt = {"spliced": True, "doubt_units": BOARDS_IN_DOUBT}
            spliced = {"item": reels[1], "position": "F2", **doubt}
            yield from _mounted(run, "reel-1", spliced, at=begins - MINUTE // 2)
        made: Event = {
            "kind": "transformed",
            "event_id": run.id_of("mes-cells", f"boards-{panel}"),
            "started_at": begins,
            "outputs": [{"item": run.names.board(n)} for n in panel_boards(panel)],
            "circumstances": {"equipment": [smt(run)], "recipe": "BMS-36V", "version": "3"},
            "site": PLANT_CELLS,
        }
        yield begins + _PANEL_TAKES, "mes-cells", made


def _mounted(run: Run, word: str, what: Event, *, at: int) -> Iterator[Told]:
    mounted: Event = {"kind": "mounted", "event_id": run.id_of("mes-cells", f"mount-{word}"), "equipment": smt(run)}
    yield at, "mes-cells", mounted | what | {"site": PLANT_CELLS}


def _calibrations(run: Run) -> Iterator[Told]:
    """Both testers before a run's bikes; in the story's run, one of them is found out of tolerance after them."""
    for n in (0, 1):
        checked = _calibrated(run, tester(run, n), error="0.010")
        yield _CALIBRATED, "mes-assembly", checked | {"event_id": run.id_of("mes-assembly", f"calibrated-{n}")}
    if run.is_story:
        found = _calibrated(run, tester(run, 0), error="0.460") | {"as_left": [_reading("0.005")]}
        again = {"event_id": run.id_of("mes-assembly", "calibrated-again"), "certificate": f"CAL-{run.names.tag}"}
        yield _CALIBRATED_AGAIN, "mes-assembly", found | again


def _calibrated(run: Run, instrument: str, *, error: str) -> Event:
    return {"kind": "calibrated", "instrument": instrument, "as_found": [_reading(error)], "site": PLANT_BIKES}


def _reading(error: str) -> Event:
    return {
        "characteristic": "error at 36 V",
        "value": error,
        "unit": "VLT",
        "lower_limit": "-0.050",
        "upper_limit": "0.050",
    }


def _used_up(run: Run) -> Iterator[Told]:
    """An adhesive box is empty after its fourth run: what is booked without its lot later is not of it."""
    if run.names.number % 4 == 3:
        gone = {"kind": "scrapped", "event_id": run.id_of("wms", "adhesive-empty"), "site": PLANT_CELLS}
        yield _BOX_EMPTY, "wms", gone | {"items": [{"item": run.names.adhesive}], "reason": "empty"}


def boards_of(run: Run, n: int) -> list[Item]:
    """The board of a pack, where boards are told."""
    return [run.names.board(n)] if run.lanes else []
