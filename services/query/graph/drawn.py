"""What a graph is made of, as drawn from the views, and what of it the plain rules do not cover."""

from dataclasses import dataclass

from services.query.graph.groups import Bools, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """All mentions as drawn from the views, those of troubled events too; `flow` and `whole` are their event's.

    Members of ranges of serials are among them, as if they were listed. `counted`: in pieces. `mounted` and `charged`
    are items that ever were, `discharged` what came out of vessels; `loaded`: mentions of events that made something
    on equipment where something was ever mounted.
    """

    kind: Ints
    material: Ints
    event: Ints
    item: Ints
    role: Ints
    action: Ints
    flow: Ints
    whole: Ints
    mixed: Bools
    counted: Bools
    troubled: Bools
    declared: Ints
    members: dict[str, Ints]
    same: dict[str, Ints]
    event_troubled: Bools
    barring: Bools
    mounted: Ints
    charged: Ints
    discharged: Ints
    loaded: Bools
    renamed: tuple[Ints, Ints]
    """ids of things that were relabelled, and those that they got then"""
    alike: Ints
    """lots of which the record knows the number at another packaging level"""

    @property
    def items(self) -> int:
        return len(self.kind)

    @property
    def flows(self) -> int:
        return int(self.flow.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True)
class Odd:
    """By item: whether the links that leave it, the links that arrive at it, or its state need the domain."""

    out: Bools
    into: Bools
    state: Bools
