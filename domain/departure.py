"""When a unit first left: shipped, sold or released (SEMANTICS §3 'as_built')."""

from collections.abc import Generator, Sequence

from domain.assembly import Part
from domain.facts import Status
from domain.ids import ItemId
from domain.record import Found, Known, Naming, Need
from domain.scene import scene_of
from domain.stays import Stay

LEAVING = (Status.IN_TRANSIT, Status.SOLD)


def first_departures(known: Known, units: Sequence[ItemId]) -> Generator[Need, Found, dict[ItemId, int]]:
    """The instant each unit was first shipped, sold or released; units that never were are left out.

    A unit in a carton on a pallet leaves when the pallet does, a module in a bike when the bike does.
    """
    scene = yield from scene_of(known, units)

    def departures(item: ItemId, since_us: int | None, until_us: int | None) -> list[int]:  # one climb, one answer
        found = [n.event.facts.latest_us for n in known.found.namings.get(item, []) if _leaves(n)]
        inside = [t for t in found if _within(t, since_us, until_us)]
        stays: list[Stay | Part] = [*scene.around.stays.get(item, []), *scene.parts.get(item, [])]
        for stay in stays:
            begin = stay.since_us if since_us is None else max(stay.since_us, since_us)
            ends = [u for u in (stay.until_us, until_us) if u is not None]
            end = min(ends) if ends else None
            if end is None or begin <= end:
                inside += climb(stay, begin, end)
        return inside

    climbing: set[ItemId] = set()

    def climb(stay: Stay | Part, since_us: int, until_us: int | None) -> list[int]:
        above = stay.parent if isinstance(stay, Stay) else stay.whole
        if above in climbing:
            return []
        climbing.add(above)
        try:
            return departures(above, since_us, until_us)
        finally:
            climbing.discard(above)

    left = {unit: departures(unit, None, None) for unit in units}
    return {unit: min(times) for unit, times in left.items() if times}


def _leaves(naming: Naming) -> bool:
    return naming.mention.status in LEAVING or naming.event.facts.kind == "released"


def _within(at_us: int, since_us: int | None, until_us: int | None) -> bool:
    return (since_us is None or since_us <= at_us) and (until_us is None or at_us <= until_us)
