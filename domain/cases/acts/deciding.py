"""What people decide of a case: to open and describe it, what it covers, what is approved, what leaves it, its end."""

from collections.abc import Mapping
from typing import Any, Literal

from domain.cases.acts.common import IncidentFacts, Mode, Notice, Told
from domain.ids import ItemId
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class Opened(Told):
    """A case begins. `regimes` are profiles of clocks; `cases` and `items` are what it is linked to.

    `incident`: of an incident, what is known of it. `because`: what opened it by itself.
    """

    act: Literal["opened"] = "opened"
    mode: Mode = "draft"
    title: str
    product: str | None = None
    hazard: str | None = None
    defect: str | None = None
    regimes: tuple[str, ...] = ()
    contact: str | None = None
    classification: str | None = None
    """e.g. class I, II or III of 21 CFR 7.41"""
    depth: Literal["consumer", "retail", "wholesale"] | None = None
    cases: tuple[str, ...] | None = None
    items: tuple[ItemId, ...] | None = None
    notice: Notice | None = None
    incident: IncidentFacts | None = None
    because: Mapping[str, Any] | None = None


@value(frozen=True, slots=True, kw_only=True)
class Described(Told):
    """What the case says of itself is corrected; fields left out stay. A draft that becomes live says so here."""

    act: Literal["described"] = "described"
    mode: Mode | None = None
    title: str | None = None
    product: str | None = None
    hazard: str | None = None
    defect: str | None = None
    regimes: tuple[str, ...] | None = None
    contact: str | None = None
    classification: str | None = None
    depth: Literal["consumer", "retail", "wholesale"] | None = None
    cases: tuple[str, ...] | None = None
    items: tuple[ItemId, ...] | None = None
    notice: Notice | None = None


@value(frozen=True, slots=True, kw_only=True)
class Scoped(Told):
    """The rule of what is affected (domain/cases/scope.py) is set, widened or narrowed."""

    act: Literal["scoped"] = "scoped"
    change: Literal["set", "widened", "narrowed"]
    rule: Mapping[str, Any]


@value(frozen=True, slots=True, kw_only=True)
class Approved(Told):
    """A second person approves the frozen set: from here on holds, alerts and notices follow."""

    act: Literal["approved"] = "approved"
    freeze: int


@value(frozen=True, slots=True, kw_only=True)
class RemovalDecided(Told):
    """What is done with members that the delta would withdraw, or that a person clears: nothing goes without it."""

    act: Literal["removal_decided"] = "removal_decided"
    decision: Literal["remove", "keep"]
    items: tuple[ItemId, ...]
    evaluation: int | None = None


@value(frozen=True, slots=True, kw_only=True)
class EffortStopped(Told):
    """Active recall stops (停止积极召回); the case stays open while one defective unit is outstanding."""

    act: Literal["effort_stopped"] = "effort_stopped"


@value(frozen=True, slots=True, kw_only=True)
class Closed(Told):
    """The case is over. `outstanding` units were not accounted for as done then, in these buckets, and why it is closed
    all the same: a recall so closed never claims to be complete.
    """

    act: Literal["closed"] = "closed"
    outstanding: int | None = None
    outstanding_in: Mapping[str, Any] | None = None
    outstanding_quantities: tuple[Mapping[str, Any], ...] | None = None
    outstanding_reason: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Reopened(Told):
    """A unit turned up, or the reason to close did not hold."""

    act: Literal["reopened"] = "reopened"
    items: tuple[ItemId, ...] = ()
