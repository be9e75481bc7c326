"""What was fitted in what: assembly marks of one unit read into intervals (SEMANTICS §3 'part_of')."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.facts import Action
from domain.ids import ItemId
from domain.record import Happened
from domain.stays import StandIn

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

    def ends(self, key: tuple[ItemId, ItemId]) -> bool:
        """Whether it takes out what was fitted under this key: all, it by name, or software by another version."""
        if self.action not in (Action.PUT, Action.OBSERVE):
            return self.named is None or self.named in key
        if self.event.facts.kind != SOFTWARE_INSTALLED or self.named is None:
            return False
        return self.named not in key and self.named.material == key[1].material


@dataclass(frozen=True, slots=True)
class Part:
    """A component in a unit over [since, until); see `Stay` for the pending end. `named`: itself, or its container."""

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
    return sorted((*bench.done, *bench.open.values()), key=lambda p: (p.since_us, p.item, p.named))


class _Bench:
    def __init__(self, whole: ItemId, fits: Sequence[Fit]) -> None:
        self.whole = whole
        self.fits = fits
        self.open: dict[tuple[ItemId, ItemId], Part] = {}
        self.done: list[Part] = []

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
                self.open[key] = Part(
                    one.item, self.whole, fit.named, fit.at_us, fit.event, reasons, fit.quantity, fit.uom
                )
            elif fit.action is Action.PUT and part.quantity is not None and fit.quantity is not None:
                self.open[key] = replace(part, quantity=part.quantity + fit.quantity)

    def _remove(self, fit: Fit) -> bool:
        keys = [k for k in self.open if fit.ends(k)]
        for key in keys:
            part = self.open[key]
            if fit.quantity is not None and part.quantity is not None and fit.quantity < part.quantity:
                self.open[key] = replace(part, quantity=part.quantity - fit.quantity)
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
