"""Serials that count: a head that stays, a counter in an alphabet, a check digit (docs/semantics.md 'Serial ranges').

A serial's place is its counter's position in the alphabet, a whole number; texts are never compared.
Sources: check digit of vehicle identification numbers 49 CFR 565.15 (ISO 3779), GS1 General Specifications §7.9.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from unicodedata import combining, normalize
from urllib.parse import quote

from domain import gs1
from domain.ids import InvalidId, ItemId, serial_of, unit_of_product

DIGITS = "0123456789"
DIGITS_AND_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Check = Literal["vin", "gs1"]

VIN_CHARS = 17
VIN_COUNTER_CHARS = 6
_VIN_CHECK_AT = 8
_VIN_VALUES = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "012345678912345678123457923456789"), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_HOLE = "*"
"""Stands in a head for the character that is the check digit."""
MAX_ORDINAL = 1 << 62


def vin_check_digit(vin: str) -> str | None:
    """The digit (or X) that belongs in the ninth place; None if it is no VIN (17 of 0-9, A-Z without I, O, Q)."""
    if len(vin) != VIN_CHARS:
        return None
    kept = vin[:_VIN_CHECK_AT] + "0" + vin[_VIN_CHECK_AT + 1 :]
    if not all(c in _VIN_VALUES for c in kept):
        return None
    return "0123456789X"[sum(_VIN_VALUES[c] * w for c, w in zip(kept, _VIN_WEIGHTS, strict=True)) % 11]


@dataclass(frozen=True, slots=True)
class Shape:
    """How serials are written: the counter's alphabet and width in characters, and which check digit they carry."""

    alphabet: str
    width: int
    check: str | None = None

    @property
    def key(self) -> str:
        """The shape as one text."""
        return f"{self.check or '-'} {self.width} {self.alphabet}"

    @classmethod
    def of_key(cls, key: str) -> "Shape":
        check, width, alphabet = key.split(" ", 2)
        return cls(alphabet, int(width), None if check == "-" else check)

    def read(self, serial: str) -> tuple[str, int] | None:
        """Head and ordinal of a serial; None if it is not written like this, or its check digit is wrong."""
        body = serial
        match self.check:
            case "vin":
                if vin_check_digit(serial) != serial[_VIN_CHECK_AT : _VIN_CHECK_AT + 1]:
                    return None
                body = serial[:_VIN_CHECK_AT] + _HOLE + serial[_VIN_CHECK_AT + 1 :]
            case "gs1":
                body = serial[:-1]
                if not (serial.isascii() and serial.isdigit()) or not body or gs1.check_digit(body) != serial[-1]:
                    return None
        if len(body) < self.width:
            return None
        ordinal = self._ordinal(body[-self.width :])
        return None if ordinal is None else (body[: -self.width], ordinal)

    def write(self, head: str, ordinal: int) -> str:
        """The serial with that counter."""
        body = head + self._counter(ordinal)
        match self.check:
            case "vin":
                filled = body.replace(_HOLE, "0", 1)
                return body.replace(_HOLE, vin_check_digit(filled) or "0", 1)
            case "gs1":
                return body + gs1.check_digit(body)
        return body

    def _ordinal(self, counter: str) -> int | None:
        if self.alphabet == DIGITS:
            return int(counter) if counter.isascii() and counter.isdigit() else None
        found = 0
        for char in counter:
            place = self.alphabet.find(char)
            if place < 0:
                return None
            found = found * len(self.alphabet) + place
        return found

    def _counter(self, ordinal: int) -> str:
        if self.alphabet == DIGITS:
            return f"{ordinal:0{self.width}d}"
        chars = []
        for _ in range(self.width):
            ordinal, place = divmod(ordinal, len(self.alphabet))
            chars.append(self.alphabet[place])
        return "".join(reversed(chars))


@dataclass(frozen=True, slots=True, kw_only=True)
class Serials:
    """The serials of one product with ordinals `first`, `first + step`, … `last`, but for the excluded ones."""

    product: ItemId
    shape: Shape
    head: str
    first: int
    last: int
    step: int = 1
    excluded: frozenset[int] = frozenset()

    @property
    def count(self) -> int:
        return (self.last - self.first) // self.step + 1 - len(self.excluded)

    @property
    def span_bits(self) -> int:
        """The least n with 2^n over the span: a range that holds an ordinal begins less than 2^n below it."""
        return (self.last - self.first).bit_length()

    def has(self, ordinal: int) -> bool:
        on_step = self.first <= ordinal <= self.last and (ordinal - self.first) % self.step == 0
        return on_step and ordinal not in self.excluded

    def holds(self, item: ItemId) -> bool:
        """Whether the item is a member."""
        serial = serial_of(item)
        read = self.shape.read(serial) if serial is not None and item.material == self.product else None
        return read is not None and read[0] == self.head and self.has(read[1])

    def items(self) -> Iterator[ItemId]:
        """Every unit, in order."""
        for ordinal in range(self.first, self.last + 1, self.step):
            if ordinal not in self.excluded:
                yield self.item(ordinal)

    def item(self, ordinal: int) -> ItemId:
        return unit_of_product(self.product, self.shape.write(self.head, ordinal))

    def flaw(self) -> str | None:
        """Why members would not be read again as they are written (too long, signs that join); None if they are."""
        widest = max(self.shape.alphabet, key=lambda sign: len(quote(sign, safe="")))
        worst = unit_of_product(self.product, self.head + widest * self.shape.width)
        try:
            for member in (worst, self.item(self.first), self.item(self.last)):
                if ItemId.parse(str(member)) != member or not (member is worst or self.holds(member)):
                    return f"{member[:60]} is not written alike twice"
        except InvalidId as error:
            return str(error)
        joins = any(combining(sign) or normalize("NFC", sign) != sign or sign.isspace() for sign in self.shape.alphabet)
        return None if not joins else "the alphabet has signs that join with others"

    def nearest(self, ordinal: int) -> ItemId | None:
        """The member at the ordinal, or else the one next to it; None where all about it are excluded."""
        at = min(max(ordinal, self.first), self.last)
        at -= (at - self.first) % self.step
        for offset in range(100):
            for near in (at + offset * self.step, at - offset * self.step):
                if self.has(near):
                    return self.item(near)
        return None


def _counting(text: str, alphabet: str) -> int:
    """How many characters at the end are of the alphabet."""
    return len(text) - len(text.rstrip(alphabet))


def shape_of(first: str, last: str, *, alphabet: str | None, width: int | None, check: Check | None) -> Shape:
    """The shape that two ends of a range are written in. Raises ValueError with the field to mend."""
    if alphabet is not None and (
        len(set(alphabet)) != len(alphabet) or not 2 <= len(alphabet) <= 64 or " " in alphabet
    ):
        raise ValueError("alphabet: 2 to 64 different characters in their order, without space, e.g. 0123456789ABCDEF")
    letters = alphabet or DIGITS
    if width is None:
        if check == "vin":
            width = VIN_COUNTER_CHARS
        else:
            cut = 1 if check == "gs1" else 0
            bodies = [text[: len(text) - cut] for text in (first, last)]
            width = min(_counting(body, letters) for body in bodies)
    most = VIN_CHARS - _VIN_CHECK_AT - 1 if check == "vin" else len(first)
    if not 1 <= width <= most:
        raise ValueError(f"width: first and last must end in 1 to {most} characters that count, e.g. B0001 and B0500")
    return Shape(letters, width, check)


def serials_of(
    product: ItemId,
    first: str,
    last: str,
    *,
    alphabet: str | None = None,
    width: int | None = None,
    step: int | None = None,
    check: Check | None = None,
    exclude: tuple[str, ...] = (),
) -> Serials:
    """What a range names. Raises ValueError with the field to mend.

    A letter and its mark are one sign (NFC), as in the ids of the members.
    """
    first, last, exclude = _signs(first), _signs(last), tuple(_signs(serial) for serial in exclude)
    shape = shape_of(first, last, alphabet=alphabet, width=width, check=check)
    if len(shape.alphabet) ** shape.width >= MAX_ORDINAL:
        raise ValueError(f"width: {shape.width} characters of this alphabet are too many to count: send a width")
    head, low = _end("first", first, shape)
    other, high = _end("last", last, shape)
    if head != other or len(first) != len(last) or high < low:
        raise ValueError(f"last: {first} to {last} does not count up within one leading text")
    by = 1 if step is None else step
    if by < 1:
        raise ValueError("step: at least 1")
    if (high - low) % by:
        raise ValueError(f"last: {last} is not on a step of {by} from {first}")
    found = Serials(product=product, shape=shape, head=head, first=low, last=high, step=by)
    left_out = set()
    for serial in exclude:
        read = shape.read(serial)
        if read is None or read[0] != head or not found.has(read[1]) or read[1] in left_out:
            raise ValueError(f"exclude: {serial} is not a serial of the range, or is named twice")
        left_out.add(read[1])
    found = Serials(
        product=product, shape=shape, head=head, first=low, last=high, step=by, excluded=frozenset(left_out)
    )
    if found.count < 1:
        raise ValueError("exclude: nothing is left of the range")
    return found


def _signs(text: str) -> str:
    return text if text.isascii() else normalize("NFC", text)


def _end(field: str, serial: str, shape: Shape) -> tuple[str, int]:
    read = shape.read(serial)
    if read is not None:
        return read
    if shape.check == "vin" and (digit := vin_check_digit(serial)) is not None:
        raise ValueError(f"{field}: the ninth character of {serial} must be the check digit {digit}")
    if shape.check == "gs1" and serial[:-1].isascii() and serial[:-1].isdigit():
        raise ValueError(f"{field}: {serial} must end in the check digit {gs1.check_digit(serial[:-1])}")
    wanted = {"vin": "a VIN of 17 characters", "gs1": "digits with a check digit"}.get(shape.check or "", "")
    raise ValueError(f"{field}: {serial} is not {wanted or f'written with {shape.width} characters of the alphabet'}")


def within(serial: str, first: str, last: str, *, alphabet: str | None = None, check: Check | None = None) -> bool:
    """Whether a serial lies between two others, both included, by any way of counting that fits both ends.

    Where nothing fits, it is inside: better one too many than one too few.
    """
    ways = _ways(first, last, alphabet, check)
    return not ways or any(_between(serial, *way) for way in ways)


_Way = tuple[Shape | None, str, int, int]


@lru_cache(maxsize=1_024)
def _ways(first: str, last: str, alphabet: str | None, check: Check | None) -> tuple[_Way, ...]:  # noqa: PLR0917
    if alphabet is not None or check is not None:
        tried = [_counted(first, last, alphabet=alphabet, check=check)]
    else:
        tried = [
            _counted(first, last),
            _counted(first, last, check="vin"),
            _counted(first, last, alphabet=DIGITS_AND_LETTERS),
        ]
    return tuple(way for way in tried if way is not None)


def _counted(first: str, last: str, *, alphabet: str | None = None, check: Check | None = None) -> _Way | None:
    """The ends as (shape, head, from, to); shape None: plain trailing digits of any number. None if they do not fit."""
    if alphabet is None and check is None:
        one, other = _tail(first), _tail(last)
        fits = one is not None and other is not None and one[0] == other[0] and one[1] <= other[1]
        return (None, one[0], one[1], other[1]) if fits and one is not None and other is not None else None
    try:
        shape = shape_of(first, last, alphabet=alphabet, width=None, check=check)
    except ValueError:
        return None
    ends = shape.read(first), shape.read(last)
    if ends[0] is None or ends[1] is None or ends[0][0] != ends[1][0] or ends[0][1] > ends[1][1]:
        return None
    return shape, ends[0][0], ends[0][1], ends[1][1]


def _between(serial: str, shape: Shape | None, head: str, low: int, high: int) -> bool:  # noqa: PLR0917
    read = _tail(serial) if shape is None else shape.read(serial)
    return read is not None and read[0] == head and low <= read[1] <= high


def _tail(serial: str) -> tuple[str, int] | None:
    """Leading text and trailing digits, however many: 2 before 10."""
    digits = _counting(serial, DIGITS)
    return (serial[: len(serial) - digits], int(serial[-digits:])) if digits else None


def fits(first: str, last: str, *, alphabet: str | None, check: Check | None) -> bool:
    """Whether the two count up within one leading text, counted as said (or in any way)."""
    return bool(_ways(first, last, alphabet, check))


def counts_from(serial: str, first: str) -> bool | None:
    """Whether a serial is `first` or comes after it (False: before it), by every way of counting that fits both.

    None where none fits, or two disagree. Where both are vehicle identification numbers, they count as such.
    """
    if serial == first:
        return True
    vins = all(vin_check_digit(s) == s[_VIN_CHECK_AT : _VIN_CHECK_AT + 1] for s in (serial, first))
    check: Check | None = "vin" if vins else None
    after, before = bool(_ways(first, serial, None, check)), bool(_ways(serial, first, None, check))
    return None if after == before else after
