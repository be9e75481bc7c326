"""What an accepted event leaves open: it is taken all the same, and said, and counted (REQUIREMENTS CN2).

Refusing a receipt without a lot number or a result would only breed invented ones.
"""

from domain.events import Inspected, LifecycleEvent, MaterialReceived, OutputReported
from domain.ids import OWN_ISSUER
from domain.values import value


@value(frozen=True, slots=True)
class Notice:
    """One thing left open. `code` is stable, `field` is the path where it would be told, `detail` says what follows."""

    code: str
    field: str
    detail: str


NOTICED = ("material_received", "inspected", "output_reported")
"""The kinds that may leave something open."""

NO_INSPECTION = Notice("no_inspection", "inspected", "received without an inspection: nothing says that it conforms")
NO_CERTIFICATE = Notice("no_certificate", "certificate", "no certificate came with the lot")
NO_SUPPLIER_LOT = Notice("no_supplier_lot", "supplier_lot", "without the supplier's lot number their recall misses it")
NO_VERDICT = Notice("no_verdict", "verdict", "the inspection has no verdict: whether the items passed is not known")
NO_MAKING = Notice(
    "no_making",
    "kind",
    "booked, not made then: whatever was mounted on the equipment since work on it may have begun is possibly in it;"
    " report the making too (transformed, commissioned), or started_at",
)


def notices_of(event: LifecycleEvent) -> tuple[Notice, ...]:
    """What the event leaves open. Pure: the same event, the same notices."""
    match event:
        case MaterialReceived():
            certified = event.certificate or any(d.type == "cert" for d in event.documents)
            told = (
                () if event.inspected else (NO_INSPECTION,),
                () if certified else (NO_CERTIFICATE,),
                () if _has_supplier_lot(event) else (NO_SUPPLIER_LOT,),
            )
            return tuple(notice for one in told for notice in one)
        case Inspected(verdict=None):
            return (NO_VERDICT,)
        case OutputReported(circumstances=around) if around is not None and (around.equipment or around.line):
            return (NO_MAKING,)
        case _:
            return ()


def _has_supplier_lot(event: MaterialReceived) -> bool:
    """Told in its field, or the item is itself a unit or lot that someone else numbered."""
    if event.supplier_lot is not None:
        return True
    parts = event.item.split(":")
    return event.item.startswith("urn:zhuisu:") and parts[2] in ("unit", "lot") and parts[3] != OWN_ISSUER
