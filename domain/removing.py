"""From a damaged unit to the parts that left it (docs/semantics.md 'Unit over lot', `follow=removed_parts`)."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from domain.assembly import Part
from domain.facts import Role
from domain.fitting import Fittings
from domain.ids import ItemId
from domain.links import ALWAYS_US, Link, Relation
from domain.record import Found, Happened, Need


@dataclass(frozen=True, slots=True)
class _Inside:
    """An item as it was in the unit asked about, over [since, until); `ended_by` took it out, at whatever depth."""

    item: ItemId
    since_us: int
    until_us: int
    ended_by: Happened | None
    reasons: frozenset[str]


def removed_parts(fittings: Fittings, units: Iterable[ItemId], *, at_us: int) -> Generator[Need, Found, list[Link]]:
    """A link from each unit to each part, at any depth, that had left it by the instant; it is there since it left."""
    found: list[Link] = []
    for unit in units:
        seen: set[_Inside] = set()
        todo = {_Inside(unit, -ALWAYS_US, ALWAYS_US, None, frozenset())}
        while todo:
            seen |= todo
            parts = yield from _parts_inside(fittings, frozenset(one.item for one in todo))
            inner = {i for one in todo for part in parts[one.item] if (i := _within(one, part)) is not None}
            found += [_link(unit, i) for i in inner - seen if i.until_us <= at_us and i.item != unit]
            todo = {i for i in inner if i.item != unit} - seen
    return sorted(found, key=lambda link: link.sort_key)


def _within(outer: _Inside, part: Part) -> _Inside | None:
    """The part as it was in the unit through `outer`; None if it never was."""
    part_until = ALWAYS_US if part.until_us is None else part.until_us
    since, until = max(outer.since_us, part.since_us), min(outer.until_us, part_until)
    if since >= max(until, since + (part_until == part.since_us)):
        return None
    pending = frozenset({"replacement_pending"} if part.end_pending else ())
    ended_by = part.ended_by if part_until <= outer.until_us else outer.ended_by
    return _Inside(part.item, since, until, ended_by, outer.reasons | part.reasons | pending)


def _link(unit: ItemId, inside: _Inside) -> Link:
    return Link(
        relation=Relation.REMOVED_FROM,
        source=unit,
        target=inside.item,
        event_id=inside.ended_by.facts.event_id if inside.ended_by is not None else "",
        since_us=inside.until_us,
        leave_us=inside.until_us,
        leave_until_us=inside.until_us,
        reach_us=inside.until_us,
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
