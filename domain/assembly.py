"""What was fitted in what: assembly marks of one unit read into intervals (SEMANTICS §3 'part_of')."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.facts import Action, may_swap
from domain.ids import ItemId
from domain.record import Happened
from domain.stays import StandIn
from domain.walk import ORDER_UNCERTAIN

SOFTWARE_INSTALLED = "software_installed"


@dataclass(frozen=True, slots=True)
class Fit:
    """One fitting or removal. `named` None: everything is taken out; `stand_ins`: what a fitted container stood for."""

    event: Happened
    action: Action
    named: ItemId | None
    stand_ins: tuple[StandIn, ...] = ()
    quantity: Decimal | None = None
    uom: str | None = None

    @property
    def at_us(self) -> int:
        return self.event.facts.latest_us

    @property
    def begins_us(self) -> int:
        return self.event.facts.begins_us

    def may_swap(self, other: "Fit") -> bool:
        """Whether nothing says which of the two came first."""
        return may_swap(self.event.facts, other.event.facts)

    def ends(self, key: tuple[ItemId, ItemId]) -> bool:
        """Whether it takes out what was fitted under this key: all, it by name, or software by another version."""
        if self.action not in (Action.PUT, Action.OBSERVE):
            return self.named is None or self.named in key
        if self.event.facts.kind != SOFTWARE_INSTALLED or self.named is None:
            return False
        return self.named not in key and self.named.material == key[1].material


@dataclass(frozen=True, slots=True)
class Part:
    """A component in a unit over [since, until); see `Stay` for the pending end. `named`: itself, or its container.

    `since_from_us` and `until_from_us` are the earliest instants at which it may have come and gone. `again`: it may
    have been put in once more, after all, by a fitting that the marks in their order make nothing of. `of_lot`: it was
    in a lot or class that was fitted, perhaps not in the box that was.
    """

    item: ItemId
    whole: ItemId
    named: ItemId
    since_us: int
    start: Happened
    reasons: frozenset[str] = frozenset()
    quantity: Decimal | None = None
    uom: str | None = None
    until_us: int | None = None
    ended_by: Happened | None = None
    end_pending: bool = False
    possible_until_us: int | None = None
    since_from_us: int | None = None
    until_from_us: int | None = None
    again: bool = False
    of_lot: bool = False

    def covers(self, at_us: int) -> bool:
        return self.since_us <= at_us and (self.until_us is None or at_us < self.until_us)


def parts_of(whole: ItemId, fits: Iterable[Fit]) -> list[Part]:
    """The intervals of everything fitted into one unit, from its fits in any order.

    A later fitting elsewhere does not end an earlier one: both stand (conflict `two_parents` where they overlap).
    """
    by_instant: dict[int, list[Fit]] = {}
    for fit in fits:
        by_instant.setdefault(fit.at_us, []).append(fit)
    bench = _Bench(whole, [f for fs in by_instant.values() for f in fs])
    for at_us in sorted(by_instant):
        bench.apply(sorted(by_instant[at_us], key=lambda f: (f.event.facts.order, f.named or "", f.action)))
    told = [_bounded(part, bench) for part in (*bench.done, *bench.open.values())]
    again = [more for part in told for more in _again(part, bench.fits, told)]
    return sorted((*told, *again), key=lambda p: (p.since_us, p.item, p.named))


def _bounded(part: Part, bench: "_Bench") -> Part:
    """The part with the earliest instants at which it may have come and gone.

    Whatever may end it, and is not surely before it, may have; not what took only a share of it.
    """
    key, begins_us = (part.named, part.item), part.start.facts.begins_us
    ended_by = part.ended_by.no if part.ended_by is not None else None
    later = [f for f in bench.fits if f.at_us > begins_us and f.event.no != part.start.no and f.ends(key)]
    whole = [f for f in later if (f.event.no, key) not in bench.shares]
    ends = [f.begins_us for f in (*whole, *(f for f in bench.fits if f.event.no == ended_by))]
    return replace(part, since_from_us=begins_us, until_from_us=min(ends, default=None))


def _again(part: Part, fits: Sequence[Fit], told: Sequence[Part]) -> Iterable[Part]:
    """Fittings while a part was in, that may have come after its removal: it may be in there since."""
    key = (part.named, part.item)
    removal = next((f for f in fits if part.ended_by is not None and f.event.no == part.ended_by.no), None)
    begun = {p.start.no for p in told if (p.named, p.item) == key}
    for fit in fits:
        stood_for = next((one for one in fit.stand_ins if one.item == part.item), None)
        puts = fit.action in (Action.PUT, Action.OBSERVE) and fit.named == part.named
        if removal is None or stood_for is None or not puts or fit.event.no in begun or not fit.may_swap(removal):
            continue
        pending = {"replacement_pending"} if fit.event.pending else set()
        reasons = stood_for.reasons | pending | {ORDER_UNCERTAIN}
        ends = [f.at_us for f in fits if f.ends(key) and f.begins_us > fit.at_us]
        yield replace(
            Part(part.item, part.whole, part.named, fit.at_us, fit.event, reasons, fit.quantity, fit.uom, again=True),
            until_us=min(ends, default=None),
            since_from_us=fit.begins_us,
            until_from_us=fit.begins_us,
        )


class _Bench:
    def __init__(self, whole: ItemId, fits: Sequence[Fit]) -> None:
        self.whole = whole
        self.fits = fits
        self.open: dict[tuple[ItemId, ItemId], Part] = {}
        self.done: list[Part] = []
        self.shares: set[tuple[int, tuple[ItemId, ItemId]]] = set()
        """(event, part) of removals that took only a share"""

    def apply(self, fits: list[Fit]) -> None:
        """One instant: removals, fittings, then the removals that found nothing once more."""
        empty_before = not self.open
        again = []
        for fit in fits:
            if fit.action is Action.TAKE_ALL and empty_before:
                again.append(fit)
            elif fit.action in (Action.TAKE, Action.TAKE_ALL) and not self._remove(fit):
                again += [fit] if fit.action is Action.TAKE else []
        for fit in fits:
            if fit.action in (Action.PUT, Action.OBSERVE):
                self._fit(fit)
        for fit in again:
            self._remove(fit)

    def _fit(self, fit: Fit) -> None:
        assert fit.named is not None
        for key in [k for k in self.open if fit.ends(k)]:
            self._close(key, fit)
        for one in fit.stand_ins:
            key = (fit.named, one.item)
            part = self.open.get(key)
            reasons = one.reasons | ({"replacement_pending"} if fit.event.pending else frozenset())
            if part is None or (part.start.pending and not fit.event.pending):
                if part is not None:
                    self._close(key, fit)
                part = Part(one.item, self.whole, fit.named, fit.at_us, fit.event, reasons, fit.quantity, fit.uom)
                self.open[key] = replace(part, of_lot=one.of_lot)
            elif fit.action is Action.PUT and part.quantity is not None and fit.quantity is not None:
                self.open[key] = replace(part, quantity=part.quantity + fit.quantity)

    def _remove(self, fit: Fit) -> bool:
        keys = [k for k in self.open if fit.ends(k)]
        for key in keys:
            part = self.open[key]
            if fit.quantity is not None and part.quantity is not None and fit.quantity < part.quantity:
                self.open[key] = replace(part, quantity=part.quantity - fit.quantity)
                self.shares.add((fit.event.no, key))
            else:
                self._close(key, fit)
        return bool(keys)

    def _close(self, key: tuple[ItemId, ItemId], fit: Fit) -> None:
        part = self.open.pop(key)
        pending = fit.event.pending
        later = [
            f.at_us
            for f in self.fits
            if pending
            and f.at_us >= fit.at_us
            and not f.event.pending
            and (f.named is None or f.named in key or f.ends(key))
        ]
        self.done.append(
            replace(
                part,
                until_us=fit.at_us,
                ended_by=fit.event,
                end_pending=pending,
                possible_until_us=min(later, default=None),
            )
        )
