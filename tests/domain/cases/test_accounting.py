"""docs/recall.md, 'Accounting': each example, and that the buckets partition the population whatever is said."""

from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.accounting import Accounting, LotLine, Portion, Unit, account
from domain.cases.buckets import DONE, Bucket, Claim, ClaimOrder, Placed, Standing, place
from domain.facts import Status
from domain.ids import ItemId

HOUR_US = 3_600_000_000
OPENED = 4
X, Y = "DEALER-X", "DEALER-Y"
L, F = ItemId("urn:zhuisu:lot:own:BIKE:L"), ItemId("urn:zhuisu:lot:own:FOOD:F")
PAGE = Path(__file__).parents[3] / "docs" / "recall.md"


def unit(number: int = 1) -> ItemId:
    return ItemId(f"urn:zhuisu:unit:own:BIKE:{number:03d}")


def us(hour: float) -> int:
    return int(hour * HOUR_US)


def said(hour: float, says: Bucket | None, **more: Any) -> Claim:
    told: dict[str, Any] = {"item": unit(), **more}
    return Claim(order=ClaimOrder(us(hour), us(hour), f"case:R-1:{hour}-{says}"), says=says, **told)


def stood(status: Status | None, hour: float, holder: str | None = None, **more: Any) -> Standing:
    account = {"account": holder} if "account" not in more else {}
    return Standing(status=status, since_us=us(hour), holder=holder, left=holder is not None, **account, **more)


def placed(standing: Standing, *claims: Claim) -> Placed:
    """Whatever the order in which the claims come."""
    found = {place(standing, some, opened_us=us(OPENED)) for some in permutations([*claims, *claims[:1]])}
    assert len(found) == 1
    return found.pop()


def repaired(hour: float) -> Claim:
    return said(hour, Bucket.REMEDIED, remedy="repair")


def destroyed(hour: float) -> Claim:
    return said(hour, Bucket.DESTROYED, remedy="destroy")


SOLD = stood(Status.SOLD, 5, "C-1")
EXAMPLES = {
    "A1": (stood(Status.IN_STOCK, 2), [], "in_stock"),
    "A2": (SOLD, [said(6, Bucket.WITH_CONSIGNEE)], "with_consignee"),
    "A3": (SOLD, [said(4, Bucket.WITH_CONSIGNEE)], "sold"),
    "A4": (stood(Status.IN_STOCK, 5, X), [said(6, Bucket.RETURNED)], "returned"),
    "A5": (stood(Status.IN_STOCK, 7), [said(6, Bucket.RETURNED)], "returned"),
    "A6": (stood(Status.SOLD, 8, "C-2"), [said(6, Bucket.RETURNED)], "sold"),
    "A7": (SOLD, [repaired(6)], "remedied"),
    "A8": (SOLD, [repaired(6), said(7, None)], "sold"),
    "A9": (SOLD, [said(6, Bucket.CLEARED)], "inspected_and_cleared"),
    "A10": (stood(Status.SCRAPPED, 3), [], "scrapped_before_recall"),
    "A11": (stood(Status.SCRAPPED, 5), [], "destroyed"),
    "A12": (stood(Status.SCRAPPED, 3), [said(6, Bucket.WITH_CONSIGNEE)], "with_consignee, conflict scrapped_yet_seen"),
    "A13": (
        stood(Status.IN_STOCK, 5, X),
        [destroyed(6), said(7, Bucket.WITH_CONSIGNEE)],
        "with_consignee, conflict destroyed_yet_seen",
    ),
    "A14": (SOLD, [said(6, Bucket.UNREACHABLE, why="no_notice_received")], "unreachable"),
    "A15": (
        stood(Status.RETURNED, 8, returned_us=us(8), account="C-1"),
        [said(6, Bucket.UNREACHABLE, why="no_notice_received")],
        "returned",
    ),
    "A16": (stood(Status.IN_STOCK, 3, returned_us=us(3), account=X), [], "in_stock"),
    "A17": (Standing(), [], "unknown"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_page(name: str) -> None:
    standing, claims, wanted = EXAMPLES[name]
    found = placed(standing, *claims)
    assert f"{found.bucket}{f', conflict {found.conflict}' if found.conflict else ''}" == wanted
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith(f"| {name} |"))
    assert row.rsplit("|", 2)[1].replace("`", "").strip() == wanted


def test_other_rules_of_the_page() -> None:
    assert placed(stood(Status.IN_STOCK, 5, X, abroad=True)).bucket is Bucket.EXPORTED
    assert placed(stood(Status.SOLD, 5, X, abroad=True)).bucket is Bucket.EXPORTED
    assert placed(stood(Status.IN_STOCK, 5, X, stolen=True)).bucket is Bucket.LOST
    assert placed(stood(Status.CONSUMED, 5)).bucket is Bucket.IN_PROCESS
    equally_late = placed(stood(Status.SOLD, 5, X), said(5, Bucket.RETURNED))
    assert equally_late.bucket is Bucket.SOLD
    twice = placed(SOLD, said(6, Bucket.RETURNED), said(6, Bucket.WITH_CONSIGNEE))
    assert twice.bucket is Bucket.WITH_CONSIGNEE
    assert placed(SOLD, said(6, None), repaired(7)).bucket is Bucket.REMEDIED
    assert placed(SOLD, said(6, Bucket.CLEARED), said(7, None)).bucket is Bucket.SOLD
    assert placed(stood(Status.SOLD, 7, "C-2"), destroyed(6)).bucket is Bucket.SOLD
    assert placed(stood(Status.RETURNED, 5, returned_us=us(5), account=X)).bucket is Bucket.RETURNED


# -- quantities


def ten_with(party: str, first: int = 1) -> list[Unit]:
    standing = stood(Status.IN_STOCK, 5, party)
    return [Unit(item=unit(n), standing=standing, lots=(L,)) for n in range(first, first + 10)]


def of_lot(says: Bucket, quantity: int, *, party: str = X, hour: float = 6, **more: Any) -> Claim:
    return said(hour, says, **{"item": L, "party": party, "quantity": Decimal(quantity), **more})


def nonzero(found: Accounting) -> dict[str, int]:
    return {str(b): n for b, n in found.buckets.items() if n}


def accounted(units: list[Unit], *claims: Claim, lines: tuple[LotLine, ...] = ()) -> Accounting:
    found = account(units, lines, claims, opened_us=us(OPENED))
    again = account(reversed(units), reversed(lines), [*reversed(claims), *claims], opened_us=us(OPENED))
    assert found == again
    return found


def test_so_many_of_a_lot_are_taken_from_what_the_party_has() -> None:
    q1 = accounted(ten_with(X), of_lot(Bucket.RETURNED, 7))
    assert nonzero(q1) == {"returned": 7, "with_consignee": 3}
    assert {p.bucket for p in q1.placed.values()} == {Bucket.WITH_CONSIGNEE}, "nobody knows which serials they are"
    named = [said(6, Bucket.RETURNED, item=unit(1)), said(6, Bucket.RETURNED, item=unit(2))]
    q2 = accounted(ten_with(X), of_lot(Bucket.RETURNED, 7), *named)
    assert nonzero(q2) == {"returned": 7, "with_consignee": 3}
    q3 = accounted(ten_with(X), of_lot(Bucket.RETURNED, 7), of_lot(Bucket.DESTROYED, 5))
    assert nonzero(q3) == {"destroyed": 5, "returned": 2, "with_consignee": 3}
    q4 = accounted([*ten_with(X), *ten_with(Y, 11)], of_lot(Bucket.DESTROYED, 12))
    assert nonzero(q4) == {"destroyed": 10, "with_consignee": 10}
    assert [(t.code, t.party, t.quantity) for t in q4.troubles] == [("more_than_held", X, 2)]


def test_a_figure_is_a_total_and_the_last_one_counts() -> None:
    found = accounted(
        ten_with(X), of_lot(Bucket.RETURNED, 7, hour=6), of_lot(Bucket.RETURNED, 9, hour=8),
        of_lot(Bucket.RETURNED, 3, hour=5),
    )  # fmt: skip
    assert nonzero(found) == {"returned": 9, "with_consignee": 1}


def test_what_was_on_hand_may_have_come_back_since() -> None:
    found = accounted(ten_with(X), of_lot(Bucket.WITH_CONSIGNEE, 10), of_lot(Bucket.RETURNED, 4, hour=7))
    assert nonzero(found) == {"returned": 4, "with_consignee": 6}
    assert not found.troubles
    too_much = accounted(ten_with(X), of_lot(Bucket.WITH_CONSIGNEE, 6), of_lot(Bucket.SOLD, 8))
    assert [(t.code, t.quantity) for t in too_much.troubles] == [("more_than_held", 4)]


def test_all_of_a_lot_is_what_that_party_had_last() -> None:
    units = [*ten_with(X), *ten_with(Y, 11)]
    found = accounted(units, said(6, Bucket.DESTROYED, item=L, party=X, remedy="destroy"))
    assert nonzero(found) == {"destroyed": 10, "with_consignee": 10}
    assert found.remedies == {"destroy": 10}


def kilos(**held: int) -> LotLine:
    party = {Bucket.WITH_CONSIGNEE: X, Bucket.IN_TRANSIT: Y}
    portions = tuple(
        Portion(bucket=b, quantity=Decimal(n), party=party.get(b)) for b, n in ((Bucket(k), n) for k, n in held.items())
    )
    return LotLine(lot=F, uom="KGM", portions=portions)


def test_a_lot_without_serials_closes_in_its_own_unit_of_measure() -> None:
    destroyed_150 = of_lot(Bucket.DESTROYED, 150, item=F, uom="KGM")
    found = accounted([], destroyed_150, lines=(kilos(in_stock=100, with_consignee=200),))
    buckets = {str(b): n for b, n in found.quantities[0].buckets.items() if n}
    assert buckets == {"in_stock": 100, "with_consignee": 50, "destroyed": 150}
    assert found.quantities[0].population == 300
    pieces = accounted([], of_lot(Bucket.DESTROYED, 150, item=F), lines=(kilos(with_consignee=200),))
    assert [t.code for t in pieces.troubles] == ["more_than_held"], "150 pieces are no 150 kg"


def test_what_serials_cannot_cover_is_of_the_pieces_without() -> None:
    rest = LotLine(lot=L, uom="H87", portions=(Portion(bucket=Bucket.WITH_CONSIGNEE, quantity=Decimal(7), party=X),))
    found = accounted(ten_with(X), of_lot(Bucket.DESTROYED, 12), lines=(rest,))
    assert nonzero(found) == {"destroyed": 10}
    assert {str(b): n for b, n in found.quantities[0].buckets.items() if n} == {"destroyed": 2, "with_consignee": 5}
    assert not found.troubles


def test_ratios_and_what_is_outstanding() -> None:
    units = [
        Unit(item=unit(1), standing=SOLD),
        Unit(item=unit(2), standing=SOLD),
        Unit(item=unit(3), standing=stood(Status.IN_STOCK, 2)),
        Unit(item=unit(4), standing=stood(Status.IN_STOCK, 2), loose_spare=True),
    ]
    found = accounted(units, repaired(6))
    assert (found.population, found.recalled, found.left, found.outstanding) == (3, 1, 2, 3)
    assert not found.whole
    assert accounted([units[0]], repaired(6)).whole
    assert not accounted([units[0]], repaired(6), lines=(kilos(with_consignee=1),)).whole
    unsure = LotLine(lot=F, uom="KGM", portions=(), unsure=True)
    assert not accounted([units[0]], repaired(6), lines=(unsure,)).whole


# -- partition

HOURS = st.integers(1, 9)
PARTIES = st.sampled_from([None, X, Y, ""])
ITEMS = st.sampled_from([unit(n) for n in range(1, 6)] + [L, F])


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    status = draw(st.none() | st.sampled_from(list(Status)))
    return Standing(
        status=status,
        since_us=None if status is None else us(draw(HOURS)),
        holder=draw(PARTIES),
        account=draw(PARTIES),
        abroad=draw(st.booleans()),
        stolen=draw(st.booleans()),
        left=draw(st.booleans()),
        returned_us=draw(st.none() | HOURS.map(us)),
    )


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    quantity = draw(st.none() | st.integers(0, 12).map(Decimal))
    return said(
        draw(HOURS),
        draw(st.none() | st.sampled_from(list(Bucket))),
        item=draw(ITEMS),
        party=draw(PARTIES),
        quantity=quantity,
        uom=draw(st.sampled_from([None, "H87", "KGM"])),
    )


UNITS = st.lists(
    st.builds(
        Unit,
        item=st.integers(1, 5).map(unit),
        standing=standings(),
        lots=st.sampled_from([(), (L,)]),
        loose_spare=st.booleans(),
    ),
    unique_by=lambda u: u.item,
    max_size=5,
)
PORTIONS = st.lists(
    st.builds(Portion, bucket=st.sampled_from(list(Bucket)), quantity=st.integers(1, 9).map(Decimal), party=PARTIES),
    max_size=4,
)
LINES = st.lists(
    st.builds(LotLine, lot=st.sampled_from([L, F]), uom=st.sampled_from([None, "KGM"]), portions=PORTIONS.map(tuple)),
    unique_by=lambda line: (line.lot, line.uom),
    max_size=3,
)


@given(units=UNITS, lines=LINES, told=st.lists(claims(), max_size=8), data=st.data())
def test_buckets_partition_the_population_whatever_is_said(
    units: list[Unit], lines: list[LotLine], *, told: list[Claim], data: st.DataObject
) -> None:
    """Every unit in exactly one bucket, the sum closes; order and repetition of what is told change nothing."""
    found = account(units, lines, told, opened_us=us(OPENED))
    assert set(found.placed) == {u.item for u in units}
    assert found.population == sum(not u.loose_spare for u in units)
    assert sum(found.spares.values()) == sum(u.loose_spare for u in units)
    assert all(n >= 0 for n in (*found.buckets.values(), *found.spares.values()))
    counted = {b: sum(found.placed[u.item].bucket is b for u in units if not u.loose_spare) for b in Bucket}
    for move in found.moves:
        assert move.source is not None
        assert move.source not in DONE, "what is done stays done"
        counted[move.source] -= int(move.quantity)
        counted[move.to] += int(move.quantity)
    assert counted == found.buckets
    given_lines = {(line.lot, line.uom): sum((p.quantity for p in line.portions), Decimal(0)) for line in lines}
    assert {(q.lot, q.uom): q.population for q in found.quantities} == given_lines
    assert all(n >= 0 for q in found.quantities for n in q.buckets.values())
    shuffled = data.draw(st.permutations([*told, *told[:2]]))
    assert account(units[::-1], lines[::-1], shuffled, opened_us=us(OPENED)) == found


@given(units=UNITS, told=st.lists(claims(), max_size=6))
def test_a_claim_of_one_party_never_changes_what_another_has(units: list[Unit], told: list[Claim]) -> None:
    """Of units with a known account, those of Y stand the same whatever X says of lots."""
    theirs = [u for u in units if u.standing.account == Y]
    of_x = [c for c in told if c.party == X and c.item in (L, F)]
    assert (
        account(theirs, [], of_x, opened_us=us(OPENED)).buckets == account(theirs, [], [], opened_us=us(OPENED)).buckets
    )
