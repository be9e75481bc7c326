"""CBV 2.0 words: bare, as URN or as URL they are one word; unknown bare words are refused (CBV 2.0 §7)."""

import difflib
import re

from services.ingest.epcis.members import BadEvent

_STEPS = """
accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting
decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting
installing killing loading other packing picking receiving removing repackaging repairing replacing reserving
retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting
unloading unpacking void_shipping
"""
_DISPOSITIONS = """
active available completeness_inferred completeness_verified conformant container_closed container_open damaged
destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance
mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed
recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable unknown
"""
STEPS = frozenset(_STEPS.split())
DISPOSITIONS = frozenset(_DISPOSITIONS.split())
_CBV = re.compile(r"^(?:urn:epcglobal:cbv:\w+:|https?://ref\.gs1\.org/cbv/\w+-|cbv:\w+-)([\w-]+)$", re.IGNORECASE)


def word(text: object, known: frozenset[str] | None, *, field: str) -> str:
    """The bare word of a CBV term, or a foreign URI as it is. `known` None: any bare word goes. Raises BadEvent."""
    if not isinstance(text, str) or not text:
        raise BadEvent(field, "is no word", "send a CBV word, or a URI of your own")
    match = _CBV.match(text)
    bare = match[1] if match else text
    if ":" in bare:
        return bare
    if known is not None and bare not in known:
        near = difflib.get_close_matches(bare, known, 3)
        fix = f"did you mean {', '.join(near)}?" if near else "send a CBV word, or a URI of your own"
        raise BadEvent(field, f'"{bare}" is no CBV word', fix)
    return bare
