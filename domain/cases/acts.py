"""What is done in a case: one dataclass an act, told apart by `act`. One event kind carries them all (casework.py).

Acts of people are numbered in their case; acts that list items by the thousand come in chunks and have no number. An
act once stored is readable for ever: a field added later is `… | None = None`, so that the content of older ones, and
its hash, stays what it was.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, get_args

from domain.ids import ItemId, PartyId
from domain.moments import Moment
from domain.strict import STRICT
from domain.values import value

CaseType = Literal["recall", "incident", "drill", "supplier_notice"]
Mode = Literal["live", "draft", "mock"]
"""live: placed holds and alerts follow; draft: not decided yet; mock: an exercise. Only live ones place anything."""

Remedy = Literal["label", "repair", "replace", "refund", "destroy", "software_update"]
Verdict = Literal["affected", "inspected_clear", "repairable", "scrap"]
Whereabouts = Literal["in_stock", "in_process", "in_transit", "with_consignee", "sold", "exported", "returned", "lost"]
CheckLevel = Literal["A", "B", "C", "D", "E"]
"""Effectiveness checks, 21 CFR 7.42(b)(3): A all, B a share, C 10 %, D 2 %, E none of the consignees."""

SampledOf = Literal["direct", "accounts", "all"]
"""Who is asked: direct accounts, all accounts, or owners too."""

CHUNK_ITEMS_MAX = 2_000
"""Items that one event lists at most."""


@value(frozen=True, slots=True, kw_only=True)
class Member:
    """One item of an affected set, and why it is in it (SEMANTICS §3 'A node').

    `came_from` are up to 3 predecessors one level up, `event_ids` up to 3 of the events that link it to them; `seed`
    for what the rule names itself. `top` is counted by a regulator (SEMANTICS §7), `loose_spare` is such a unit that
    was made to be fitted and is not. `quantity` and `uom` are of lots that have no serials.
    """

    item: ItemId
    kind: Literal["unit", "lot", "class", "container"]
    level: int
    certainty: Literal["certain", "possible"]
    reasons: tuple[str, ...] = ()
    came_from: tuple[ItemId, ...] = ()
    event_ids: tuple[str, ...] = ()
    seed: bool = False
    top: bool = False
    loose_spare: bool = False
    quantity: Decimal | None = None
    uom: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class Stood:
    """How a member was in the set before. `reasons` are not known of what was projected before they were kept."""

    level: int
    certainty: Literal["certain", "possible"]
    reasons: tuple[str, ...] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class ChangedMember(Member):
    """A member as it is in the set now, and how it `was`: it stays in whatever becomes of its certainty."""

    was: Stood


@value(frozen=True, slots=True, kw_only=True)
class ItemAmount:
    """An item, or so much of a lot that has no serials ("7 of L")."""

    item: ItemId
    quantity: Decimal | None = None
    uom: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class IncidentFacts:
    """What is told of a major quality incident (重大质量事故). Its batch and where it went are read from the trace.

    `known_at` starts the clocks. `first_judgement` is of the cause; `control_status` says whether it is in hand.
    """

    known_at: Moment | None = None
    happened_at: Moment | None = None
    place: str | None = None
    product: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    test_results: str | None = None
    harm: str | None = None
    first_judgement: str | None = None
    measures: str | None = None
    control_status: str | None = None
    reporter: str | None = None
    items: tuple[ItemId, ...] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class _Act:
    """What all acts share."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


# The case


@value(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a notice to consignees and consumers says beside the case and their items (21 CFR 7.49, (EU) 2024/1435)."""

    brand: str | None = None
    model: str | None = None
    """model, size or packing"""
    picture: str | None = None
    """where a picture is, e.g. a URL"""
    where_to_find: str | None = None
    """where on the product its batch or serial number stands"""
    sold: str | None = None
    """where and when it was sold"""
    what_to_do: str | None = None
    remedies: tuple[Remedy, ...] = ()
    remedy_available: bool | None = None
    """whether who asks now gets one"""
    report_back: str | None = None
    """how to answer, e.g. an address of a form"""
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class Opened(_Act):
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
class Described(_Act):
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
class Scoped(_Act):
    """The rule of what is affected (domain/cases/scope.py) is set, widened or narrowed."""

    act: Literal["scoped"] = "scoped"
    change: Literal["set", "widened", "narrowed"]
    rule: Mapping[str, Any]


@value(frozen=True, slots=True, kw_only=True)
class FreezeRequested(_Act):
    """The rule is to be evaluated as known at `vector` (one offset a partition), for the instant `as_of`."""

    act: Literal["freeze_requested"] = "freeze_requested"
    freeze: int
    vector: str
    as_of: Moment
    rule: Mapping[str, Any]


@value(frozen=True, slots=True, kw_only=True)
class SetFrozen(_Act):
    """A part of the frozen set: members in their order (level, item). `chunk` counts from 0."""

    act: Literal["set_frozen"] = "set_frozen"
    freeze: int
    chunk: int
    members: tuple[Member, ...]


@value(frozen=True, slots=True, kw_only=True)
class Frozen(_Act):
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
class FreezeFailed(_Act):
    """A freeze was given up for a reason that trying again cannot mend; `code` is a problem's."""

    act: Literal["freeze_failed"] = "freeze_failed"
    freeze: int
    code: str
    detail: str


@value(frozen=True, slots=True, kw_only=True)
class Approved(_Act):
    """A second person approves the frozen set: from here on holds, alerts and notices follow."""

    act: Literal["approved"] = "approved"
    freeze: int


@value(frozen=True, slots=True, kw_only=True)
class HoldsPlaced(_Act):
    """Holds are in the log: `items` of them in `events`, at or below `vector`. `series`: domain/cases/holds.py."""

    act: Literal["holds_placed"] = "holds_placed"
    freeze: int
    items: int
    events: int
    vector: str
    series: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class HoldsReleased(_Act):
    """Holds are released: all of a closed case's, or those of items that are no longer affected, by their `series`."""

    act: Literal["holds_released"] = "holds_released"
    items: int
    events: int
    vector: str
    series: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class EffortStopped(_Act):
    """Active recall stops (停止积极召回); the case stays open while one defective unit is outstanding."""

    act: Literal["effort_stopped"] = "effort_stopped"


@value(frozen=True, slots=True, kw_only=True)
class Closed(_Act):
    """The case is over. `outstanding` units were not accounted for as done then, in these buckets, and why it is closed
    all the same: a recall so closed never claims to be complete.
    """

    act: Literal["closed"] = "closed"
    outstanding: int | None = None
    outstanding_in: Mapping[str, Any] | None = None
    outstanding_quantities: tuple[Mapping[str, Any], ...] | None = None
    outstanding_reason: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Reopened(_Act):
    """A unit turned up, or the reason to close did not hold."""

    act: Literal["reopened"] = "reopened"
    items: tuple[ItemId, ...] = ()


# The delta


@value(frozen=True, slots=True, kw_only=True)
class UnitsChanged(_Act):
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
class Evaluated(_Act):
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


@value(frozen=True, slots=True, kw_only=True)
class RemovalDecided(_Act):
    """What is done with members that the delta would withdraw, or that a person clears: nothing goes without it."""

    act: Literal["removal_decided"] = "removal_decided"
    decision: Literal["remove", "keep"]
    items: tuple[ItemId, ...]
    evaluation: int | None = None


# Notice and response


@value(frozen=True, slots=True, kw_only=True)
class Notified(_Act):
    """A consignee was told of `items` (all of theirs where empty)."""

    act: Literal["notified"] = "notified"
    consignee: str
    how: str
    at: Moment
    items: tuple[ItemId, ...] = ()
    document_sha256: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Acknowledged(_Act):
    """A consignee confirmed that the notice came."""

    act: Literal["acknowledged"] = "acknowledged"
    consignee: str
    at: Moment
    by: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Responded(_Act):
    """What a consignee says of their items."""

    act: Literal["responded"] = "responded"
    consignee: str
    at: Moment
    whereabouts: Whereabouts
    items: tuple[ItemAmount, ...]


@value(frozen=True, slots=True, kw_only=True)
class Recovered(_Act):
    """Items came back, or were seen to."""

    act: Literal["recovered"] = "recovered"
    at: Moment
    items: tuple[ItemAmount, ...]
    consignee: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Unreachable(_Act):
    """A consignee, or an owner of items, cannot be reached (49 CFR 573.7 asks why)."""

    act: Literal["unreachable"] = "unreachable"
    why: Literal["exported", "stolen", "scrapped", "no_notice_received", "unknown", "other"]
    at: Moment | None = None
    consignee: str | None = None
    items: tuple[ItemAmount, ...] = ()


@value(frozen=True, slots=True, kw_only=True)
class VerdictGiven(_Act):
    """What an examination says of units, in this case."""

    act: Literal["verdict_given"] = "verdict_given"
    verdict: Verdict
    items: tuple[ItemAmount, ...]
    at: Moment | None = None
    consignee: str | None = None
    """with whom they are, where some of a lot are meant"""


@value(frozen=True, slots=True, kw_only=True)
class Remedied(_Act):
    """Items got their remedy."""

    act: Literal["remedied"] = "remedied"
    remedy: Remedy
    items: tuple[ItemAmount, ...]
    at: Moment | None = None
    consignee: str | None = None
    """with whom they are, where some of a lot are meant"""


@value(frozen=True, slots=True, kw_only=True)
class Sampled(_Act):
    """Which consignees an effectiveness check asks: drawn by seed from a population, and stored.

    `population` consignees were there, `population_sha256` is of their sorted ids, a line each. A sample of many comes
    in `parts`, each with all that is common to them; `part` counts from 0.
    """

    act: Literal["sampled"] = "sampled"
    level: CheckLevel
    seed: int
    population: int
    consignees: tuple[str, ...]
    share: Decimal | None = None
    of: SampledOf | None = None
    population_sha256: str | None = None
    part: int | None = None
    parts: int | None = None


@value(frozen=True, slots=True, kw_only=True)
class EffectivenessChecked(_Act):
    """What a check at one consignee found."""

    act: Literal["effectiveness_checked"] = "effectiveness_checked"
    consignee: str
    at: Moment
    effective: bool
    detail: str | None = None


# Clocks


@value(frozen=True, slots=True, kw_only=True)
class ClockStarted(_Act):
    """What a duty's clock counts from happened: e.g. `defect_concluded`."""

    act: Literal["clock_started"] = "clock_started"
    trigger: str
    at: Moment


@value(frozen=True, slots=True, kw_only=True)
class ClockMet(_Act):
    """A duty was done; `nth` of those that repeat, from 1. `reference` is the evidence, e.g. a receipt's number."""

    act: Literal["clock_met"] = "clock_met"
    clock: str
    at: Moment
    nth: int = 1
    reference: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Reminded(_Act):
    """A duty comes due, or is overdue: so much (`share`) of the time allowed has passed."""

    act: Literal["reminded"] = "reminded"
    clock: str
    due: Moment
    overdue: bool
    nth: int = 1
    share: Decimal | None = None


# Incidents, drills, suppliers' notices


@value(frozen=True, slots=True, kw_only=True)
class IncidentReported(_Act):
    """More is known of an incident, or it was wrong: what is told here takes the place of what was told before."""

    act: Literal["incident_reported"] = "incident_reported"
    facts: IncidentFacts


@value(frozen=True, slots=True, kw_only=True)
class StageReported(_Act):
    """A report that went to an authority. `report` is what it said, the batch and the known flow as of then with it."""

    act: Literal["stage_reported"] = "stage_reported"
    stage: Literal["first", "province", "stage", "final"]
    at: Moment
    text: str | None = None
    reference: str | None = None
    report: Mapping[str, Any] | None = None


@value(frozen=True, slots=True, kw_only=True)
class DrillRun(_Act):
    """The result of a mock recall."""

    act: Literal["drill_run"] = "drill_run"
    seed: int
    lot: ItemId
    vector: str
    seconds: Decimal
    result: Mapping[str, Any]


@value(frozen=True, slots=True, kw_only=True)
class SupplierLinesListed(_Act):
    """A part of a supplier's notice as uploaded, cells as text. `chunk` counts from 0."""

    act: Literal["supplier_lines_listed"] = "supplier_lines_listed"
    chunk: int
    rows: tuple[Mapping[str, Any], ...]


@value(frozen=True, slots=True, kw_only=True)
class SupplierNoticeReceived(_Act):
    """A supplier names lots, date codes or serials of theirs: `lines` of them, in `chunks` of SupplierLinesListed."""

    act: Literal["supplier_notice_received"] = "supplier_notice_received"
    supplier: PartyId
    received_at: Moment
    lines: int
    chunks: int
    file_sha256: str
    reference: str | None = None
    defect: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class ContainmentRequested(_Act):
    """A supplier is asked to contain what is affected. `document` is where the request is kept, or its number."""

    act: Literal["containment_requested"] = "containment_requested"
    at: Moment
    lots: tuple[str, ...] = ()
    due: Moment | None = None
    document: str | None = None
    document_sha256: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class SupplierAnswered(_Act):
    """What came back: a discipline of the 8D report (VDA 8D; D3 is the containment, D8 closes it)."""

    act: Literal["supplier_answered"] = "supplier_answered"
    at: Moment
    discipline: Literal["D0", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8"]
    text: str | None = None
    document: str | None = None
    document_sha256: str | None = None


class _ToldByAct:
    """Has the edge's validator tell the acts apart by `act`: one look, and errors that name one act only."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        choices = {name_of(cls): handler.generate_schema(cls) for cls in get_args(source)}
        return {"type": "tagged-union", "discriminator": "act", "choices": choices}


def name_of(act: type[Any]) -> str:
    """What `act` says of the instances of a class of acts."""
    return str(act.__dataclass_fields__["act"].default)


AnyAct = (
    Opened
    | Described
    | Scoped
    | FreezeRequested
    | SetFrozen
    | Frozen
    | FreezeFailed
    | Approved
    | HoldsPlaced
    | HoldsReleased
    | EffortStopped
    | Closed
    | Reopened
    | UnitsChanged
    | Evaluated
    | RemovalDecided
    | Notified
    | Acknowledged
    | Responded
    | Recovered
    | Unreachable
    | VerdictGiven
    | Remedied
    | Sampled
    | EffectivenessChecked
    | ClockStarted
    | ClockMet
    | Reminded
    | IncidentReported
    | StageReported
    | DrillRun
    | SupplierLinesListed
    | SupplierNoticeReceived
    | ContainmentRequested
    | SupplierAnswered
)
Act = Annotated[AnyAct, _ToldByAct()]
"""Every act there is."""

ACTS: dict[str, type[Any]] = {name_of(cls): cls for cls in get_args(AnyAct)}
"""The dataclass of each `act`."""
