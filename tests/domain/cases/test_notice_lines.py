"""A supplier's line against receipts, for any record: what names it is never lost, and order does not matter."""

import random

from hypothesis import given
from hypothesis import strategies as st

from domain.cases.notice_lines import NoticeLine, Receipt, Shelf, draft_scope, plain
from domain.ids import ItemId

THEM = "cellworks"
NUMBERS = ("0042", "42", "L-9", "l9", "L 9", "X")
PRODUCTS = tuple(ItemId(f"urn:zhuisu:class:own:{name}") for name in ("CELL", "FUSE"))


def receipt(n: int, told: tuple[str | None, int, str | None]) -> Receipt:
    supplier, product, number = told
    name = PRODUCTS[product].rsplit(":", 1)[1]
    return Receipt(
        event_id=f"e{n}",
        item=ItemId(f"urn:zhuisu:lot:own:{name}:OUR-{n}"),
        supplier=supplier,
        product=PRODUCTS[product],
        numbers=frozenset([number] if number else []),
        own_number=f"OUR-{n}",
        occurred_at=f"2026-03-0{n % 9 + 1}",
    )


RECEIPTS = st.lists(
    st.tuples(st.sampled_from([THEM, "other", None]), st.integers(0, 1), st.sampled_from([*NUMBERS, None])), max_size=8
).map(lambda told: [receipt(n, t) for n, t in enumerate(told)])
LINES = st.builds(
    lambda number, product: NoticeLine(row=2, lot=number, products=() if product is None else (PRODUCTS[product],)),
    st.sampled_from(NUMBERS),
    st.sampled_from([0, 1, None]),
)


@given(RECEIPTS, LINES, st.randoms(use_true_random=False))
def test_whatever_names_the_number_or_leaves_it_open_is_in_the_draft_scope(
    receipts: list[Receipt], line: NoticeLine, shuffled: random.Random
) -> None:
    found = Shelf(THEM, receipts).match(line)
    scope = draft_scope([found])
    drafted = {item for leaf in (scope or {"any": []})["any"] for item in leaf["items"]}
    exact = [r for r in receipts if line.number in r.numbers]
    theirs = [r for r in receipts if r.supplier == THEM and (not line.products or r.product in line.products)]
    alike = [r for r in theirs if any(plain(n) == plain(line.number) for n in r.numbers)]
    unnamed = [r for r in theirs if not r.numbers]
    assert drafted == {r.item for r in (*exact, *alike, *unnamed)}
    assert (found.outcome == "unmatched") == (not drafted)
    sure = {r.item for r in exact if r in theirs}
    products = {r.product for r in exact if r in theirs}
    assert set(found.items) == (sure if len(products) <= 1 else set())
    assert (found.outcome == "matched") == bool(found.items)
    mixed = list(receipts)
    shuffled.shuffle(mixed)
    assert Shelf(THEM, mixed).match(line) == found
