"""The story the demo tells: a bad cell lot, a bike that failed, and which bikes are truly affected."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from services.factory.names import BIKES_PER_RUN, CELL_SUPPLIERS, UNITS_PER_BIKE, Names

CHANGEOVER_EVERY = 3
"""Every third run changes over to a second cell lot while it is under way."""
FIRST_LOT_BIKES = 12
"""Bikes 0 to 11 of such a run are of its first lot alone."""
SHARED_BIKES = (12, 13)
"""Their modules were made in one go from both lots: the record cannot tell which of them has cells of which."""
FAILED_BIKE, MISTAKEN_BIKE, MISTYPED_BIKE, LATE_BIKE, SPARE_PACK = 3, 16, 5, 18, BIKES_PER_RUN


_RUN_SECONDS = 8 * 3600
_RUN_LASTS_SECONDS = 9 * 3600
"""from its first receipt to its last bike"""
_WHOLE_SECONDS = 500 * 86_400
"""However large the factory, its runs start within this: nothing is ever told of the future."""
PANELS = 7
SPLICED_BEFORE_PANEL = 3
"""The second reel of transistors is spliced on before this panel of boards, give or take a panel."""
BOARDS_IN_DOUBT = (BIKES_PER_RUN + 1) // PANELS
"""How exactly the splice is known: to a panel, either way."""
LAST_BOARD_OF_FIRST_REEL = 7
"""Where the first reel truly ran out: the record is right to a few boards."""


def panel_boards(panel: int) -> range:
    """The boards of one panel: one for each bike of a run, and a spare."""
    return range(panel * BOARDS_IN_DOUBT, (panel + 1) * BOARDS_IN_DOUBT)


@dataclass(frozen=True, slots=True)
class DemoFacts:
    """What is true of the factory. Ids are canonical, as answers write them.

    `bikes` truly have cells of `bad_lot` (of the shared ones the first has). The record can prove it for `certain`,
    and cannot rule it out for `possible`: certain ⊆ bikes ⊆ certain ∪ possible.

    Of `bad_reel`, mounted on a feeder and scanned to no board, the same is true of `reel_bikes`, `reel_certain`,
    `reel_possible`. `bad_tester` was found out of tolerance: it let `tester_bikes` through since it was last good. The
    bad reel, the tester and the boards are told with `line` only.
    """

    bad_lot: str
    supplier: str
    supplier_lot: str
    failed_bike: str
    bikes: frozenset[str]
    certain: frozenset[str]
    possible: frozenset[str]
    bad_reel: str
    reel_bikes: frozenset[str]
    reel_certain: frozenset[str]
    reel_possible: frozenset[str]
    bad_tester: str
    tester_bikes: frozenset[str]
    late_bike: str
    """has no cell of the bad lot, until a workshop tells, late, that it put some in"""

    @property
    def bike_count(self) -> int:
        """How many bikes truly have cells of the bad lot."""
        return len(self.bikes)


def runs_of(units: int) -> int:
    """How many runs make about that many units. Raises ValueError for none."""
    if units < 1:
        raise ValueError(f"units: {units}; ask for 1 or more (a run makes {BIKES_PER_RUN * UNITS_PER_BIKE})")
    return max(1, round(units / (BIKES_PER_RUN * UNITS_PER_BIKE)))


def bad_run(units: int, seed: int) -> int:
    """The run whose first cell lot is bad: an early one, with a changeover."""
    candidates = range(0, min(runs_of(units), 12), CHANGEOVER_EVERY)
    return random.Random(f"{seed}:bad run").choice(candidates)


def about(units: int, seed: int) -> DemoFacts:
    """The truth about what `generate` of the same size and seed tells, without generating it."""
    names = Names(bad_run(units, seed))
    certain = frozenset(names.bike_link(n) for n in range(FIRST_LOT_BIKES))
    shared = [names.bike_link(n) for n in SHARED_BIKES]
    return DemoFacts(
        bad_lot=f"urn:zhuisu:lot:own:CELL-21700:C{names.tag}-A",
        supplier=cell_supplier(names.number, "A"),
        supplier_lot=supplier_lot(names.number, "A"),
        failed_bike=names.bike_link(FAILED_BIKE),
        bikes=certain | {shared[0]},
        certain=certain,
        possible=frozenset(shared),
        bad_reel=f"urn:zhuisu:unit:own:MOSFET-80V:RL{names.tag}-0",
        reel_bikes=_bikes(names, range(LAST_BOARD_OF_FIRST_REEL + 1)),
        reel_certain=_bikes(names, range(panel_boards(SPLICED_BEFORE_PANEL - 1).start)),
        reel_possible=_bikes(names, (n for p in (-1, 0) for n in panel_boards(SPLICED_BEFORE_PANEL + p))),
        bad_tester=f"ENDTEST-{1 + 2 * (names.number % lanes_of(units))}",
        tester_bikes=_bikes(names, range(0, BIKES_PER_RUN, 2)),
        late_bike=names.bike_link(LATE_BIKE),
    )


def _bikes(names: Names, numbers: Iterable[int]) -> frozenset[str]:
    return frozenset(names.bike_link(n) for n in numbers)


def every_seconds_of(units: int) -> int:
    """How long after one run the next begins: eight hours, less for a large factory."""
    return min(_RUN_SECONDS, _WHOLE_SECONDS // runs_of(units))


def lanes_of(units: int) -> int:
    """How many runs may be under way at once, each with an SMT line, a tank and two testers of its own."""
    return 1 + _RUN_LASTS_SECONDS // every_seconds_of(units)


def cell_supplier(number: int, which: str) -> str:
    """Who made a run's cell lot."""
    return CELL_SUPPLIERS[(number + (which == "B")) % len(CELL_SUPPLIERS)]


def supplier_lot(number: int, which: str) -> str:
    """The supplier's own number of a run's cell lot: short, so two suppliers may well use the same."""
    return f"24{number % 10_000:04d}{which}"
