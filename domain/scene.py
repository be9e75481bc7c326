"""Items with everything they are in or fitted into, to the top: what place, status and departure are read from."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass

from domain.assembly import Part
from domain.facts import Role
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
        # Whatever it was ever put into is found first: where it really was is told of all at once.
        fresh = todo
        while fresh:
            found |= fresh
            yield from known.require(Need(named=fresh))
            fresh = _named_above(known, fresh) - found
        parts, around = yield from linker.fitted(frozenset(found))
        todo = _above(parts, around) - found
    return Scene(around, parts)


def _named_above(known: Known, items: Iterable[ItemId]) -> frozenset[ItemId]:
    """What events name as what these were packed in or fitted into."""
    namings = (naming for item in items for naming in known.found.namings.get(item, ()))
    parents = (n.event.facts.parent for n in namings if n.mention.role in (Role.CHILD, Role.COMPONENT))
    return frozenset(parent for parent in parents if parent is not None)


def _above(parts: Mapping[ItemId, Iterable[Part]], around: Containment) -> frozenset[ItemId]:
    """What these are or were fitted into and packed in."""
    wholes = {part.whole for fitted in parts.values() for part in fitted}
    return frozenset(wholes | {stay.parent for stays in around.stays.values() for stay in stays})
