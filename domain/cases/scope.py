"""What a case says is affected: a rule that people read and compose (docs/recall.md 'The scope rule').

A leaf names seeds; what they went into, traced forward, are its members. `any`, `all` and `except` combine sets of
members. A wrong "not affected" hurts people: where one is sure and the other is not, what is possible stays in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, Literal

from domain.events.common import SerialRange
from domain.ids import ItemId, PartyId
from domain.moments import Moment
from domain.walk import Mode

LEAVES_MAX, DEPTH_MAX, NAMED_MAX = 100, 20, 100_000
"""What one rule may hold: leaves, levels, and ids or lots in all its lists."""
PRODUCTION_DATE = "plant_local_production_date"


class InvalidRule(ValueError):
    """A rule that says nothing, or nothing clear; the message names the member and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What all leaves have in common: whether what the seeds went into is affected too, in which mode, as of when."""

    follow: Literal["forward", "none"] = "forward"
    mode: Mode = Mode.EVER
    at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Items(Walked):
    """Items or lots by their ids; `name` is the member that they stood in."""

    name: Literal["items", "lots"]
    ids: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierLots(Walked):
    """Lots by the numbers that their supplier gave them."""

    supplier: PartyId
    lots: tuple[str, ...]
    material: ItemId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Production days, both included: a day begins at `day_starts`, at the plant.

    The plant's offset is the one its events are written in, unless `zone` gives it.
    """

    first: date
    last: date
    day_starts: time
    zone: str | None = None
    basis: str = PRODUCTION_DATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Walked):
    """A product: all of it, a range of its serials, or what was made on some days."""

    product: ItemId
    serials: SerialRange | None = None
    made: Made | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied(Walked):
    """Everything a supplier delivered, or of one material, in a time window."""

    supplier: PartyId
    material: ItemId | None = None
    since: Moment | None = None
    until: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed(Walked):
    """What was exposed to a circumstance: `asked` is the body of POST /v1/exposures."""

    asked: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedComponentLots(Walked):
    """The lots of a component from which at least `shared_by` of the failed items came."""

    items: tuple[ItemId, ...]
    material: ItemId
    shared_by: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection(Walked):
    """What was inspected with a result in a range (both ends included), or with a verdict."""

    characteristic: str
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    verdict: str | None = None
    since: Moment | None = None
    until: Moment | None = None


Leaf = Items | SupplierLots | Product | Supplied | Exposed | FailedComponentLots | Inspection


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Affected by at least one."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Affected by every one."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Except:
    """Affected by the first, and not certainly by the second."""

    rule: "Rule"
    but: "Rule"


Rule = Leaf | AnyOf | AllOf | Except


def leaves_of(rule: Rule) -> Iterator[Leaf]:
    """Every leaf, as they are written."""
    match rule:
        case AnyOf(rules) | AllOf(rules):
            for one in rules:
                yield from leaves_of(one)
        case Except(one, but):
            yield from leaves_of(one)
            yield from leaves_of(but)
        case _:
            yield rule
