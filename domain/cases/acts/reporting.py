"""What authorities, suppliers and the firm itself are told: clocks, incidents, drills, suppliers' notices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from domain.cases.acts.common import IncidentFacts, Told
from domain.ids import ItemId, PartyId
from domain.moments import Moment
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class ClockStarted(Told):
    """What a duty's clock counts from happened: e.g. `defect_concluded`."""

    act: Literal["clock_started"] = "clock_started"
    trigger: str
    at: Moment


@value(frozen=True, slots=True, kw_only=True)
class ClockMet(Told):
    """A duty was done; `nth` of those that repeat, from 1. `reference` is the evidence, e.g. a receipt's number."""

    act: Literal["clock_met"] = "clock_met"
    clock: str
    at: Moment
    nth: int = 1
    reference: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Reminded(Told):
    """A duty comes due, or is overdue: so much (`share`) of the time allowed has passed."""

    act: Literal["reminded"] = "reminded"
    clock: str
    due: Moment
    overdue: bool
    nth: int = 1
    share: Decimal | None = None


@value(frozen=True, slots=True, kw_only=True)
class IncidentReported(Told):
    """More is known of an incident, or it was wrong: what is told here takes the place of what was told before."""

    act: Literal["incident_reported"] = "incident_reported"
    facts: IncidentFacts


@value(frozen=True, slots=True, kw_only=True)
class StageReported(Told):
    """A report that went to an authority. `report` is what it said, the batch and the known flow as of then with it."""

    act: Literal["stage_reported"] = "stage_reported"
    stage: Literal["first", "province", "stage", "final"]
    at: Moment
    text: str | None = None
    reference: str | None = None
    report: Mapping[str, Any] | None = None


@value(frozen=True, slots=True, kw_only=True)
class DrillRun(Told):
    """The result of a mock recall."""

    act: Literal["drill_run"] = "drill_run"
    seed: int
    lot: ItemId
    vector: str
    seconds: Decimal
    result: Mapping[str, Any]


@value(frozen=True, slots=True, kw_only=True)
class SupplierLinesListed(Told):
    """A part of a supplier's notice as uploaded, cells as text. `chunk` counts from 0."""

    act: Literal["supplier_lines_listed"] = "supplier_lines_listed"
    chunk: int
    rows: tuple[Mapping[str, Any], ...]


@value(frozen=True, slots=True, kw_only=True)
class SupplierNoticeReceived(Told):
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
class ContainmentRequested(Told):
    """A supplier is asked to contain what is affected. `document` is where the request is kept, or its number."""

    act: Literal["containment_requested"] = "containment_requested"
    at: Moment
    lots: tuple[str, ...] = ()
    due: Moment | None = None
    document: str | None = None
    document_sha256: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class SupplierAnswered(Told):
    """What came back: a discipline of the 8D report (VDA 8D; D3 is the containment, D8 closes it)."""

    act: Literal["supplier_answered"] = "supplier_answered"
    at: Moment
    discipline: Literal["D0", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8"]
    text: str | None = None
    document: str | None = None
    document_sha256: str | None = None
