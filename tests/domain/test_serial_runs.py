"""Serial ranges out of units: expanded they are exactly the units, whatever the serials look like."""

from hypothesis import example, given
from hypothesis import strategies as st

from domain.ids import ItemId, unit_of_product
from domain.serial_runs import ends, runs_of
from domain.serials import vin_check_digit

PRODUCT = "urn:zhuisu:class:own:BIKE"
GTIN = "https://id.gs1.org/01/09521234000020"


def units(product: str, *serials: str) -> list[ItemId]:
    return [unit_of_product(product, s) for s in serials]


def vin(counter: int) -> str:
    plain = f"1HGCM8263{0}A{counter:06d}"[:17]
    body = f"1HGCM826*3A{counter:06d}"
    assert len(plain) == 17
    return body.replace("*", vin_check_digit(body.replace("*", "0")) or "0")


def test_runs_break_at_gaps_widths_and_products() -> None:
    found = runs_of(
        [
            *units(PRODUCT, "B0001", "B0003", "B0002", "B0007", "B7", "B008", "NONE"),
            *units(GTIN, "0009", "0010", "9"),
            ItemId("urn:example:thing"),
            ItemId("urn:zhuisu:lot:own:BIKE:5"),
        ]
    )
    told = [(str(r.product), *ends(r), r.count) for r in found.ranges]
    assert told == [
        (GTIN, "9", "9", 1),
        (GTIN, "0009", "0010", 2),
        (PRODUCT, "B7", "B7", 1),
        (PRODUCT, "B008", "B008", 1),
        (PRODUCT, "B0001", "B0003", 3),
        (PRODUCT, "B0007", "B0007", 1),
    ]
    assert [str(o) for o in found.others] == [
        "urn:example:thing",
        "urn:zhuisu:lot:own:BIKE:5",
        "urn:zhuisu:unit:own:BIKE:NONE",
    ]


def test_vehicle_numbers_run_by_their_counter_over_the_check_digit() -> None:
    (run,) = runs_of(units(PRODUCT, *(vin(n) for n in range(3, 14)))).ranges
    assert (ends(run), run.count) == ((vin(3), vin(13)), 11)


SERIALS = st.one_of(
    st.integers(0, 30).map(lambda n: f"B{n:03d}"),
    st.integers(0, 12).map(str),
    st.integers(0, 40).map(vin),
    st.from_regex(r"[A-Z0-9%/ :*é]{1,20}", fullmatch=True),
    st.integers(0, 3).map(lambda n: f"{n:030d}"),
    st.from_regex(r"[0-9]{1,25}", fullmatch=True),
)


@given(st.lists(st.tuples(st.sampled_from([PRODUCT, GTIN]), SERIALS), max_size=60))
@example([(PRODUCT, "999999"), (PRODUCT, "1000000")])
@example([(PRODUCT, "٣"), (PRODUCT, "4")])
def test_the_ranges_hold_exactly_the_units(told: list[tuple[str, str]]) -> None:
    wanted = {unit_of_product(product, serial) for product, serial in told}
    found = runs_of(wanted)
    expanded = [item for run in found.ranges for item in run.items()]
    assert sorted([*expanded, *found.others]) == sorted(wanted)
    assert found.count == len(wanted)
    for one, following in zip(found.ranges, found.ranges[1:], strict=False):
        same = (one.product, one.shape, one.head) == (following.product, following.shape, following.head)
        assert not same or one.last + 1 < following.first, "two runs that are one"
