"""Where a lot is, row by row, with what its containers say of it, and its balance (SEMANTICS §4)."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.balance import Balance, Row, balances_of
from domain.facts import Status
from domain.ids import ItemId
from domain.measures import decimal_of
from domain.places import Places
from domain.stock import Stock


@dataclass(frozen=True, slots=True)
class Where:
    """One row of a distribution: how much is where, with whom, in what, in which status."""

    site: str | None
    holder: str | None
    container: ItemId | None
    status: Status | None
    quantity: Decimal | None
    uom: str | None


Rows = dict[tuple[str | None, str | None, ItemId | None, Status | None, str | None], Fraction | None]
"""Quantity by site, holder, container, status and unit of measure."""


def rows_of_lot(places: Places, stock: Stock, at_us: int) -> Rows:
    """A row in a container has the container's place, holder and status (SEMANTICS §4 'Containment')."""
    rows: Rows = {}
    for (spot, uom), quantity in stock.rows.items():
        site, holder, status = spot.site, spot.holder, spot.status
        if spot.container is not None:
            site = places.site(spot.container, at_us) or site
            holder = places.holder(spot.container, at_us)
            status = places.status(spot.container, at_us)[0] or status
        key = (site, holder, spot.container, status, uom)
        held = rows.get(key, Fraction(0))
        rows[key] = None if held is None or quantity is None else held + quantity
    return rows


def where_of(rows: Rows) -> tuple[Where, ...]:
    """The rows as an answer shows them, in order."""
    found = [
        Where(key[0], key[1], key[2], key[3], decimal_of(quantity) if quantity is not None else None, key[4])
        for key, quantity in rows.items()
    ]
    return tuple(
        sorted(found, key=lambda w: tuple(str(x or "") for x in (w.site, w.holder, w.container, w.status, w.uom)))
    )


def balances_at(stock: Stock, rows: Rows) -> tuple[Balance, ...]:
    """The balance of the same rows."""
    return balances_of(stock, [Row(key[4], key[3], key[2] is not None, quantity) for key, quantity in rows.items()])
