"""From a damaged unit to the parts that left it (docs/semantics.md 'Unit over lot', `follow=removed_parts`)."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from domain.assembly import Part
from domain.facts import Role
from domain.fitting import Fittings, part_links
from domain.ids import ItemId
from domain.links import ALWAYS_US, NEVER_US, Link, Relation
from domain.record import Found, Happened, Need
from domain.walk import ORDER_UNCERTAIN


@dataclass(frozen=True, slots=True)
class _Inside:
    """An item as it was in the unit asked about, over [since, until); `ended_by` took it out, at whatever depth.

    `since_from_us`, `until_from_us`: the earliest instants these may have been.
    """

    item: ItemId
    since_us: int
    until_us: int
    since_from_us: int
    until_from_us: int
    ended_by: Happened | None
    reasons: frozenset[str]


def removed_parts(fittings: Fittings, units: Iterable[ItemId], *, at_us: int) -> Generator[Need, Found, list[Link]]:
    """A link from each unit to each part, at any depth, that had left it by the instant; it is there since it left."""
    found: list[Link] = []
    for unit in units:
        seen: set[_Inside] = set()
        todo = {_Inside(unit, NEVER_US, ALWAYS_US, NEVER_US, ALWAYS_US, None, frozenset())}
        while todo:
            seen |= todo
            parts = yield from _parts_inside(fittings, frozenset(one.item for one in todo))
            inner = {i for one in todo for part in parts[one.item] if (i := _within(one, part)) is not None}
            found += [_link(unit, i) for i in inner - seen if i.until_us <= at_us and i.item != unit]
            todo = {i for i in inner if i.item != unit} - seen
    return sorted(found, key=lambda link: link.sort_key)


def _within(outer: _Inside, part: Part) -> _Inside | None:
    """The part as it was in the unit through `outer`; None if it never was."""
    held = part_links(part)[0]
    (begin, _), (sure_begin, sure_end) = held.window, held.sure_window
    end = ALWAYS_US if part.until_us is None else part.until_us
    first, until = max(outer.since_from_us, begin), min(outer.until_us, end)
    if first >= max(until, first + (end == begin)):
        return None
    pending = {"replacement_pending"} if part.end_pending else set()
    ordered = outer.since_us < sure_end and sure_begin < outer.until_from_us
    return _Inside(
        part.item,
        max(outer.since_us, sure_begin),
        until,
        first,
        min(outer.until_from_us, sure_end),
        part.ended_by if end <= outer.until_us else outer.ended_by,
        outer.reasons | part.reasons | pending | (set() if ordered else {ORDER_UNCERTAIN}),
    )


def _link(unit: ItemId, inside: _Inside) -> Link:
    left_us = min(inside.until_from_us, inside.until_us)
    return Link(
        relation=Relation.REMOVED_FROM,
        source=unit,
        target=inside.item,
        event_id=inside.ended_by.facts.event_id if inside.ended_by is not None else "",
        since_us=inside.until_us,
        leave_us=left_us,
        leave_until_us=inside.until_us,
        reach_us=left_us,
        reach_until_us=inside.until_us,
        reasons=inside.reasons,
    )


def _parts_inside(fittings: Fittings, units: frozenset[ItemId]) -> Generator[Need, Found, dict[ItemId, list[Part]]]:
    uses = fittings.uses
    yield from uses.known.require(Need(linked=units))
    events = frozenset(n.event.no for unit in units for n in uses.namings(unit, Role.WHOLE))
    yield from uses.known.require(Need(contents=events))
    components = {m.item for no in events for m in uses.contents(no, Role.COMPONENT)}
    yield from uses.known.require(Need(linked=frozenset(components)))
    around = yield from uses.around_named(components, frozenset())
    return {unit: fittings.parts_of_whole(unit, around) for unit in units}
