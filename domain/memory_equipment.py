"""The part of the record in memory that tells what equipment and vessels held: whole histories, never a part."""

from domain.acts import is_made
from domain.bookings import BOOKING, ISSUE, UNSURE_BASES, may_begin_us
from domain.facts import EventFacts, Role
from domain.ids import ItemId
from domain.record import Found, Happened, LoadSign, Making, Need, OrderStart, VesselSign
from domain.spans import Near


class EquipmentMemory:
    """Mounts, makings and acts on vessels of the events that count."""

    def __init__(self) -> None:
        self._loads: dict[str, list[LoadSign]] = {}
        self._loadings_of: dict[ItemId, list[LoadSign]] = {}
        self._makings: dict[str, list[Making]] = {}
        self._makings_of: dict[ItemId, list[Making]] = {}
        self._fills: dict[str, list[VesselSign]] = {}
        self._acts_on: dict[ItemId, list[VesselSign]] = {}
        self._order_starts: dict[str, list[OrderStart]] = {}

    def add(self, header: Happened, facts: EventFacts) -> None:
        """Take in one event; `header` is it without its mentions."""
        if facts.loading is not None:
            sign = LoadSign(header, facts.loading)
            self._loads.setdefault(sign.fact.equipment, []).append(sign)
            if sign.fact.item is not None:
                self._loadings_of.setdefault(sign.fact.item, []).append(sign)
        for fact in facts.vessels:
            act = VesselSign(header, fact)
            self._fills.setdefault(fact.vessel, []).append(act)
            if fact.item is not None:
                self._acts_on.setdefault(fact.item, []).append(act)
        if facts.made_on:
            made = tuple(m for m in facts.mentions if is_made(m, facts.kind))
            used = tuple(m for m in facts.mentions if m.role in (Role.INPUT, Role.COMPONENT))
            making = Making(header, facts.made_on, facts.made_units, made, used, may_begin_us(facts))
            for equipment in facts.made_on:
                self._makings.setdefault(equipment, []).append(making)
            for item in {m.item for m in made}:
                self._makings_of.setdefault(item, []).append(making)
        if facts.kind in (ISSUE, BOOKING) and facts.transformation is not None:
            sure = not any(m.basis in UNSURE_BASES for m in facts.mentions)
            self._order_starts.setdefault(facts.transformation, []).append(OrderStart(header, sure))

    def look_up(self, need: Need, found: Found) -> None:
        """Add what the need asks of it."""
        found.loadings_of = {i: self._loadings_of.get(i, []) for i in need.loadings_of}
        found.makings_of = {i: self._makings_of.get(i, []) for i in need.makings_of}
        found.acts_on = {i: self._acts_on.get(i, []) for i in need.acts_on}
        found.order_starts = {key: self._order_starts.get(key, []) for key in need.order_starts}
        found.loads = {span: self._loads.get(span.equipment, []) for span in need.loads}
        found.fills = {span: self._fills.get(span.vessel, []) for span in need.fills}
        for span in need.makings:
            found.makings[span] = [
                m
                for m in self._makings.get(span.equipment, [])
                if m.since_us <= span.to_us and m.event.facts.latest_us >= span.from_us
            ]
        found.makings_near = {near: self._near(near) for near in need.makings_near}

    def _near(self, near: Near) -> list[Making]:
        makings = [m for m in self._makings.get(near.equipment, []) if m.units]
        if near.before:
            return [m for m in makings if m.event.facts.latest_us < near.at_us]
        return [m for m in makings if m.event.facts.latest_us > near.at_us]
