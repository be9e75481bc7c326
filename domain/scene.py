"""Items with everything they are in or fitted into, to the top: what place, status and departure are read from."""

from collections.abc import Generator, Iterable
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
    parts: dict[ItemId, list[Part]] = {}
    todo = set(items)
    around = Containment({}, {})
    while todo:
        yield from known.require(Need(named=frozenset(todo)))
        fitted, around = yield from linker.fitted(frozenset(todo | parts.keys()))
        parts |= fitted
        above = {p.whole for ps in fitted.values() for p in ps}
        above |= {s.parent for stays in around.stays.values() for s in stays}
        todo = above - parts.keys()
    return Scene(around, parts)
