"""Units told as serial ranges: as few as there are runs, and together exactly these units (49 CFR 573.6(c)(2))."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from domain.ids import InvalidId, ItemId, serial_of, unit_of_product
from domain.serials import DIGITS, MAX_ORDINAL, VIN_COUNTER_CHARS, Serials, Shape

_VIN = Shape(DIGITS, VIN_COUNTER_CHARS, "vin")
_WIDEST = len(str(MAX_ORDINAL)) - 1


@dataclass(frozen=True, slots=True)
class Runs:
    """Ranges by product and beginning, and the units that no counting number tells."""

    ranges: tuple[Serials, ...]
    others: tuple[ItemId, ...]

    @property
    def count(self) -> int:
        return sum(r.count for r in self.ranges) + len(self.others)


def runs_of(units: Iterable[ItemId]) -> Runs:
    """The units as runs of consecutive serials. Every id that a range stands for is written as the unit's own is."""
    counted: dict[tuple[ItemId, str, str], list[int]] = {}
    others: list[ItemId] = []
    for unit in sorted(set(units)):
        read = _read(unit)
        if read is None:
            others.append(unit)
        else:
            product, shape, head, ordinal = read
            counted.setdefault((product, shape.key, head), []).append(ordinal)
    found = [run for (product, key, head), ordinals in counted.items() for run in _runs(product, key, (head, ordinals))]
    return Runs(tuple(sorted(found, key=lambda r: (r.product, r.shape.key, r.head, r.first))), tuple(others))


def _read(unit: ItemId) -> tuple[ItemId, Shape, str, int] | None:
    """Product, shape, head and counter of a unit; None where these do not give back the very id."""
    serial, product = serial_of(unit), unit.material
    if serial is None or product is None:
        return None
    digits = len(serial) - len(serial.rstrip(DIGITS))
    for shape in (_VIN, Shape(DIGITS, min(digits, _WIDEST))):
        read = shape.read(serial) if shape.width else None
        if read is None:
            continue
        head, ordinal = read
        try:
            if unit_of_product(ItemId(product), shape.write(head, ordinal)) == unit:
                return ItemId(product), shape, head, ordinal
        except InvalidId:
            return None
    return None


def _runs(product: ItemId, key: str, told: tuple[str, list[int]]) -> Iterable[Serials]:
    head, ordinals = told
    shape = Shape.of_key(key)
    run: Serials | None = None
    for ordinal in sorted(ordinals):
        if run is not None and ordinal == run.last + 1:
            run = replace(run, last=ordinal)
            continue
        if run is not None:
            yield run
        run = Serials(product=product, shape=shape, head=head, first=ordinal, last=ordinal)
    if run is not None:
        yield run


def ends(run: Serials) -> tuple[str, str]:
    """The first and the last serial of a range, both included."""
    return run.shape.write(run.head, run.first), run.shape.write(run.head, run.last)
