"""A simulated factory under way: acts in random order, the same for a seed."""

from collections.abc import Callable, Sequence

from tests.simulation import acts, station
from tests.simulation.plant import Plant

Act = Callable[[Plant], None]
ACTS: list[Act] = [
    *(acts.receive, acts.receive, acts.transform, acts.transform, acts.order, acts.backflush, acts.booked_shift),
    *(acts.mount, acts.mount, acts.unmount, acts.splice, acts.board, acts.board),
    *(acts.charge, acts.charge, acts.discharge, acts.discharge, acts.clean),
    *(acts.fit, acts.fit, acts.remove, acts.rework, acts.tray, acts.shelve, acts.shelve, acts.relabel),
    *(station.inspect, station.inspect, station.calibrate, station.label, station.build, station.build),
]


GAUGE = [acts.transform, acts.board, *[station.inspect] * 6, *[station.calibrate] * 2]
"""Acts of a factory that is about its gauge."""


def run(seed: int, count: int, *, among: Sequence[Act] = ACTS) -> Plant:
    """A factory after so many acts."""
    p = Plant(seed)
    for _ in range(3):
        acts.receive(p)
    for _ in range(count):
        p.chance.choice(among)(p)
    return p
