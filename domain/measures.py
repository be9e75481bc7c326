"""Units of measure: what a quantity in one unit is in another (docs/semantics.md, 'Units of measure of a lot').

Fractions inside, so that a third of a coil three times is a coil; decimals outside.
"""

from collections.abc import Iterable
from decimal import Context, Decimal
from fractions import Fraction

from domain.events import UomFactor
from domain.ids import ItemId
from domain.record import FactorAt

DIGITS = 28
"""Digits a converted quantity is given with, where it cannot be given exactly."""

PIECES = ("EA", "H87", "C62", "PCE")
"""Codes of a piece, which an absent unit is too."""

_FIXED: dict[str, tuple[str | None, Fraction]] = {
    "TNE": ("KGM", Fraction(1000)),
    "GRM": ("KGM", Fraction(1, 1000)),
    "MGM": ("KGM", Fraction(1, 1_000_000)),
    "KMT": ("MTR", Fraction(1000)),
    "CMT": ("MTR", Fraction(1, 100)),
    "MMT": ("MTR", Fraction(1, 1000)),
    "CMK": ("MTK", Fraction(1, 10_000)),
    "MMK": ("MTK", Fraction(1, 1_000_000)),
    "MTQ": ("LTR", Fraction(1000)),
    "DMQ": ("LTR", Fraction(1)),
    "MLT": ("LTR", Fraction(1, 1000)),
    "CMQ": ("LTR", Fraction(1, 1000)),
    **dict.fromkeys(PIECES, (None, Fraction(1))),
}
"""What holds for everything (UN/ECE Recommendation 20, the SI)."""


def plain(uom: str | None) -> tuple[str | None, Fraction]:
    """The unit that a unit is a fixed multiple of, and how many of those one is."""
    return _FIXED.get(uom or "", (uom, Fraction(1)))


def in_unit(quantity: Decimal, uom: str | None, to: str | None) -> Decimal | None:
    """The quantity in a unit that the same holds for always; None where that takes an equation of the lot."""
    (one, of_one), (other, of_other) = plain(uom), plain(to)
    if one != other:
        return None
    return quantity if uom == to else decimal_of(Fraction(quantity) * of_one / of_other)


def decimal_of(value: Fraction) -> Decimal:
    """The value in decimals: exact where that is possible in DIGITS digits."""
    context = Context(prec=DIGITS)
    quotient = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    whole = quotient.to_integral_value()
    return whole if quotient == whole else quotient.normalize(context)


class Measures:
    """The units of one lot: what is fixed, and the equations the record states of it or its product."""

    def __init__(self, factors: Iterable[UomFactor] = ()) -> None:
        """Earlier factors go before later ones of the same two units."""
        self._ratios: dict[str | None, dict[str | None, Fraction]] = {}
        for f in factors:
            (one, of_one), (other, of_other) = plain(f.uom), plain(f.in_uom)
            if one == other or other in self._ratios.get(one, {}):
                continue
            ratio = Fraction(f.equals) * of_other / (Fraction(f.quantity) * of_one)
            self._ratios.setdefault(one, {})[other] = ratio
            self._ratios.setdefault(other, {})[one] = 1 / ratio

    def convert(self, quantity: Fraction, uom: str | None, to: str | None) -> Fraction | None:
        """The quantity in another unit; None where no equation leads there."""
        (start, of_start), (end, of_end) = plain(uom), plain(to)
        reached = {start: of_start}
        todo = [start]
        while todo and end not in reached:
            here = todo.pop(0)
            for there, ratio in sorted(self._ratios.get(here, {}).items(), key=lambda r: r[0] or ""):
                if there not in reached:
                    reached[there] = reached[here] * ratio
                    todo.append(there)
        return quantity * reached[end] / of_end if end in reached else None


def measures_of(item: ItemId, materials: Iterable[ItemId], stated: dict[ItemId, list[FactorAt]]) -> Measures:
    """A lot's own equations before its product's, the latest statement before earlier ones."""
    ordered = [
        sorted(stated.get(one, []), key=lambda f: (f.event.facts.order, repr(f.factor)), reverse=True)
        for one in (item, *sorted(materials))
    ]
    return Measures(f.factor for factors in ordered for f in factors)
