"""Codes of the API in a reader's words."""

from collections.abc import Mapping
from typing import Any

from services.cli.case_words import CASE_WORDS
from services.cli.chinese_words import KINDS
from services.cli.messages import Say

WORDS = {
    "in_stock": "in stock",
    "in_transit": "in transit",
    "sold": "sold",
    "returned": "returned",
    "scrapped": "scrapped",
    "consumed": "used up",
    "installed": "installed",
    "destroyed": "destroyed",
    "unit": "unit",
    "lot": "lot",
    "class": "product",
    "container": "container",
    "certain": "certain",
    "possible": "possible",
    "several_inputs": "several lots of one material went in",
    "class_level": "no lot was recorded",
    "duration_unknown": "how long it lasted was not recorded",
    "basis": "not scanned but calculated",
    "net_quantity": "what came back of it cannot be weighed",
    "inferred": "inferred",
    "replacement_pending": "a correction is awaited",
    "touched": "after it was taken out",
    "against_time": "against the order of time",
    "edge": "at the edge of when it was mounted, charged or so",
    "booked_later": "only booked: when it was made is not known",
    "left_unknown": "nothing says the instrument was put right",
    "packaging_level": "the same lot number at another packaging level",
    "identity_conflict": "one number was given to two things",
    "order_uncertain": "the order in time is uncertain",
    "lag": "events not yet applied",
    "stale": "the projector gives no sign",
    "parked": "events put aside as unreadable",
    "scope": "parts you may not see",
    "depth_limit": "depth limit reached",
    "row_limit": "row limit reached",
    **CASE_WORDS,
}
MEANINGS = {
    "class_level": "used without a lot number",
    "earlier_fills": "what the container held before is not traced",
    "last_fill": "the container is empty: what it held last is traced",
    "no_upstream": "the record does not say what these came from",
    "no_making": "only booked: what stood on the machine before may be in it",
    "open_wip": "issued to an order, and nothing is reported yet",
    "replacement_pending": "a voided event waits for its replacement",
    "shipped_out": "shipped, and no record from the receiver",
    "unaccounted": "the record does not say where it went",
    "unknown_item": "no event names it",
    "ambiguous_receipt": "it is not known which shipment was received",
    "commissioned_twice": "commissioned twice",
    "conflicting_copies": "an event was sent with different contents: the first in the log counts",
    "identity_conflict": "one number was given to two things",
    "mixed_units": "quantities in different units of measure",
    "negative_balance": "more left than came",
    "negative_net": "more reversed or returned than was booked",
    "refused_void": "a void of another source without the right to correct: it does not count",
    "reidentified_twice": "relabelled twice",
    "two_at_position": "two things mounted at one position",
    "two_parents": "fitted in two things at once",
    "unmatched_reversal": "a reversal of a posting that is not there",
}
"""Gaps and conflicts by code, in the words that other languages are told; English has the service's own `detail`."""


def word(code: str | None, say: Say) -> str:
    """A code of the API in the reader's words; one without words stays as it is."""
    return "–" if code is None else say(WORDS[code]) if code in WORDS else code


def meaning(told: Mapping[str, Any], say: Say) -> str:
    """What a gap or conflict says: the service's own sentence, or the meaning of its code in another language."""
    code = told["code"]
    known = MEANINGS.get(code) or WORDS.get(code)
    return str(told["detail"]) if say.language == "en" or known is None else say(known)


def event_kind(kind: str, say: Say) -> str:
    """A kind of event in the reader's words; English has the name that the API gives it."""
    return KINDS.get(kind, kind) if say.language == "zh" else kind
