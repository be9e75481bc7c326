"""Which kinds of events a graph knows, and kinds of items as numbers."""

PLAIN_KINDS = frozenset(
    {
        "assembled",
        "calibrated",
        "capture_finished",
        "case_recorded",
        "change_effective",
        "charged",
        "cleaned",
        "commissioned",
        "complained",
        "destroyed",
        "disassembled",
        "discharged",
        "documents_linked",
        "emptied",
        "held",
        "hold_released",
        "identified",
        "inspected",
        "maintained",
        "material_received",
        "mounted",
        "observed",
        "packed",
        "party_described",
        "place_described",
        "product_described",
        "recall_closed",
        "recall_declared",
        "received",
        "recipe_changed",
        "released",
        "remedied",
        "returned",
        "reworked",
        "scrapped",
        "shipped",
        "sold",
        "stock_adjusted",
        "stored",
        "transformed",
        "unmounted",
        "unpacked",
        "voided",
    }
)
"""Kinds whose links these rules know."""
LINKED_KINDS = frozenset(
    {
        "issued_to_order",
        "order_closed",
        "output_reported",
        "posting_reversed",
        "returned_from_order",
        "software_installed",
    }
)
"""Kinds that make everything they name odd: the domain's linker knows their links."""
BARRED_KINDS = frozenset({"reidentified"})
"""Kinds that bar what they name: a walk that comes there leaves the whole question to the domain.

Any other kind may reach further than what it names, as a reel on a feeder reaches every board made meanwhile: a record
that has one is asked of the domain alone.
"""


class Uncovered(Exception):
    """The record has kinds of events that a graph knows nothing of."""


UNIT, LOT, CLASS, CONTAINER = 1, 2, 3, 4
"""Kinds by code; 0: the id does not tell."""
KINDS = ("unit", "unit", "lot", "class", "container")
"""The words of these numbers."""
