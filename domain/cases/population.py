"""What an accounting counts: the top units of the working set as things stand, loose spares apart (SEMANTICS §7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.cases.accounting import Unit
from domain.cases.custody import Custody
from domain.facts import Status
from domain.ids import ItemId

SEVERAL = ("lot", "class")
"""Kinds that are counted by quantity."""


@dataclass(frozen=True, slots=True)
class Flags:
    """How the set was stored with a member: counted then, or a loose spare; named by the rule itself."""

    kind: str
    top: bool
    loose_spare: bool
    seed: bool = False


@dataclass(slots=True)
class Population:
    """Members by id. Told of them: how many serials of each lot there are, and by which name a thing is counted."""

    members: Mapping[ItemId, Flags]
    serials: dict[ItemId, int] = field(default_factory=dict)
    counted_as: dict[ItemId, ItemId] = field(default_factory=dict)

    def unit(self, one: Custody) -> Unit | None:
        """The unit to be counted; None for what is inside or used up in another member, or is one by another name.

        `one` may be of any member: its lots are told how many serials of theirs are known.
        """
        if one.kind in SEVERAL or one.kind == "container":
            return None
        name = self._name(one)
        if name != one.item:
            self.counted_as[one.item] = name
            return None
        for lot in one.lots:
            self.serials[lot] = self.serials.get(lot, 0) + 1
        used_up = one.standing.status is Status.CONSUMED and not one.open_inputs
        if used_up or any(self._is_unit(other) for other in (*one.wholes, *one.containers)):
            return None
        flags = self.members[one.item]
        material = (ItemId(one.item.material),) if one.item.material is not None else ()
        return Unit(
            item=one.item,
            standing=one.standing,
            lots=(*one.lots, *material),
            loose_spare=flags.loose_spare or not flags.top,
        )

    def _is_unit(self, item: ItemId) -> bool:
        flags = self.members.get(item)
        return flags is not None and flags.kind == "unit"

    def _name(self, one: Custody) -> ItemId:
        """Of several names of one thing that are members, the one that the set counts, else the least."""
        names = [n for n in (one.item, *one.names) if n in self.members]
        return min(names, key=lambda n: (not self.members[n].top, n))
