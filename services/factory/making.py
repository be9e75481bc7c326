"""Cells to modules to packs to bikes, each bike tested, some mended."""

from collections.abc import Iterator

from services.factory.line import boards_of, tank, tester
from services.factory.names import BIKES_PER_RUN, PLANT_BIKES, PLANT_CELLS, Event
from services.factory.story import FIRST_LOT_BIKES, MISTAKEN_BIKE, SHARED_BIKES, SPARE_PACK
from services.factory.telling import HOUR, MINUTE, Run, Told

_FAILING_SHARE = 0.03
_CELLS_PER_MODULE = 40


def making(run: Run) -> Iterator[Told]:
    """Hours 1 to 7: the modules, packs and bikes of a run; the story's run builds a spare pack too."""
    packs = BIKES_PER_RUN + (1 if run.is_story else 0)
    for n in range(packs):
        start = HOUR + n * 10 * MINUTE
        yield from _modules(run, n, start)
        yield from _pack(run, n, start + 20 * MINUTE)
        if n != SPARE_PACK:
            yield from _bike(run, n, start + 60 * MINUTE)


def _modules(run: Run, n: int, start: int) -> Iterator[Told]:
    if run.changes_over and n in SHARED_BIKES:
        if n == SHARED_BIKES[0]:
            yield from _shared_modules(run, start)
        return
    which = "A" if not run.changes_over or n < FIRST_LOT_BIKES else "B"
    ended = start + 15 * MINUTE
    cells = {"item": run.names.cell_lot(which), "quantity": 2 * _CELLS_PER_MODULE, "basis": "scanned"}
    yield (
        ended,
        "mes-cells",
        {
            "kind": "transformed",
            "event_id": run.id_of("mes-cells", f"modules-{n:02d}"),
            "started_at": start,
            "inputs": [cells, *_liquids(run)],
            **_draws(run),
            "outputs": _outputs(run, n),
            "circumstances": _station(run, n),
            "documents": [{"type": "prodorder", "id": f"MO-{run.names.tag}"}],
            "site": PLANT_CELLS,
        },
    )


def _shared_modules(run: Run, start: int) -> Iterator[Told]:
    """The changeover: two lots in, four modules out, told in two events of one transformation."""
    shared: Event = {
        "kind": "transformed",
        "transformation_id": f"changeover-{run.names.tag}",
        "circumstances": _station(run, SHARED_BIKES[0]),
        "site": PLANT_CELLS,
    }
    lots = [{"item": run.names.cell_lot(w), "quantity": 2 * _CELLS_PER_MODULE, "basis": "scanned"} for w in ("A", "B")]
    fed = {"event_id": run.id_of("mes-cells", "changeover-in"), "inputs": [*lots, *_liquids(run)], **_draws(run)}
    yield start, "mes-cells", shared | fed
    made = [{"item": run.names.module(n, k)} for n in SHARED_BIKES for k in (0, 1)]
    yield (
        start + 24 * MINUTE,
        "mes-cells",
        shared | {"event_id": run.id_of("mes-cells", "changeover-out"), "started_at": start + MINUTE, "outputs": made},
    )


def _liquids(run: Run) -> list[Event]:
    """What is scanned from drum and cartridge; or, from a tank and a box, adhesive booked by recipe without its lot."""
    if run.lanes:
        return [{"item": {"product": "ADHESIVE"}, "quantity": "0.05", "uom": "KGM", "basis": "backflushed"}]
    return [
        {"item": run.names.electrolyte, "quantity": "0.4", "uom": "KGM", "basis": "scanned"},
        {"item": run.names.adhesive, "quantity": "0.05", "uom": "KGM", "basis": "declared"},
    ]


def _draws(run: Run) -> Event:
    return {"draws": [{"vessel": tank(run), "quantity": "0.4", "uom": "KGM"}]} if run.lanes else {}


def _outputs(run: Run, n: int) -> list[Event]:
    """Odd runs name a serial range and a module lot, as some stations do."""
    if run.names.number % 2 == 0:
        return [{"item": run.names.module(n, k)} for k in (0, 1)]
    serials = {"product": {"product": "MODULE"}, "first": run.names.module_serial(n, 0)}
    return [{"range": serials | {"last": run.names.module_serial(n, 1)}, "lot": run.names.module_lot}]


def _station(run: Run, n: int) -> Event:
    peak = f"{242 + 6 * run.chance.random():.1f}"
    return {
        "line": f"L{1 + n % 2}",
        "equipment": [f"WELDER-{1 + n % 3}"],
        "operators": [f"op-{run.chance.randrange(12):02d}"],
        "work_order": f"MO-{run.names.tag}",
        "parameters": [{"name": "weld_temperature", "value": peak, "unit": "CEL"}],
    }


def _pack(run: Run, n: int, start: int) -> Iterator[Told]:
    # The last of the shared modules is out a little after its pack's usual hour.
    begins = start + (15 * MINUTE if run.changes_over and n in SHARED_BIKES else 0)
    fitted = [{"item": i} for i in (*(run.names.module(n, k) for k in (0, 1)), *boards_of(run, n))]
    event: Event = {
        "kind": "assembled",
        "event_id": run.id_of("mes-assembly", f"pack-{n:02d}"),
        "parent": run.names.pack(n),
        "components": fitted,
        "site": PLANT_CELLS,
        "circumstances": {"line": "P1", "operators": [f"op-{run.chance.randrange(12, 20):02d}"]},
    }
    yield begins, "mes-assembly", event


def _bike(run: Run, n: int, start: int) -> Iterator[Told]:
    names = run.names
    built: Event = {
        "kind": "assembled",
        "event_id": run.id_of("mes-assembly", f"bike-{n:02d}"),
        "parent": names.bike(n),
        "components": [{"item": names.pack(n)}, {"item": names.motor(n)}],
        "site": PLANT_BIKES,
        "circumstances": {"line": "B1", "work_order": f"BO-{names.tag}"},
    }
    if run.is_story and n == MISTAKEN_BIKE:
        yield from _mistaken(run, built, start)
    else:
        yield start, "mes-assembly", built
    passed = run.chance.random() >= _FAILING_SHARE
    yield _tested(run, n, at=start + 15 * MINUTE, passed=passed)
    if not passed:
        mended = {
            "kind": "reworked",
            "event_id": run.id_of("mes-assembly", f"rework-{n:02d}"),
            "item": names.bike(n),
            "parts": [{"item": names.lamp(n)}],
            "materials": [{"item": names.adhesive, "quantity": "0.01", "uom": "KGM"}],
            "reason": "lamp dead at the end test",
            "site": PLANT_BIKES,
        }
        if run.lanes:  # by class, as all adhesive is
            mended |= {"materials": []}
        yield start + 25 * MINUTE, "mes-assembly", mended
        yield _tested(run, n, at=start + 35 * MINUTE, passed=True, again=True)


def _mistaken(run: Run, built: Event, start: int) -> Iterator[Told]:
    """The wrong pack is scanned, noticed and put right: voided, and told anew as it was."""
    wrong = built | {"event_id": run.id_of("mes-assembly", "bike-wrong-pack")}
    yield start, "mes-assembly", wrong | {"components": [{"item": run.names.pack(2)}, *built["components"][1:]]}
    yield start, "mes-assembly", built
    void = {
        "kind": "voided",
        "event_id": run.id_of("mes-assembly", "void-wrong-pack"),
        "target": wrong["event_id"],
        "replaced_by": [built["event_id"]],
        "reason": "the neighbour's pack was scanned",
    }
    yield start + 40 * MINUTE, "mes-assembly", void


def _tested(run: Run, n: int, *, at: int, passed: bool, again: bool = False) -> Told:
    low, high = 30.0, 42.0
    volts = f"{36 + 2 * run.chance.random():.2f}" if passed else "0.00"
    measured = {"characteristic": "voltage", "value": volts, "unit": "VLT", "lower_limit": low, "upper_limit": high}
    event: Event = {
        "kind": "inspected",
        "event_id": run.id_of("mes-assembly", f"test-{n:02d}-{2 if again else 1}"),
        "items": [{"item": run.names.bike(n)}],
        "verdict": "pass" if passed else "fail",
        "measurements": [measured | {"verdict": "pass" if passed else "fail"}],
        "circumstances": {"instrument": tester(run, n) if run.lanes else f"ENDTEST-{1 + n % 2}"},
        "site": PLANT_BIKES,
    }
    return at, "mes-assembly", event | ({"started_at": at - 5 * MINUTE} if run.lanes else {})
