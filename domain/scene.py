"""Items with everything they are in or fitted into, to the top: what place, status and departure are read from."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass

from domain.assembly import Part
from domain.ids import ItemId
from domain.linking import Linker
from domain.record import Found, Known, Need
from domain.stays import Containment


@dataclass(frozen=True, slots=True)
class Scene:
    """The containment of the items and of all above them, and where each was fitted."""

    around: Containment
    parts: dict[ItemId, list[Part]]


def scene_of(known: Known, items: Iterable[ItemId]) -> Generator[Need, Found, Scene]:
    """Load the items by every role, with everything above them."""
    linker = Linker(known, follow_all=False)
    found: set[ItemId] = set()
    todo = frozenset(items)
    parts: dict[ItemId, list[Part]] = {}
    around = Containment({}, {})
    while todo:
        # Level by level, and all of it once more at the end: what is above is mostly known by then.
        fresh = todo
        while fresh:
            found |= fresh
            yield from known.require(Need(named=fresh))
            parts, around = yield from linker.fitted(fresh)
            last, fresh = fresh, _above(parts, around) - found
        if last != found:
            parts, around = yield from linker.fitted(frozenset(found))
        todo = _above(parts, around) - found
    return Scene(around, parts)


def _above(parts: Mapping[ItemId, Iterable[Part]], around: Containment) -> frozenset[ItemId]:
    """What these are or were fitted into and packed in."""
    wholes = {part.whole for fitted in parts.values() for part in fitted}
    return frozenset(wholes | {stay.parent for stays in around.stays.values() for stay in stays})
