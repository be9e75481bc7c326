"""Which charges a discharge may hold: time, clean breaks and compartments (docs/semantics.md, Vessels)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.events import VesselMode
from domain.facts import VesselAct
from domain.ids import ItemId
from domain.record import VesselSign
from domain.spans import FillSpan

APART_US = 7 * 86_400_000_000
"""Acts nearer to each other than this are looked up as one span."""


@dataclass(frozen=True, slots=True)
class Held:
    """A charge that a discharge may hold, and why only possibly."""

    charge: VesselSign
    item: ItemId
    reasons: frozenset[str]


def fill_of(sign: VesselSign, *, ahead: bool) -> FillSpan:
    """The span of a vessel's acts around one of them."""
    facts = sign.event.facts
    return FillSpan(sign.fact.vessel, facts.begins_us, facts.latest_us, ahead)


def merged_fills(spans: Iterable[FillSpan]) -> list[FillSpan]:
    """The same acts in fewer spans; all look ahead, or none does."""
    found: list[FillSpan] = []
    for span in sorted(spans):
        last = found[-1] if found else None
        if last is not None and last.vessel == span.vessel and span.from_us <= last.to_us + APART_US:
            found[-1] = replace(last, to_us=max(last.to_us, span.to_us))
        else:
            found.append(span)
    return found


def breaks_of(acts: Iterable[VesselSign]) -> list[VesselSign]:
    """The clean breaks among them, latest first."""
    breaks = (s for s in acts if s.fact.act is VesselAct.BREAK)
    return sorted(breaks, key=lambda s: s.event.facts.latest_us, reverse=True)


def held_in(discharge: VesselSign, acts: Iterable[VesselSign], breaks: Sequence[VesselSign]) -> list[Held]:
    """Every charge that may lie before the end of the discharge, and that no clean break surely lies after."""
    made = discharge.event.facts
    near = [b for b in breaks if b.event.facts.begins_us <= made.latest_us]
    found = []
    for charge in acts:
        item = charge.fact.item
        if charge.fact.act is VesselAct.CHARGE and item is not None and charge.event.facts.begins_us <= made.latest_us:
            reasons = _reasons(charge, discharge, near)
            if reasons is not None:
                found.append(Held(charge, item, reasons))
    return found


def _reasons(charge: VesselSign, discharge: VesselSign, breaks: Iterable[VesselSign]) -> frozenset[str] | None:
    """Why the charge is only possibly in it, by time and compartment; None: it is not in it."""
    put, made = charge.event.facts, discharge.event.facts
    inside, asked = charge.fact.compartment, discharge.fact.compartment
    apart = inside is not None and asked is not None and inside != asked
    if charge.event.no == discharge.event.no or (apart and discharge.fact.mode is VesselMode.SEGREGATED):
        return None
    reasons = {"inferred"} if apart else set()
    if put.latest_us >= made.begins_us:
        reasons.add("edge")
    if charge.event.pending or discharge.event.pending:
        reasons.add("replacement_pending")
    for one in breaks:
        cleaned = one.event.facts
        if one.fact.compartment not in (None, inside) or cleaned.latest_us < put.begins_us:
            continue
        between = put.latest_us < cleaned.begins_us and cleaned.latest_us < made.begins_us
        if between and not one.event.pending:
            return None
        reasons.add("replacement_pending" if between else "edge")
    return frozenset(reasons)
