"""Vessels: what goes into tanks, mixers and silos, what comes out, and when nothing of before is left."""

from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Literal

from domain.events.common import STRICT, Event, Input, Output, check_number
from domain.values import value


class VesselMode(StrEnum):
    """How a vessel holds several charges: stirred, in the order they came, in separate compartments, or not known."""

    MIXED = "mixed"
    FIFO = "fifo"
    SEGREGATED = "segregated"
    UNKNOWN = "unknown"


@value(frozen=True, slots=True, kw_only=True)
class Draw:
    """A transformation takes some of what is in a vessel; see `Discharged` for `mode` and `compartment`."""

    vessel: str
    compartment: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    mode: VesselMode | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not self.vessel.strip():
            raise ValueError("vessel: name the vessel")
        check_number("quantity", self.quantity)


@value(frozen=True, slots=True, kw_only=True)
class Charged(Event):
    """Material goes into a vessel, on top of what it holds."""

    kind: Literal["charged"] = "charged"
    vessel: str
    inputs: tuple[Input, ...]
    compartment: str | None = None

    def check(self) -> None:
        Event.check(self)
        _vessel(self.vessel)
        if not self.inputs:
            raise ValueError("inputs: name at least one")


@value(frozen=True, slots=True, kw_only=True)
class Discharged(Event):
    """Some of what a vessel holds comes out: as `outputs`, or straight `into` another vessel, or to waste.

    `mode` is how the vessel held its charges then; left out, it counts as mixed but is not declared so. `quantity` is
    what left the vessel, where the outputs do not say it.
    """

    kind: Literal["discharged"] = "discharged"
    vessel: str
    compartment: str | None = None
    outputs: tuple[Output, ...] = ()
    into: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    mode: VesselMode | None = None

    def check(self) -> None:
        Event.check(self)
        _vessel(self.vessel)
        check_number("quantity", self.quantity)
        if self.into is not None and (not self.into.strip() or self.into == self.vessel):
            raise ValueError(f"into: {self.into!r} must name another vessel than {self.vessel!r}")


@value(frozen=True, slots=True, kw_only=True)
class Emptied(Event):
    """A vessel is run empty. A heel stays in it (残留) unless `heel` says 0: only then is it a clean break."""

    kind: Literal["emptied"] = "emptied"
    vessel: str
    compartment: str | None = None
    heel: Decimal | None = None
    uom: str | None = None

    def check(self) -> None:
        Event.check(self)
        _vessel(self.vessel)
        check_number("heel", self.heel)


@value(frozen=True, slots=True, kw_only=True)
class Cleaned(Event):
    """A vessel, or one compartment of it, is cleaned: nothing of before is left. A clean break."""

    kind: Literal["cleaned"] = "cleaned"
    vessel: str
    compartment: str | None = None

    def check(self) -> None:
        Event.check(self)
        _vessel(self.vessel)


def _vessel(name: str) -> None:
    if not name.strip():
        raise ValueError("vessel: name the vessel")
