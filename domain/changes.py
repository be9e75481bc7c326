"""Engineering changes: what was made with one, and what without (docs/semantics.md, 'Circumstances', Changes).

The break-in tells from which serial, lot or time on a change of a product holds (ISO 10007 'effectivity').
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.acts import is_made
from domain.bookings import BOOKED_LATER, is_booked, may_begin_us
from domain.exposure import Seed
from domain.facts import Mention, Role
from domain.happened import Happened
from domain.ids import ItemId, serial_of
from domain.moments import Moment
from domain.serials import counts_from

EDGE, INFERRED, PENDING = "edge", "inferred", "replacement_pending"
Doubts = frozenset[str]
_SURE: Doubts = frozenset()


@dataclass(frozen=True, slots=True)
class Made:
    """When an item came forth: at some instant of [begins, done]; `booked`: only when it was booked is told."""

    begins_us: int
    done_us: int
    booked: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakIn:
    """One change of one product: it holds from this serial, lot or time on."""

    event: Happened
    product: ItemId
    from_serial: str | None = None
    from_lot: ItemId | None = None
    from_time: Moment | None = None


def makings(product: Collection[ItemId], events: Iterable[tuple[Happened, Iterable[Mention]]]) -> dict[ItemId, Made]:
    """By item of the product, its first making among these events; rework is none."""
    found: dict[ItemId, Made] = {}
    for happened, mentions in events:
        facts = happened.facts
        made = Made(may_begin_us(facts), facts.latest_us, is_booked(facts), happened.pending)
        for mention in mentions:
            brought = is_made(mention, facts.kind) and mention.role is not Role.WHOLE and facts.kind != "reworked"
            if brought and mention.item in product:
                held = found.get(mention.item)
                first = held is None or (made.done_us, made.begins_us) < (held.done_us, held.begins_us)
                found[mention.item] = made if first or held is None else held
    return found


def seeds_of(
    changes: Sequence[BreakIn],
    items: Iterable[ItemId],
    made: Mapping[ItemId, Made],
    *,
    lots_of: Mapping[ItemId, Collection[ItemId]],
    without: bool,
) -> list[Seed]:
    """The items of one product made with its change (or `without` it), with why only possibly.

    `lots_of`: the lots that units are of. A unit stands where its lot does; what nothing tells apart is possibly both,
    and so is what two break-ins of the product tell differently.
    """
    pending = {PENDING} if any(c.event.pending for c in changes) else set()
    found = []
    for item in items:
        doubts = _joined([_with(change, item, made, lots_of=lots_of) for change in changes])
        side = _other(doubts) if without else doubts
        side = frozenset() if side is None and pending else side  # it may hold from elsewhere on
        if side is not None and not (item.kind == "lot" and all(c.from_serial is not None for c in changes)):
            at_us = made[item].done_us if item in made else changes[0].event.facts.latest_us
            found.append(Seed(item, at_us, side | pending))
    return found


def _with(
    change: BreakIn, item: ItemId, made: Mapping[ItemId, Made], *, lots_of: Mapping[ItemId, Collection[ItemId]]
) -> Doubts | None:
    """Why the item only possibly has the change; None: it has not."""
    if change.from_serial is not None:
        return _by_serial(item, change.from_serial)
    if change.from_lot is not None:
        first = made.get(change.from_lot)
        lots = lots_of.get(item) or (item,)
        return _joined([_SURE if lot == change.from_lot else _by_time(made.get(lot), first) for lot in lots])
    assert change.from_time is not None
    return _by_time(made.get(item), Made(change.from_time.earliest_us, change.from_time.latest_us))


def _by_serial(item: ItemId, first: str) -> Doubts | None:
    serial = serial_of(item)
    if serial is None:
        return None  # of a lot its units tell
    holds = counts_from(serial, first)
    return frozenset({INFERRED}) if holds is None else _SURE if holds else None


def _by_time(made: Made | None, change: Made | None) -> Doubts | None:
    if made is None or change is None:
        return frozenset({EDGE})
    if made.done_us < change.begins_us:
        return None
    doubts = {PENDING} if made.pending else set()
    if made.begins_us >= change.done_us:
        return frozenset(doubts)
    return frozenset(doubts | {BOOKED_LATER if made.booked else EDGE})


def _joined(sides: list[Doubts | None]) -> Doubts | None:
    """Of several lots or break-ins: surely, if all say so; not, if none does."""
    known = [s for s in sides if s is not None]
    if not known:
        return None
    return _SURE.union(*known) if len(known) == len(sides) else _SURE.union(*known) | {EDGE}


def _other(doubts: Doubts | None) -> Doubts | None:
    """The same of the other side: what is possibly here is possibly there."""
    if doubts is None:
        return _SURE
    return doubts or None
