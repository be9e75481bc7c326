"""A supplier's notice against what was received: matched, ambiguous or unmatched, line by line (docs/recall.md).

A lot number belongs to whoever gave it: "240512" of another supplier is another lot. What was received under it from
the supplier is matched. What the record cannot rule out is ambiguous, with the reason, and is in the draft scope too:
better one lot too many is looked at than one too few.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
    "lot_not_recorded",
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
    """What a line came to. `items` are surely meant, `candidates` possibly."""

    line: NoticeLine
    outcome: Outcome
    receipts: Sequence[Receipt] = ()
    candidates: Sequence[Candidate] = field(default=())

    @property
    def items(self) -> list[ItemId]:
        return sorted({r.item for r in self.receipts})


def plain(number: str) -> str:
    """A number without what people write differently."""
    folded = unicodedata.normalize("NFKC", number).casefold()
    return "".join(c for c in folded if c.isalnum()).lstrip("0")


def match(line: NoticeLine, *, supplier: str, receipts: Iterable[Receipt], known: Collection[ItemId] = ()) -> Match:
    """What a line means. `receipts` are all that may concern it, `known` items of its number that events name."""
    sure: list[Receipt] = []
    open_: list[Candidate] = []
    for receipt in sorted(receipts, key=lambda r: (r.occurred_at, r.event_id, r.item)):
        fits = not line.products or receipt.product is None or receipt.product in line.products
        why = _doubt(line, receipt, supplier=supplier, fits=fits)
        if why == "sure":
            sure.append(receipt)
        elif why is not None:
            open_.append(Candidate(why, receipt.item, receipt))
    received = {r.item for r in sure} | {c.item for c in open_}
    open_ += [Candidate("no_receipt", item) for item in sorted(known) if item not in received]
    if not line.products and len({r.product for r in sure}) > 1:
        open_ = [*(Candidate("several_products", r.item, r) for r in sure), *open_]
        sure = []
    outcome: Outcome = "matched" if sure else "ambiguous" if open_ else "unmatched"
    return Match(line, outcome, tuple(sure), tuple(open_))


def _doubt(line: NoticeLine, receipt: Receipt, *, supplier: str, fits: bool) -> Why | Literal["sure"] | None:
    """Why a receipt is only possibly meant; None if it is not."""
    theirs = receipt.supplier == supplier
    if receipt.is_of(line):
        if not theirs:
            return "supplier_not_recorded" if receipt.supplier is None else "other_supplier"
        return "sure" if fits else "other_product"
    if not (theirs and fits):
        return None
    if receipt.resembles(line):
        return "spelled_differently"
    if line.lot is not None and receipt.own_number is not None and plain(receipt.own_number) == plain(line.lot):
        return "our_number"
    return "lot_not_recorded" if receipt.leaves_open(line) else None


class Shelf:
    """Receipts, laid out so that those which may concern a line are found without looking at all."""

    def __init__(self, receipts: Iterable[Receipt], known: Iterable[ItemId] = ()) -> None:
        self._by_number: dict[str, list[Receipt]] = {}
        self._units: list[Receipt] = []
        self._open: list[Receipt] = []
        self._known: dict[str, list[ItemId]] = {}
        for receipt in receipts:
            serial = serial_of(receipt.item)
            numbers = {*receipt.numbers, *receipt.date_codes, receipt.own_number or "", serial or ""}
            for number in {plain(n) for n in numbers if n}:
                self._by_number.setdefault(number, []).append(receipt)
            if serial is not None:
                self._units.append(receipt)
            elif not (receipt.numbers and receipt.date_codes):
                self._open.append(receipt)
        for item in known:
            self._known.setdefault(plain(number_of(item) or ""), []).append(item)

    def match(self, line: NoticeLine, *, supplier: str) -> Match:
        """What a line means."""
        named = self._by_number.get(plain(line.number), []) if line.last_serial is None else self._units
        about = {(r.event_id, r.item): r for r in (*named, *self._open)}
        known = self._known.get(plain(line.number), [])
        if line.last_serial is not None:
            known = [i for items in self._known.values() for i in items if line.covers(serial_of(i) or "")]
        return match(line, supplier=supplier, receipts=about.values(), known=known)


def draft_scope(matches: Sequence[Match], *, with_possible: bool = True) -> dict[str, Any] | None:
    """A scope rule out of what was found: what is surely meant, and beside it what possibly is. None: nothing was."""
    sure = sorted({i for m in matches for i in m.items})
    possible = sorted({c.item for m in matches for c in m.candidates} - set(sure)) if with_possible else []
    leaves = [{"items": [str(i) for i in items]} for items in (sure, possible) if items]
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
