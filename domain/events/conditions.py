"""What surrounds the making: calibration, maintenance, recipes, software, and from where on a change holds."""

from typing import ClassVar, Literal

from domain.events.common import Event, Lasting
from domain.events.quality import Measurement
from domain.ids import ItemId
from domain.moments import Moment
from domain.values import value

Tolerance = Literal["in_tolerance", "out_of_tolerance"]


def tolerance_of(readings: tuple[Measurement, ...], stated: Tolerance | None) -> Tolerance | None:
    """What readings and verdict say together; the worse counts. None: neither can be judged."""
    judged = [ok for reading in readings if (ok := _within(reading)) is not None]
    if stated == "out_of_tolerance" or not all(judged):
        return "out_of_tolerance"
    return "in_tolerance" if judged or stated is not None else None


def _within(reading: Measurement) -> bool | None:
    if reading.verdict is not None and reading.verdict != "pass":
        return False
    value, low, high = reading.value, reading.lower_limit, reading.upper_limit
    if value is None or (low is None and high is None):
        return True if reading.verdict == "pass" else None
    return (low is None or value >= low) and (high is None or value <= high)


@value(frozen=True, slots=True, kw_only=True)
class Calibrated(Lasting):
    """An instrument was checked against a standard (ISO/IEC 17025 7.8.4, IATF 16949 7.1.5.2.1).

    `as_found` are its errors or readings as it came, with their tolerances, `as_left` after it was adjusted. `verdict`
    is about how it was found, `left_verdict` about how it was left. Found within tolerance and not adjusted, it is left
    as it was found.
    """

    kind: Literal["calibrated"] = "calibrated"
    instrument: str
    verdict: Tolerance | None = None
    as_found: tuple[Measurement, ...] = ()
    as_left: tuple[Measurement, ...] = ()
    left_verdict: Tolerance | None = None
    certificate: str | None = None

    def check(self) -> None:
        Lasting.check(self)
        _given("instrument", self.instrument, "name it as inspections name it in circumstances.instrument")
        if tolerance_of(self.as_found, self.verdict) is None:
            raise ValueError('verdict: send "in_tolerance" or "out_of_tolerance", or as_found with its limits')

    @property
    def found_good(self) -> bool:
        """Whether it was within tolerance as it came."""
        return tolerance_of(self.as_found, self.verdict) == "in_tolerance"

    @property
    def left_good(self) -> bool | None:
        """Whether it was within tolerance as it went; None: nothing says so of one that was found out of it."""
        left = tolerance_of(self.as_left, self.left_verdict)
        return left == "in_tolerance" if left is not None else True if self.found_good and not self.as_left else None


@value(frozen=True, slots=True, kw_only=True)
class Maintained(Lasting):
    """Equipment was serviced or repaired. `work` says what was done, `reason` why."""

    kind: Literal["maintained"] = "maintained"
    equipment: str
    work: str | None = None
    reason: str | None = None

    def check(self) -> None:
        Lasting.check(self)
        _given("equipment", self.equipment, "name it as events name it in circumstances.equipment")


@value(frozen=True, slots=True, kw_only=True)
class RecipeChanged(Event):
    """From now on the equipment (or line) makes by this recipe (ISA-88), until the next change there."""

    kind: Literal["recipe_changed"] = "recipe_changed"
    equipment: str | None = None
    line: str | None = None
    recipe: str
    version: str | None = None

    def check(self) -> None:
        Event.check(self)
        _given("recipe", self.recipe, "name the recipe")
        if bool(self.equipment) == bool(self.line):
            raise ValueError(
                "equipment: name the equipment or the line on which the recipe is changed (one of the two)"
            )


@value(frozen=True, slots=True, kw_only=True)
class SoftwareInstalled(Lasting):
    """A unit gets a version of a software: a lot whose product is the software and whose number is the version.

    It is a component of the unit until another version of the same software is installed there.
    """

    kind: Literal["software_installed"] = "software_installed"
    item: ItemId
    software: ItemId

    def check(self) -> None:
        Lasting.check(self)
        if self.software.kind != "lot" or self.software.material is None:
            fix = 'send {"product": "BMS-FIRMWARE", "lot": "2.1.0"}: the software and its version'
            raise ValueError(f"software: {self.software} is not a version; {fix}")
        if self.item.kind in ("lot", "class"):
            raise ValueError(f"item: {self.item} is a {self.item.kind}; name the unit")


@value(frozen=True, slots=True, kw_only=True)
class ChangeEffective(Event):
    """An engineering change of a product takes effect: from a serial, a lot or a time on (break-in point)."""

    kind: Literal["change_effective"] = "change_effective"
    change: str
    product: ItemId
    from_serial: str | None = None
    from_lot: ItemId | None = None
    from_time: Moment | None = None
    description: str | None = None

    BREAK_INS: ClassVar[tuple[str, ...]] = ("from_serial", "from_lot", "from_time")

    def check(self) -> None:
        Event.check(self)
        _given("change", self.change, "give the number of the change, e.g. ECO-4711")
        if self.product.kind != "class":
            raise ValueError(f'product: {self.product} is not a product, e.g. {{"product": "PACK-36V"}} or a GTIN')
        if sum(getattr(self, name) is not None for name in self.BREAK_INS) != 1:
            raise ValueError(
                "from_serial: send one of from_serial, from_lot, from_time: from where on the change holds"
            )
        if self.from_lot is not None and self.from_lot.kind != "lot":
            raise ValueError(f"from_lot: {self.from_lot} is not a lot")


def _given(name: str, value: str, fix: str) -> None:
    if not value.strip():
        raise ValueError(f"{name}: is empty; {fix}")
