"""What kind of thing an item is, where its id does not say (SEMANTICS §1 'Private URIs')."""

from collections.abc import Iterable

from domain.facts import Role
from domain.ids import ItemId
from domain.record import Naming


def kind_of(item: ItemId, namings: Iterable[Naming]) -> str:
    """`unit`, `lot`, `class` or `container`: by its id, else container if a packing's parent, lot if in a quantity
    list, else unit.
    """
    if item.kind is not None:
        return item.kind
    by_class = False
    for naming in namings:
        if naming.mention.role is Role.PARENT:
            return "container"
        by_class = by_class or naming.mention.by_class
    return "lot" if by_class else "unit"


def may_be_box(item: ItemId) -> bool:
    """Whether, used as a container, it may stand for its contents alone: a lot or class always is itself, too."""
    return item.kind not in ("lot", "class")


def is_lot(item: ItemId, namings: Iterable[Naming]) -> bool:
    """Whether it may be in several places at once."""
    return kind_of(item, namings) in ("lot", "class")
