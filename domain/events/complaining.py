"""Complaints: what customers, shops and authorities say of units in use (REQUIREMENTS CN10)."""

from typing import ClassVar, Literal

from domain.events.common import Event, ItemQuantity
from domain.ids import PartyId
from domain.values import value

Harm = Literal["none", "property_damage", "injury", "serious_injury", "death"]


@value(frozen=True, slots=True, kw_only=True)
class Complained(Event):
    """Somebody complains of items (投诉). Who, and how to reach them, is a contact: the log has a pseudonym at most.

    `channel` is where it came in, e.g. `12315`, `hotline`, `marketplace`; `complaint_id` its number there; `symptom`
    what is wrong, in words that name nobody. It says nothing of where the items are, so it has no site.
    """

    kind: Literal["complained"] = "complained"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
    channel: str
    complaint_id: str | None = None
    symptom: str | None = None
    harm: Harm | None = None
    complainant: PartyId | None = None

    def check(self) -> None:
        Event.check(self)
        if self.site is not None or self.read_point is not None:
            raise ValueError("site: a complaint does not say where the items are: leave it out")
