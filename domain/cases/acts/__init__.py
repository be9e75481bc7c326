"""What is done in a case: one dataclass an act, told apart by `act`. One event kind carries them all (casework.py).

Acts of people are numbered in their case; acts that list items by the thousand come in chunks and have no number. An
act once stored is readable for ever: a field added later is `… | None = None`, so that the content of older ones, and
its hash, stays what it was.
"""

from typing import Annotated, Any, get_args

from domain.cases.acts.common import (
    CHUNK_ITEMS_MAX,
    CaseType,
    ChangedMember,
    CheckLevel,
    IncidentFacts,
    ItemAmount,
    Member,
    Mode,
    Notice,
    Remedy,
    SampledOf,
    Stood,
    Verdict,
    Whereabouts,
)
from domain.cases.acts.deciding import (
    Approved,
    Closed,
    Described,
    EffortStopped,
    Opened,
    RemovalDecided,
    Reopened,
    Scoped,
)
from domain.cases.acts.evaluating import (
    Evaluated,
    FreezeFailed,
    FreezeRequested,
    Frozen,
    HoldsPlaced,
    HoldsReleased,
    SetFrozen,
    UnitsChanged,
)
from domain.cases.acts.reporting import (
    ClockMet,
    ClockStarted,
    ContainmentRequested,
    DrillRun,
    IncidentReported,
    Reminded,
    StageReported,
    SupplierAnswered,
    SupplierLinesListed,
    SupplierNoticeReceived,
)
from domain.cases.acts.responding import (
    Acknowledged,
    EffectivenessChecked,
    Notified,
    Recovered,
    Remedied,
    Responded,
    Sampled,
    Unreachable,
    VerdictGiven,
)

__all__ = [
    "ACTS",
    "CHUNK_ITEMS_MAX",
    "Acknowledged",
    "Act",
    "AnyAct",
    "Approved",
    "CaseType",
    "ChangedMember",
    "CheckLevel",
    "ClockMet",
    "ClockStarted",
    "Closed",
    "ContainmentRequested",
    "Described",
    "DrillRun",
    "EffectivenessChecked",
    "EffortStopped",
    "Evaluated",
    "FreezeFailed",
    "FreezeRequested",
    "Frozen",
    "HoldsPlaced",
    "HoldsReleased",
    "IncidentFacts",
    "IncidentReported",
    "ItemAmount",
    "Member",
    "Mode",
    "Notice",
    "Notified",
    "Opened",
    "Recovered",
    "Remedied",
    "Remedy",
    "Reminded",
    "RemovalDecided",
    "Reopened",
    "Responded",
    "Sampled",
    "SampledOf",
    "Scoped",
    "SetFrozen",
    "StageReported",
    "Stood",
    "SupplierAnswered",
    "SupplierLinesListed",
    "SupplierNoticeReceived",
    "UnitsChanged",
    "Unreachable",
    "Verdict",
    "VerdictGiven",
    "Whereabouts",
    "name_of",
]


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
