"""How large a run is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`units` of the first tenant; the second has a tenth. `rounds`: how often a case and what it is measured against
    run in turn. `events`: of one run of capture or projector; `singles`: single posts; `seconds` of steady load.
    """

    name: str
    units: int
    rounds: int
    events: int
    singles: int
    seconds: float
    asked: int
    """backward traces whose times make the percentiles"""
    rates: int = 0
    """rounds of what takes processes or databases of its own; 0: as many as `rounds`"""
    projected: int = 0
    """events of one run of a projector; 0: as many as `events`"""
    serials: int = 5_000
    budget_seconds: float = 8.0
    """for the rounds of one case: a slow one has fewer"""
    line: bool = False
    """with reels, tanks and testers"""

    @property
    def rate_rounds(self) -> int:
        """How often what takes processes or databases of its own is measured."""
        return self.rates or self.rounds


SIZES = {
    size.name: size
    for size in (
        Size(name="tiny", units=400, rounds=1, events=300, singles=64, seconds=0.5, asked=20, serials=50),
        Size(name="dev", units=12_500, rounds=2, events=2_000, singles=300, seconds=1.0, asked=50, serials=500),
        Size(
            name="small",
            units=125_000,
            rounds=3,
            rates=2,
            events=4_000,
            projected=8_000,
            singles=1_000,
            seconds=2.0,
            asked=200,
            budget_seconds=4.0,
        ),
        Size(
            name="middle",
            units=500_000,
            rounds=3,
            events=15_000,
            singles=4_000,
            seconds=10.0,
            asked=500,
            budget_seconds=15.0,
        ),
        Size(
            name="full",
            units=2_000_000,
            rounds=3,
            events=30_000,
            singles=6_000,
            seconds=10.0,
            asked=1_000,
            budget_seconds=30.0,
        ),
    )
}
"""`full` has 2.8 million items and 9.9 million links (items named in events, wholes, serials of ranges); `small` a
sixteenth of it; `tiny` is for the tests."""
