"""Whether a lot may have been at a site when material was used there (docs/semantics.md)."""

from collections.abc import Callable, Generator, Iterable

from domain.facts import Flow, Role, Status
from domain.ids import ItemId
from domain.links import ALWAYS_US
from domain.measures import Measures, measures_of
from domain.record import Found, Naming, Need
from domain.stock import Spot, Stock, movements, same_site, take_in
from domain.uses import Uses

_ARRIVALS = (
    *(Flow.ENTER, Flow.OPEN, Flow.RECEIVE, Flow.RETURN, Flow.GIVE_BACK),
    *(Flow.UNINSTALL, Flow.UNPACK, Flow.MOVE),
)
_USES = (Flow.CONSUME, Flow.INSTALL)
_ENDS = (Flow.SCRAP, Flow.DESTROY)
_MAY_BE_HERE = (Status.IN_STOCK, Status.RETURNED, Status.IN_TRANSIT)
"""A lot on its way to the site may have come."""


class Presence:
    """Asks whether lots of a class may have been where material of it was used. What it needs must be loaded."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self._spans: dict[ItemId, tuple[int, int]] = {}
        self._stays: dict[tuple[ItemId, str | None], bool] = {}

    def load(self, lots: frozenset[ItemId]) -> Generator[Need, Found, None]:
        """All of the lots, of their units of measure, and of every container they were ever in."""
        yield from self.uses.known.require(Need(named=lots))
        measured = lots.union(*(self.uses.materials(lot) for lot in lots))
        boxes, todo = set[ItemId](), {p for lot in lots for p in self._parents(lot)}
        yield from self.uses.known.require(Need(named=frozenset(todo), factors=measured))
        while todo:
            boxes |= todo
            todo = {p for box in todo for p in self._parents(box)} - boxes
            yield from self.uses.known.require(Need(named=frozenset(todo)))

    def may_have_been(self, lot: ItemId, site: str | None, *, from_us: int, to_us: int) -> bool:
        """Whether a lot may have been at the site (None: anywhere) while something of its class was used there."""
        first_us, last_us = self.span(lot)
        if to_us < first_us:
            return False
        if from_us > last_us and not self.stays(lot, site):
            return False
        return self._stood(lot, site, from_us=from_us, to_us=to_us)

    def span(self, lot: ItemId) -> tuple[int, int]:
        """The first and the last instant of what is told of the lot: before the first it was not there."""
        if lot not in self._spans:
            facts = [n.event.facts for n in self.uses.known.found.namings.get(lot, [])]
            first_us, last_us = (f.begins_us for f in facts), (f.latest_us for f in facts)
            self._spans[lot] = (min(first_us, default=ALWAYS_US), max(last_us, default=ALWAYS_US))
        return self._spans[lot]

    def stays(self, lot: ItemId, site: str | None) -> bool:
        """Whether it may be there after all that is told of it; of what was in containers that is left open."""
        if self._parents(lot):
            return True
        if (lot, site) not in self._stays:
            after_us = self.span(lot)[1] + 1
            self._stays[lot, site] = self._stood(lot, site, from_us=after_us, to_us=after_us)
        return self._stays[lot, site]

    def _stood(self, lot: ItemId, site: str | None, *, from_us: int, to_us: int) -> bool:
        found = self.uses.known.found
        return stood_at(
            found.namings.get(lot, []),
            site,
            from_us=from_us,
            to_us=to_us,
            measures=measures_of(lot, self.uses.materials(lot), found.factors),
            seen_there=lambda container: self._seen(container, site, by_us=to_us),
        )

    def _seen(self, container: ItemId, site: str | None, *, by_us: int) -> bool:
        """Whether a container, or what it was ever in, was at the site, or on its way there."""
        for box in self._chain(container):
            for n in self.uses.known.found.namings.get(box, []):
                facts = n.event.facts
                if facts.latest_us <= by_us and (same_site(facts.site, site) or same_site(facts.to_place, site)):
                    return True
        return False

    def _chain(self, container: ItemId) -> set[ItemId]:
        found, todo = set[ItemId](), {container}
        while todo:
            found |= todo
            todo = {p for box in todo for p in self._parents(box)} - found
        return found

    def _parents(self, item: ItemId) -> set[ItemId]:
        return {n.event.facts.parent for n in self.uses.namings(item, Role.CHILD) if n.event.facts.parent is not None}


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

    `site` None: anywhere. Where its quantities do not tell, it may still be there: decided for the people at risk. So
    it is if only a part of the date on which it came was before the use, or it was being made then; and if some was
    used, nobody knows how much.
    `seen_there`: whether a container, or what that was in, was seen at the site.
    """
    told = list(namings)
    if any(_may_come(n, site, from_us=from_us, to_us=to_us) for n in told):
        return True
    known = [n for n in told if n.event.facts.latest_us <= to_us]
    stock, been_here, some_left = Stock(), site is None, False
    then_us: int | None = None

    def still_there() -> bool:
        return (some_left and been_here) or _may_be(stock, site, been_here, seen_there)

    for moved in movements(stock, known, measures):
        now_us = moved.facts.latest_us
        # as it stood from the instant before until this one, if that reaches into the use
        if then_us not in (None, now_us) and now_us > from_us and still_there():
            return True
        take_in(stock, moved)
        then_us = now_us
        been_here = been_here or same_site(moved.facts.site, site)
        if moved.quantity is None and moved.mention.flow in (*_USES, *_ENDS):
            some_left = moved.mention.flow in _USES
    return then_us is not None and still_there()


def _may_come(naming: Naming, site: str | None, *, from_us: int, to_us: int) -> bool:
    """Whether a lot may have come while it was used, in an event of which only a date or a span is known."""
    facts = naming.event.facts
    if naming.mention.flow not in _ARRIVALS or facts.begins_us == facts.latest_us:
        return False
    here = site is None or same_site(facts.site, site)
    return here and facts.begins_us <= to_us and facts.latest_us >= from_us


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
