"""A case and what it is measured against, run in turn, so that whatever slows the machine slows both."""

import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

Work = Callable[[], Awaitable[object]]


def over(ones: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    """Their ratios, round by round."""
    return tuple(one / other for one, other in zip(ones, others, strict=True))


async def seconds_of(work: Work) -> float:
    """How long one run took."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def in_turn(
    rounds: int, works: Sequence[Work], *, warm_up: bool = True, budget_seconds: float = 10.0
) -> list[tuple[float, ...]]:
    """Seconds of each work, up to `rounds` times, at least once. Every other round goes through them backwards.

    No round is begun that would likely pass the budget: what takes minutes is measured once, by its warm-up.
    """
    told: list[list[float]] = [[] for _ in works]
    began = time.perf_counter()
    first = [await seconds_of(work) for work in works] if warm_up else []
    for number in range(rounds):
        spent = time.perf_counter() - began
        done = number + warm_up
        if done and spent * (done + 1) / done > budget_seconds:
            break
        order = range(len(works)) if number % 2 == 0 else range(len(works) - 1, -1, -1)
        for index in order:
            told[index].append(await seconds_of(works[index]))
    return [tuple(seconds) or (first[index],) for index, seconds in enumerate(told)]


async def rates_in_turn(rounds: int, works: Sequence[Callable[[], Awaitable[float]]]) -> list[tuple[float, ...]]:
    """What each work says of itself (events a second, seconds to a first row), `rounds` times in turn."""
    told: list[list[float]] = [[] for _ in works]
    for number in range(rounds):
        order = range(len(works)) if number % 2 == 0 else range(len(works) - 1, -1, -1)
        for index in order:
            told[index].append(await works[index]())
    return [tuple(rates) for rates in told]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not pass. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(values: Sequence[float]) -> float:
    return float(median(values))
