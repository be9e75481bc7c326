"""What a walk that starts with classes and containers goes on from: their members, one hop away (SEMANTICS §3)."""

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field

from domain.answers import Gap
from domain.facts import Role
from domain.filling import Filling, fillings
from domain.ids import ItemId
from domain.kinds import kind_of, may_be_box
from domain.links import Link, Relation
from domain.record import Found, Known, Need
from domain.renaming import doubted


@dataclass(frozen=True, slots=True)
class Member:
    """An item that one asked about stands for, by which link, and why it is only possible."""

    item: ItemId
    link: Link
    came_from: ItemId
    reasons: frozenset[str] = frozenset()


@dataclass(slots=True)
class Opening:
    """The members of all that was opened, and what must be told of it."""

    members: list[Member] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def opened_classes(
    known: Known, items: Sequence[ItemId], *, starts: Collection[ItemId]
) -> Generator[Need, Found, Opening]:
    """Of each class all its lots and units that an active event names. `items` are loaded; `starts` are no members."""
    found = Opening()
    classes = frozenset(i for i in items if kind_of(i, known.found.namings.get(i, [])) == "class")
    yield from known.require(Need(of_material=classes))
    for material in sorted(classes):
        for item in known.found.of_material.get(material, []):
            if item not in starts:
                found.members.append(Member(item, _of_class(material, item), material))
    return found


def opened_containers(
    known: Known, items: Sequence[ItemId], *, starts: Collection[ItemId], at_us: int | None, now_us: int
) -> Generator[Need, Found, Opening]:
    """Of each container what it holds, or held last. `items` are loaded; `starts` are no members."""
    found = Opening()
    boxes = [i for i in sorted(items) if may_be_box(i) and _is_container(known, i)]
    if boxes:
        for filling in (yield from fillings(known, boxes, at_us=at_us, now_us=now_us)):
            _open(known, filling, found, starts=starts)
    return found


def _open(known: Known, filling: Filling, found: Opening, *, starts: Collection[ItemId]) -> None:
    for link in filling.links:
        if link.source not in starts:
            reasons = doubted(known.things, link).reasons
            found.members.append(Member(link.source, link, filling.container, reasons))
    if filling.last_fill:
        items = tuple(sorted({link.source for link in filling.links}))
        detail = f"{filling.container} holds nothing now: what it held since it was last empty is traced"
        found.gaps.append(Gap("last_fill", (filling.container, *items), detail))
    if filling.earlier:
        detail = f"{filling.container} held other things before it was last empty: they are not traced"
        found.gaps.append(Gap("earlier_fills", filling.earlier, detail))


def _is_container(known: Known, item: ItemId) -> bool:
    return any(n.mention.role is Role.PARENT for n in known.found.namings.get(item, []))


def _of_class(material: ItemId, item: ItemId) -> Link:
    return Link(relation=Relation.MEMBER_OF_LOT, source=material, target=item, event_id="")
