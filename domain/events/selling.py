"""Sale: to whom, through which channel. Holders are pseudonyms; personal data stay out of the log."""

from typing import ClassVar, Literal

from domain.events.common import ItemQuantity, Transfer
from domain.ids import PartyId
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class Sold(Transfer):
    """Items are sold and handed over (CBV retail_selling, dispensing). `holder` is a pseudonymous id."""

    kind: Literal["sold"] = "sold"
    NEEDS: ClassVar[tuple[str, ...]] = ("items",)
    items: tuple[ItemQuantity, ...]
    holder: PartyId | None = None
    channel: str | None = None
