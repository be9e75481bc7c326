"""A supplier's notice against what was received: matched, ambiguous or unmatched, line by line (docs/recall.md).

A lot number belongs to whoever gave it: "240512" of another supplier is another lot. What was received under it from
the supplier is matched. What the record cannot rule out is ambiguous, with the reason, and is in the draft scope too:
better one lot too many is looked at than one too few.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from domain.ids import ItemId, number_of, serial_of
from domain.serials import within

Outcome = Literal["matched", "ambiguous", "unmatched"]
Why = Literal[
    "other_supplier",
    "supplier_not_recorded",
    "other_product",
    "several_products",
    "spelled_differently",
    "our_number",
    "no_receipt",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """One line of a notice, as the supplier wrote it. `row` is where it stands in their sheet, from 1.

    One of `lot`, `date_code` and `serial` (to `last_serial`, both included) is given. `products` are the classes that
    may be meant, none: any.
    """

    row: int
    products: tuple[ItemId, ...] = ()
    lot: str | None = None
    date_code: str | None = None
    serial: str | None = None
    last_serial: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    remark: str | None = None

    def __post_init__(self) -> None:
        given = [n for n in ("lot", "date_code", "serial") if getattr(self, n)]
        if len(given) != 1:
            raise ValueError(
                f"lot: give one of lot, date_code and serial; this line has {', '.join(given) or 'none of them'}"
            )
        if self.last_serial is not None and self.serial is None:
            raise ValueError("last_serial: needs the serial the range begins with")

    @property
    def sort(self) -> str:
        """Which of the three it names."""
        return "lot" if self.lot else "date_code" if self.date_code else "serial"

    @property
    def number(self) -> str:
        return self.lot or self.date_code or self.serial or ""

    def covers(self, serial: str) -> bool:
        """Whether a serial is one of the line's."""
        if self.serial is None:
            return False
        return serial == self.serial if self.last_serial is None else within(serial, self.serial, self.last_serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One item as one event took it in.

    `numbers` are the supplier's lot numbers that it names, `own_number` is one that only we are known to have given.
    """

    event_id: str
    item: ItemId
    supplier: str | None
    product: str | None
    numbers: frozenset[str] = frozenset()
    date_codes: frozenset[str] = frozenset()
    own_number: str | None = None
    occurred_at: str
    site: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None

    def fits(self, products: Collection[ItemId]) -> bool:
        """Whether it may be one of these products (none: any)."""
        return not products or self.product is None or self.product in products

    def is_of(self, line: NoticeLine) -> bool:
        """Whether it names what the line names, spelled just so."""
        if line.serial is not None:
            serial = serial_of(self.item)
            return serial is not None and line.covers(serial)
        # A date code stands where the lot number does on parts that have no other.
        return line.number in self.numbers or (line.date_code is not None and line.date_code in self.date_codes)

    def resembles(self, line: NoticeLine) -> bool:
        """The same but for case, width, spaces, hyphens and leading zeros."""
        alike = {plain(n) for n in (*self.numbers, *(self.date_codes if line.date_code else ()))}
        serial = serial_of(self.item)
        return plain(line.number) in (alike if line.serial is None else {plain(serial or "")})

    def leaves_open(self, line: NoticeLine) -> bool:
        """It names no number by which the line could be told apart."""
        if line.serial is not None:
            return serial_of(self.item) is None
        if line.date_code is not None:
            return not self.date_codes and serial_of(self.item) is None
        return not self.numbers and serial_of(self.item) is None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the line may mean besides. `receipt` None: an item of that number that no receipt names."""

    why: Why
    item: ItemId
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What a line came to. `receipts` are surely meant, `candidates` and `left_open` possibly.

    `left_open`: receipts of the supplier that name no number by which to tell; one list shared by lines alike.
    """

    line: NoticeLine
    outcome: Outcome
    receipts: Sequence[Receipt] = ()
    candidates: Sequence[Candidate] = ()
    left_open: Sequence[Receipt] = ()

    @property
    def items(self) -> list[ItemId]:
        return sorted({r.item for r in self.receipts})


def plain(number: str) -> str:
    """A number without what people write differently."""
    folded = unicodedata.normalize("NFKC", number).casefold()
    return "".join(c for c in folded if c.isalnum()).lstrip("0")


def match(
    line: NoticeLine,
    *,
    supplier: str,
    receipts: Iterable[Receipt],
    known: Collection[ItemId] = (),
    left_open: Sequence[Receipt] = (),
) -> Match:
    """What a line means. `receipts` are all that may concern it, `known` items of its number that events name."""
    sure: list[Receipt] = []
    possible: list[Candidate] = []
    for receipt in sorted(receipts, key=lambda r: (r.occurred_at, r.event_id, r.item)):
        why = _doubt(line, receipt, supplier=supplier)
        if why == "sure":
            sure.append(receipt)
        elif why is not None:
            possible.append(Candidate(why, receipt.item, receipt))
    received = {r.item for r in sure} | {c.item for c in possible}
    possible += [Candidate("no_receipt", item) for item in sorted(known) if item not in received]
    if not line.products and len({r.product for r in sure}) > 1:
        possible = [*(Candidate("several_products", r.item, r) for r in sure), *possible]
        sure = []
    outcome: Outcome = "matched" if sure else "ambiguous" if possible or left_open else "unmatched"
    return Match(line, outcome, tuple(sure), tuple(possible), left_open)


def _doubt(line: NoticeLine, receipt: Receipt, *, supplier: str) -> Why | Literal["sure"] | None:
    """Why a receipt is only possibly meant; None if nothing says that it is."""
    theirs, fits = receipt.supplier == supplier, receipt.fits(line.products)
    if receipt.is_of(line):
        if not theirs:
            return "supplier_not_recorded" if receipt.supplier is None else "other_supplier"
        return "sure" if fits else "other_product"
    if not (theirs and fits):
        return None
    if receipt.resembles(line):
        return "spelled_differently"
    ours = receipt.own_number
    return "our_number" if line.lot is not None and ours is not None and plain(ours) == plain(line.lot) else None


class Shelf:
    """Receipts of and beside one supplier, laid out so that each line meets those alone which may concern it."""

    def __init__(self, supplier: str, receipts: Iterable[Receipt], known: Iterable[ItemId] = ()) -> None:
        self._supplier = supplier
        self._by_number: dict[str, list[Receipt]] = {}
        self._units: list[Receipt] = []
        self._theirs: list[Receipt] = []
        self._known: dict[str, list[ItemId]] = {}
        self._left_open: dict[tuple[tuple[ItemId, ...], str], list[Receipt]] = {}
        for receipt in sorted(receipts, key=lambda r: (r.occurred_at, r.event_id, r.item)):
            serial = serial_of(receipt.item)
            numbers = {*receipt.numbers, *receipt.date_codes, receipt.own_number or "", serial or ""}
            for number in {plain(n) for n in numbers if n}:
                self._by_number.setdefault(number, []).append(receipt)
            if serial is not None:
                self._units.append(receipt)
            if receipt.supplier == supplier:
                self._theirs.append(receipt)
        for item in known:
            self._known.setdefault(plain(number_of(item) or ""), []).append(item)

    def match(self, line: NoticeLine) -> Match:
        """What a line means."""
        receipts, known = self._by_number.get(plain(line.number), []), self._known.get(plain(line.number), [])
        if line.last_serial is not None:
            receipts = self._units
            known = [i for items in self._known.values() for i in items if line.covers(serial_of(i) or "")]
        left_open = self.left_open(line)
        return match(line, supplier=self._supplier, receipts=receipts, known=known, left_open=left_open)

    def left_open(self, line: NoticeLine) -> list[Receipt]:
        """Receipts of the supplier that a line of this sort can neither name nor rule out."""
        key = (line.products, line.sort)
        if key not in self._left_open:
            self._left_open[key] = [r for r in self._theirs if r.fits(line.products) and r.leaves_open(line)]
        return self._left_open[key]


def draft_scope(matches: Sequence[Match], *, with_possible: bool = True) -> dict[str, Any] | None:
    """A scope rule out of what was found: what is surely meant, and beside it what possibly is. None: nothing was."""
    sure = {i for m in matches for i in m.items}
    shared = {id(m.left_open): m.left_open for m in matches}
    found = {c.item for m in matches for c in m.candidates} | {r.item for rs in shared.values() for r in rs}
    possible = found - sure if with_possible else set()
    leaves = [{"items": sorted(map(str, items))} for items in (sure, possible) if items]
    return {"any": leaves} if leaves else None


def outcomes(matches: Iterable[Match]) -> dict[str, int]:
    """How many lines came to what."""
    found = dict.fromkeys(("matched", "ambiguous", "unmatched"), 0)
    for one in matches:
        found[one.outcome] += 1
    return found


def numbers_alike(lines: Iterable[NoticeLine]) -> Iterator[str]:
    """Spellings under which the numbers of lots and serials are looked up."""
    for line in lines:
        for number in filter(None, (line.lot, line.date_code, line.serial, line.last_serial)):
            folded = unicodedata.normalize("NFKC", number)
            yield from {number, folded, folded.upper(), folded.lower()}
