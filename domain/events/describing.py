"""Master data: parties, places and products, versioned, valid from `occurred_at`. Contacts live outside the log."""

from typing import Literal

from domain.events.common import Event, UomFactor
from domain.ids import ItemId, PartyId, PlaceId
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class PartyDescribed(Event):
    """A party's name and country. Its contacts go to the erasable store (`PUT /v1/contacts/{party}`)."""

    kind: Literal["party_described"] = "party_described"
    party: PartyId
    name: str
    country: str | None = None
    role: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class PlaceDescribed(Event):
    """A place's name, address and party; `part_of` is the site it belongs to."""

    kind: Literal["place_described"] = "place_described"
    place: PlaceId
    name: str
    part_of: PlaceId | None = None
    party: PartyId | None = None
    address: str | None = None
    time_zone: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class ProductDescribed(Event):
    """A product's name, model and category (recall scope may be batch, model or category: REQUIREMENTS CN3)."""

    kind: Literal["product_described"] = "product_described"
    product: ItemId
    name: str
    model: str | None = None
    category: str | None = None
    uom: str | None = None
    uom_factors: tuple[UomFactor, ...] | None = None
