"""The lifecycle vocabulary: one module a phase, one dataclass a kind, one union of them all.

To add a kind: its dataclass, this union, the match arms that the type checker then points at, one golden file.
"""

from typing import get_args

from domain.events.bookkeeping import CaptureError, CaptureFinished
from domain.events.casework import CaseRecorded
from domain.events.common import (
    Basis,
    Circumstances,
    Document,
    Event,
    Input,
    ItemQuantity,
    Lasting,
    Output,
    Parameter,
    SerialRange,
    Transfer,
    UomFactor,
)
from domain.events.complaining import Complained
from domain.events.conditions import Calibrated, ChangeEffective, Maintained, RecipeChanged, SoftwareInstalled
from domain.events.correcting import Voided
from domain.events.describing import PartyDescribed, PlaceDescribed, ProductDescribed
from domain.events.loading import Mounted, Unmounted
from domain.events.material import Destroyed, MaterialReceived, Scrapped, StockAdjusted
from domain.events.moving import (
    DocumentsLinked,
    Observed,
    Packed,
    Received,
    Returned,
    Shipped,
    Stored,
    Unpacked,
)
from domain.events.posting import (
    AnyPosting,
    Issued,
    IssuedToOrder,
    OrderClosed,
    OutputReported,
    PostingReversed,
    ReturnedFromOrder,
)
from domain.events.production import (
    Assembled,
    Commissioned,
    Disassembled,
    Identified,
    Reidentified,
    Reworked,
    Transformed,
)
from domain.events.quality import Held, HoldReleased, Inspected, Measurement, Released
from domain.events.recalling import ProductScope, RecallClosed, RecallDeclared, Remedied
from domain.events.selling import Sold
from domain.events.vessels import Charged, Cleaned, Discharged, Draw, Emptied, VesselMode

LifecycleEvent = (
    MaterialReceived
    | StockAdjusted
    | Scrapped
    | Destroyed
    | Commissioned
    | Transformed
    | Assembled
    | Disassembled
    | Reworked
    | IssuedToOrder
    | ReturnedFromOrder
    | OutputReported
    | PostingReversed
    | OrderClosed
    | Identified
    | Reidentified
    | Mounted
    | Unmounted
    | Charged
    | Discharged
    | Emptied
    | Cleaned
    | Calibrated
    | Maintained
    | RecipeChanged
    | SoftwareInstalled
    | ChangeEffective
    | Packed
    | Unpacked
    | Shipped
    | Received
    | Returned
    | Stored
    | Observed
    | DocumentsLinked
    | Inspected
    | Held
    | HoldReleased
    | Released
    | Sold
    | Complained
    | RecallDeclared
    | Remedied
    | RecallClosed
    | Voided
    | PartyDescribed
    | PlaceDescribed
    | ProductDescribed
    | CaptureFinished
    | CaseRecorded
)
"""Every kind there is; `kind` tells them apart on the wire."""

KINDS: dict[str, type[Event]] = {cls.__dataclass_fields__["kind"].default: cls for cls in get_args(LifecycleEvent)}
"""The dataclass of each `kind`."""

OWN_KINDS = frozenset({"capture_finished", "case_recorded"})
"""Kinds that the service itself records; nobody else may send them."""

__all__ = [
    "KINDS",
    "OWN_KINDS",
    "AnyPosting",
    "Assembled",
    "Basis",
    "Calibrated",
    "CaptureError",
    "CaptureFinished",
    "CaseRecorded",
    "ChangeEffective",
    "Charged",
    "Circumstances",
    "Cleaned",
    "Commissioned",
    "Complained",
    "Destroyed",
    "Disassembled",
    "Discharged",
    "Document",
    "DocumentsLinked",
    "Draw",
    "Emptied",
    "Event",
    "Held",
    "HoldReleased",
    "Identified",
    "Input",
    "Inspected",
    "Issued",
    "IssuedToOrder",
    "ItemQuantity",
    "Lasting",
    "LifecycleEvent",
    "Maintained",
    "MaterialReceived",
    "Measurement",
    "Mounted",
    "Observed",
    "OrderClosed",
    "Output",
    "OutputReported",
    "Packed",
    "Parameter",
    "PartyDescribed",
    "PlaceDescribed",
    "PostingReversed",
    "ProductDescribed",
    "ProductScope",
    "RecallClosed",
    "RecallDeclared",
    "Received",
    "RecipeChanged",
    "Reidentified",
    "Released",
    "Remedied",
    "Returned",
    "ReturnedFromOrder",
    "Reworked",
    "Scrapped",
    "SerialRange",
    "Shipped",
    "SoftwareInstalled",
    "Sold",
    "StockAdjusted",
    "Stored",
    "Transfer",
    "Transformed",
    "Unmounted",
    "Unpacked",
    "UomFactor",
    "VesselMode",
    "Voided",
]
