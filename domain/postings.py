"""What is left of an order's postings: issued − returned − reversed, reported − reversed (docs/semantics.md, 'Order
postings'). All namings of one transformation go in; which of them still make links, and why only possibly, comes out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from domain.answers import Conflict
from domain.facts import EventFacts, Mention, Role
from domain.ids import ItemId
from domain.measures import in_unit, plain
from domain.record import Naming

PENDING, NET_QUANTITY, INFERRED = "replacement_pending", "net_quantity", "inferred"

_KIND_OF_ROLE = {Role.INPUT: "issued_to_order", Role.RETURNED: "returned_from_order", Role.OUTPUT: "output_reported"}
_NOTHING: frozenset[str] = frozenset()

Net = dict[str | None, Decimal | None]
"""Quantity by unit of measure; None where it is unknown."""
Line = tuple[int, ItemId, Role, str | None]
"""A line of a document: the event's number, the item by the id it gives, as what, and its unit of measure."""


class Verdict(Enum):
    """Whether an item's postings still make a link."""

    STANDS = "stands"
    GONE = "gone"
    PENDING = "pending"
    """gone, or not, once a void takes effect that waits for its replacement"""
    DOUBTFUL = "doubtful"
    """what came back cannot be weighed against what was posted"""


@dataclass(slots=True)
class Settlement:
    """What stands of one transformation's postings. Without postings everything does."""

    verdicts: dict[tuple[ItemId, Role], Verdict] = field(default_factory=dict)
    """by item and side, INPUT or OUTPUT"""
    nets: dict[tuple[ItemId, Role], Net] = field(default_factory=dict)
    struck: set[Line] = field(default_factory=set)
    """lines reversed in full"""
    maybe_struck: set[Line] = field(default_factory=set)
    returned: set[ItemId] = field(default_factory=set)
    """items of which something came back"""
    conflicts: list[Conflict] = field(default_factory=list)

    def reasons(self, naming: Naming) -> frozenset[str] | None:
        """Why the item that an input or output names itself is only possibly one; None: it is none any more."""
        line = self.line_reasons(naming)
        if line is None:
            return None
        match self.verdicts.get((naming.mention.item, naming.mention.role), Verdict.STANDS):
            case Verdict.GONE:
                return None
            case Verdict.PENDING:
                return line | {PENDING}
            case Verdict.DOUBTFUL:
                return line | {NET_QUANTITY}
            case Verdict.STANDS:
                return line

    def line_reasons(self, naming: Naming) -> frozenset[str] | None:
        """The same by reversals alone: a container that comes back does not bring back what it stood for."""
        line = line_of(naming)
        if line in self.struck:
            return None
        return frozenset({PENDING}) if line in self.maybe_struck else _NOTHING

    def reasons_through(self, naming: Naming, item: ItemId) -> frozenset[str] | None:
        """The same of an item that the named container stood for."""
        line = self.line_reasons(naming)
        return line | {INFERRED} if line is not None and item in self.returned else line


def line_of(naming: Naming) -> Line:
    return naming.event.no, naming.named or naming.mention.item, naming.mention.role, naming.mention.uom


def posted_quantity(mention: Mention) -> Decimal | None:
    """What a posting says of an item: a thing named without quantity is one."""
    return Decimal(1) if mention.quantity is None and not mention.by_class else mention.quantity


def settle(namings: Iterable[Naming]) -> Settlement:
    """Weigh all postings of one transformation."""
    by_item: dict[ItemId, list[Naming]] = {}
    for n in namings:
        if n.event.facts.posting is not None:
            by_item.setdefault(n.mention.item, []).append(n)
    found = Settlement()
    for item, mine in sorted(by_item.items()):
        if any(n.mention.role is Role.RETURNED for n in mine):
            found.returned.add(item)
        for side in (Role.INPUT, Role.OUTPUT):
            if any(n.mention.role is side for n in mine):
                _settle_side(found, item, side, namings=mine)
        _unmatched(found, item, mine)
    return found


def struck_lines(namings: Sequence[Naming]) -> set[Line]:
    """The lines of one item's namings that are surely reversed in full, over all transformations it is in."""
    if not any(n.mention.role is Role.REVERSED for n in namings):
        return set()
    sure = [n for n in namings if not (n.event.pending and n.mention.role is Role.REVERSED)]
    return {line for group in _by_transformation(sure).values() for line in _Weighed(group).struck}


def weighed_lines(namings: Sequence[Naming]) -> tuple[dict[Line, Decimal | None], list[Naming]]:
    """One item's posted lines with what reversals left of each, where they took something; and the reversals that took
    less than they say.
    """
    if not any(n.mention.role is Role.REVERSED for n in namings):
        return {}, []
    weighed = [_Weighed(group) for group in _by_transformation(namings).values()]
    left = {line: quantity for w in weighed for line, quantity in w.left.items()}
    return left, [n for w in weighed for n in w.unmatched]


def _by_transformation(namings: Iterable[Naming]) -> dict[str, list[Naming]]:
    found: dict[str, list[Naming]] = {}
    for n in namings:
        if n.event.facts.posting is not None:
            found.setdefault(n.event.facts.transformation or "", []).append(n)
    return found


class _Weighed:
    """One item's lines in one transformation, with what is `left` of each after reversals."""

    def __init__(self, namings: list[Naming]) -> None:
        self.lines = [n for n in namings if n.mention.role in _KIND_OF_ROLE]
        self.left = {line_of(n): posted_quantity(n.mention) for n in self.lines}
        self.unmatched: list[Naming] = []
        reversals = [n for n in namings if n.mention.role is Role.REVERSED]
        for reversal in sorted(reversals, key=lambda n: (n.event.facts.order, n.mention.uom or "")):
            if not self._reverse(reversal):
                self.unmatched.append(reversal)
        self.struck = {line for line, quantity in self.left.items() if quantity == 0}

    def _reverse(self, reversal: Naming) -> bool:
        """Take a reversal off the lines it means; False if it means none, or more than there is."""
        lines = [n for n in self.lines if _means(reversal.event.facts, n)]
        mention = reversal.mention
        if mention.by_class and mention.quantity is None:
            self.left |= {line_of(n): Decimal(0) for n in lines}
            return bool(lines)
        rest = posted_quantity(mention)
        assert rest is not None
        for n in sorted(lines, key=lambda n: n.event.facts.order):
            held, wanted = self.left[line_of(n)], in_unit(rest, mention.uom, n.mention.uom)
            if held is not None and wanted is not None:
                self.left[line_of(n)] = max(held - wanted, Decimal(0))
                rest = in_unit(max(wanted - held, Decimal(0)), n.mention.uom, mention.uom) or Decimal(0)
        return rest == 0

    def verdict(self, side: Role) -> tuple[Verdict, str | None]:
        """What the lines of a side come to, and the code of the conflict if they contradict each other."""
        posted = [n for n in self.lines if n.mention.role is side and line_of(n) not in self.struck]
        back = [n for n in self.lines if n.mention.role is Role.RETURNED and line_of(n) not in self.struck]
        if side is Role.OUTPUT or not back:
            return (Verdict.STANDS if posted else Verdict.GONE), None
        if len({plain(n.mention.uom)[0] for n in (*posted, *back)}) > 1:
            return Verdict.DOUBTFUL, "mixed_units"
        net = self.net(side)[plain(back[0].mention.uom)[0]]
        if net is None:
            return Verdict.DOUBTFUL, None
        if net < 0:
            return Verdict.DOUBTFUL, "negative_net"
        return (Verdict.GONE if net == 0 else Verdict.STANDS), None

    def net(self, side: Role) -> Net:
        """What is left of a side, in the units that others are fixed multiples of."""
        found: Net = {}
        for n in self.lines:
            if n.mention.role is side or (n.mention.role is Role.RETURNED and side is Role.INPUT):
                uom = plain(n.mention.uom)[0]
                left, held = self.left[line_of(n)], found.get(uom, Decimal(0))
                quantity = in_unit(left, n.mention.uom, uom) if left is not None else None
                sign = -1 if n.mention.role is Role.RETURNED else 1
                found[uom] = None if held is None or quantity is None else held + sign * quantity
        return found


def _means(reversal: EventFacts, line: Naming) -> bool:
    """Whether a reversal is about the document of a line, and may take it back (as a void may: SEMANTICS §5)."""
    posted, posting = line.event.facts, reversal.posting
    assert posting is not None
    if posted.posting is None or posted.posting.document is None or posted.posting.document != posting.reverses:
        return False
    if posting.reversed_kind != _KIND_OF_ROLE[line.mention.role]:
        return False
    return reversal.source == posted.source or reversal.may_correct


def _settle_side(found: Settlement, item: ItemId, side: Role, *, namings: list[Naming]) -> None:
    everything = _Weighed(namings)
    verdict, code = everything.verdict(side)
    found.nets[item, side] = {uom: q for uom, q in everything.net(side).items() if q != 0}
    found.struck |= everything.struck
    if any(n.event.pending for n in namings):
        gone = [verdict is Verdict.GONE]
        for drops in (_takes_away, _adds):
            without = _Weighed([n for n in namings if not (n.event.pending and drops(n))])
            gone.append(without.verdict(side)[0] is Verdict.GONE)
            if drops is _takes_away:
                found.maybe_struck |= everything.struck - without.struck
                found.struck -= found.maybe_struck
        if any(gone) and not all(gone):
            verdict = Verdict.PENDING
    found.verdicts[item, side] = verdict
    if code is not None:
        detail = {
            "mixed_units": f"what came back of {item} is in another unit of measure than what was issued",
            "negative_net": f"more of {item} came back than was issued",
        }[code]
        found.conflicts.append(Conflict(code, (item,), _ids(everything.lines), detail))


def _takes_away(n: Naming) -> bool:
    posting = n.event.facts.posting
    if n.mention.role is Role.REVERSED:
        return posting is not None and posting.reversed_kind != "returned_from_order"
    return n.mention.role is Role.RETURNED


def _adds(n: Naming) -> bool:
    return not _takes_away(n)


def _unmatched(found: Settlement, item: ItemId, namings: list[Naming]) -> None:
    for n in _Weighed(namings).unmatched:
        posting = n.event.facts.posting
        assert posting is not None
        detail = (
            f"document {posting.reverses} ({posting.reversed_kind}) of order {posting.order} has not as much of {item}"
            " as was reversed, or is not in the log, or is of another source"
        )
        found.conflicts.append(Conflict("unmatched_reversal", (item,), (n.event.facts.event_id,), detail))


def _ids(namings: Iterable[Naming]) -> tuple[str, ...]:
    return tuple(sorted({n.event.facts.event_id for n in namings}))
