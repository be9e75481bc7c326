"""When a unit first left: shipped, sold or released (SEMANTICS §3 'as_built')."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from domain.assembly import Part
from domain.facts import EventFacts, Status
from domain.ids import ItemId
from domain.links import ALWAYS_US, NEVER_US
from domain.record import Found, Known, Naming, Need
from domain.scene import scene_of
from domain.stays import Stay

LEAVING = (Status.IN_TRANSIT, Status.SOLD)


@dataclass(frozen=True, slots=True)
class Departure:
    """When a unit first left: at `from_us` at the earliest, by `by_us` at the latest (None: perhaps it never did)."""

    from_us: int
    by_us: int | None


@dataclass(frozen=True, slots=True)
class _Inside:
    """While something was inside: possibly from since to until, surely from and to the inner two; all included."""

    since_us: int = NEVER_US
    until_us: int = ALWAYS_US
    sure_since_us: int = NEVER_US
    sure_until_us: int = ALWAYS_US

    def within(self, stay: Stay | Part) -> "_Inside":
        ends = [ALWAYS_US if us is None else us for us in (stay.until_us, stay.until_from_us)]
        begin = stay.since_us if stay.since_from_us is None else stay.since_from_us
        return _Inside(
            max(self.since_us, begin),
            min(self.until_us, ends[0]),
            max(self.sure_since_us, stay.since_us),
            min(self.sure_until_us, ends[1]),
        )

    def may_hold(self, facts: EventFacts) -> bool:
        return self.since_us <= facts.latest_us and facts.begins_us <= self.until_us

    def holds(self, facts: EventFacts) -> bool:
        return self.sure_since_us <= facts.begins_us and facts.latest_us <= self.sure_until_us


def first_departures(known: Known, units: Sequence[ItemId]) -> Generator[Need, Found, dict[ItemId, Departure]]:
    """When each unit was first shipped, sold or released; units that never were are left out.

    A unit in a carton on a pallet leaves when the pallet does, a module in a bike when the bike does.
    """
    scene = yield from scene_of(known, units)

    def departures(unit: ItemId) -> Iterator[tuple[EventFacts, bool]]:
        todo = [(unit, _Inside())]
        seen = set(todo)
        while todo:
            item, inside = todo.pop()
            for n in known.found.namings.get(item, []):
                if _leaves(n) and inside.may_hold(n.event.facts):
                    yield n.event.facts, inside.holds(n.event.facts)
            stays: list[Stay | Part] = [*scene.around.stays.get(item, []), *scene.parts.get(item, [])]
            above = {(s.parent if isinstance(s, Stay) else s.whole, inside.within(s)) for s in stays} - seen
            fresh = {(it, then) for it, then in above if then.since_us <= then.until_us}
            seen |= fresh
            todo += fresh

    found = {}
    for unit in units:
        left = list(departures(unit))
        if left:
            by_us = min((f.latest_us for f, sure in left if sure), default=None)
            found[unit] = Departure(min(f.begins_us for f, _ in left), by_us)
    return found


def _leaves(naming: Naming) -> bool:
    return naming.mention.status in LEAVING or naming.event.facts.kind == "released"
