"""Production: identities begin, inputs become outputs, parts are fitted and taken out, things are mended."""

from typing import Literal

from domain.events.common import Event, Input, ItemQuantity, Lasting, Output
from domain.events.vessels import Draw
from domain.ids import ItemId
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class Commissioned(Lasting):
    """Serials or lots come into being (CBV commissioning, creating_class_instance)."""

    kind: Literal["commissioned"] = "commissioned"
    items: tuple[Output, ...]

    def check(self) -> None:
        Lasting.check(self)
        if not self.items:
            raise ValueError("items: name at least one")


@value(frozen=True, slots=True, kw_only=True)
class Transformed(Lasting):
    """Inputs are used up or flow into outputs. Events that share a `transformation_id` are one transformation.

    `mixed`: the record declares that every output holds of every input, so all links are certain.
    `draws`: inputs that are taken from vessels, as what those hold at that moment.
    """

    kind: Literal["transformed"] = "transformed"
    transformation_id: str | None = None
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    mixed: bool = False
    draws: tuple[Draw, ...] = ()

    def check(self) -> None:
        Lasting.check(self)
        if not self.inputs and not self.outputs and not self.draws:
            raise ValueError("inputs: name an input or an output")


@value(frozen=True, slots=True, kw_only=True)
class Assembled(Lasting):
    """Components are fitted into a unit and keep their identity (EPCIS AssociationEvent ADD)."""

    kind: Literal["assembled"] = "assembled"
    parent: ItemId
    components: tuple[ItemQuantity, ...]
    observed: bool = False

    def check(self) -> None:
        Lasting.check(self)
        if not self.components:
            raise ValueError("components: name at least one")
        _not_itself(self.parent, self.components)


@value(frozen=True, slots=True, kw_only=True)
class Disassembled(Lasting):
    """Components are taken out of a unit; `all_components` instead of a list: every one of them."""

    kind: Literal["disassembled"] = "disassembled"
    parent: ItemId
    components: tuple[ItemQuantity, ...] = ()
    all_components: bool = False

    def check(self) -> None:
        Lasting.check(self)
        if bool(self.components) == self.all_components:
            raise ValueError("components: list them, or send all_components: true (one of the two)")


@value(frozen=True, slots=True, kw_only=True)
class Reworked(Lasting):
    """A unit or lot is mended: `materials` flow into it, `parts` are fitted into it, `removed` are taken out."""

    kind: Literal["reworked"] = "reworked"
    item: ItemId
    materials: tuple[Input, ...] = ()
    parts: tuple[ItemQuantity, ...] = ()
    removed: tuple[ItemQuantity, ...] = ()
    reason: str | None = None

    def check(self) -> None:
        Lasting.check(self)
        _not_itself(self.item, (*self.parts, *self.removed))


@value(frozen=True, slots=True, kw_only=True)
class Identified(Event):
    """Two ids turn out to be one thing, e.g. a supplier's lot number and ours."""

    kind: Literal["identified"] = "identified"
    item: ItemId
    same_as: ItemId

    def check(self) -> None:
        Event.check(self)
        if self.item == self.same_as:
            raise ValueError("same_as: is the item itself")


@value(frozen=True, slots=True, kw_only=True)
class Reidentified(Event):
    """From now on one thing goes by another id: relabelled, a serial replaced, a supplier's lot under our number.

    It stays one thing under all its ids (EPCIS has no event of its own for it; CBV: commissioning the new id).
    """

    kind: Literal["reidentified"] = "reidentified"
    old_id: ItemId
    new_id: ItemId
    reason: str | None = None

    def check(self) -> None:
        Event.check(self)
        if self.old_id == self.new_id:
            raise ValueError("new_id: is the old id itself")
        kinds = {self.old_id.kind, self.new_id.kind}
        if "class" in kinds:
            raise ValueError("new_id: a product cannot be relabelled: name a unit, a lot or a container")
        if len(kinds - {None}) == 2:
            raise ValueError(f"new_id: is a {self.new_id.kind}, the old id is a {self.old_id.kind}")


def _not_itself(parent: ItemId, children: tuple[ItemQuantity, ...]) -> None:
    if any(child.item == parent for child in children):
        raise ValueError(f"components: {parent} cannot be its own component")
