"""What a rule comes to: the set as it is frozen, what is held of it, and what later events change in it."""

from collections.abc import Mapping
from typing import Any, Literal

from domain.cases.acts.common import ChangedMember, Member, Told
from domain.moments import Moment
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class FreezeRequested(Told):
    """The rule is to be evaluated as known at `vector` (one offset a partition), for the instant `as_of`."""

    act: Literal["freeze_requested"] = "freeze_requested"
    freeze: int
    vector: str
    as_of: Moment
    rule: Mapping[str, Any]


@value(frozen=True, slots=True, kw_only=True)
class SetFrozen(Told):
    """A part of the frozen set: members in their order (level, item). `chunk` counts from 0."""

    act: Literal["set_frozen"] = "set_frozen"
    freeze: int
    chunk: int
    members: tuple[Member, ...]


@value(frozen=True, slots=True, kw_only=True)
class Frozen(Told):
    """The set is whole: `sha256` is that of its members' canonical JSON lines, in order."""

    act: Literal["frozen"] = "frozen"
    freeze: int
    chunks: int
    members: int
    units: int
    lots: int
    certain: int
    possible: int
    top_units: int
    loose_spares: int
    sha256: str
    incomplete_because: tuple[str, ...] = ()
    gaps: tuple[Mapping[str, Any], ...] = ()


@value(frozen=True, slots=True, kw_only=True)
class FreezeFailed(Told):
    """A freeze was given up for a reason that trying again cannot mend; `code` is a problem's."""

    act: Literal["freeze_failed"] = "freeze_failed"
    freeze: int
    code: str
    detail: str


@value(frozen=True, slots=True, kw_only=True)
class HoldsPlaced(Told):
    """Holds are in the log: `items` of them in `events`, at or below `vector`. `series`: domain/cases/holds.py."""

    act: Literal["holds_placed"] = "holds_placed"
    freeze: int
    items: int
    events: int
    vector: str
    series: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class HoldsReleased(Told):
    """Holds are released: all of a closed case's, or those of items that are no longer affected, by their `series`."""

    act: Literal["holds_released"] = "holds_released"
    items: int
    events: int
    vector: str
    series: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class UnitsChanged(Told):
    """A part of what later or corrected events changed: members added, members that would go without them, and members
    that are surer, less sure, nearer or in for other reasons than before.
    """

    act: Literal["units_changed"] = "units_changed"
    evaluation: int
    chunk: int
    added: tuple[Member, ...] = ()
    withdrawn: tuple[Member, ...] = ()
    changed: tuple[ChangedMember, ...] | None = None


@value(frozen=True, slots=True, kw_only=True)
class Evaluated(Told):
    """The delta is up to date as of `vector`; `chunks` of UnitsChanged tell what changed."""

    act: Literal["evaluated"] = "evaluated"
    evaluation: int
    vector: str
    chunks: int
    added: int
    withdrawn: int
    as_of: Moment | None = None
    changed: int | None = None
    became_certain: int | None = None
    became_possible: int | None = None
