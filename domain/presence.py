"""Whether a lot may have been at a site when material was used there (docs/semantics.md)."""

from collections.abc import Callable, Iterable

from domain.facts import Status
from domain.ids import ItemId
from domain.measures import Measures
from domain.record import Naming
from domain.stock import Spot, Stock, movements, same_site, take_in

_MAY_BE_HERE = (Status.IN_STOCK, Status.RETURNED, Status.IN_TRANSIT)
"""A lot on its way to the site may have come."""


def stood_at(
    namings: Iterable[Naming],
    site: str | None,
    *,
    from_us: int,
    to_us: int,
    measures: Measures,
    seen_there: Callable[[ItemId], bool],
) -> bool:
    """Whether a lot is known to have come by some instant of [from, to], and not known to be used up or gone by then.

    `site` None: anywhere. Where its quantities do not tell, it may still be there: decided for the people at risk.
    `seen_there`: whether a container, or what that was in, was seen at the site.
    """
    known = [n for n in namings if n.event.facts.latest_us <= to_us]
    stock, been_here = Stock(), site is None
    then_us: int | None = None
    for moved in movements(stock, known, measures):
        now_us = moved.facts.latest_us
        # as it stood from the instant before until this one, if that reaches into the use
        if then_us not in (None, now_us) and now_us > from_us and _may_be(stock, site, been_here, seen_there):
            return True
        take_in(stock, moved)
        then_us = now_us
        been_here = been_here or same_site(moved.facts.site, site)
    return then_us is not None and _may_be(stock, site, been_here, seen_there)


def _may_be(  # noqa: PLR0917
    stock: Stock, site: str | None, been_here: bool, seen_there: Callable[[ItemId], bool]
) -> bool:
    for spot, _ in stock.rows:
        if spot.status in _MAY_BE_HERE and (site is None or same_site(spot.site, site) or _is_in(spot, seen_there)):
            return True
    untold = not stock.rows and stock.last_status in (None, Status.IN_STOCK)
    return been_here and (stock.doubtful or untold)


def _is_in(spot: Spot, seen_there: Callable[[ItemId], bool]) -> bool:
    return spot.container is not None and seen_there(spot.container)
