"""Scope rules: read, refused by the member, written back; and the algebra of what they choose."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.scope import InvalidRule
from domain.cases.scope_reading import parse_rule
from domain.cases.scope_writing import document_of
from domain.cases.sets import Why, all_of, any_of, but_not

LOT = "urn:zhuisu:lot:own:CELL:L-9"
UNIT = "urn:zhuisu:unit:own:BIKE:1042"
CLASS = "urn:zhuisu:class:own:BIKE"

RULES: list[dict[str, Any]] = [
    {"items": [UNIT]},
    {"lots": [LOT], "mode": "as_maintained", "at": "2026-03-01T08:00:00+08:00"},
    {"lots": [LOT], "follow": "none", "mode": "as_built"},
    {"supplier_lots": {"supplier": "urn:party:s", "lots": ["240512"], "material": "urn:zhuisu:class:own:CELL"}},
    {"product": CLASS},
    {"product": CLASS, "serials": {"first": "B-0009", "last": "B-0013", "step": 2, "exclude": ["B-0011"]}},
    {
        "product": CLASS,
        "made": {
            "from": "2026-03-01",
            "until": "2026-03-02",
            "basis": "plant_local_production_date",
            "day_starts": "06:00",
            "zone": "Asia/Shanghai",
        },
    },
    {"supplier": "urn:party:s", "since": "2026-03-01", "until": "2026-03-02T00:00:00Z"},
    {"exposure": {"equipment": "M-1", "since": "2026-03-01T00:00:00Z"}},
    {"failed_component_lots": {"items": [UNIT], "material": "urn:zhuisu:class:own:CELL", "shared_by": 2}},
    {"inspection": {"characteristic": "impedance", "at_least": "1.5", "at_most": "2"}},
    {"any": [{"items": [UNIT]}, {"except": [{"lots": [LOT]}, {"all": [{"items": [UNIT]}, {"product": CLASS}]}]}]},
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: next(iter(rule)))
def test_a_rule_written_back_is_the_same_rule(rule: dict[str, Any]) -> None:
    read = parse_rule(rule, zone="+08:00")
    assert parse_rule(document_of(read)) == read


def test_ids_without_an_issuer_are_the_tenants_own() -> None:
    read = parse_rule({"lots": [{"product": "CELL", "lot": "L-9"}]}, own_party="urn:party:me")
    assert document_of(read) == {"lots": [LOT]}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ([], "rule: send an object"),
        ({}, "says nothing that is known"),
        ({"any": []}, "rule.any: send a list of rules"),
        ({"any": [{"lots": []}]}, "rule.any.0.lots: send a list of ids"),
        ({"any": [{"lots": [LOT]}], "lots": [LOT]}, "rule.any: stands alone"),
        ({"except": [{"lots": [LOT]}]}, "rule.except: send two rules"),
        ({"items": ["SN1"]}, "rule.items.0: "),
        ({"lots": [UNIT]}, "is a unit, not a lot"),
        ({"lots": [LOT], "colour": "red"}, "rule.colour: is not known here"),
        ({"lots": [LOT], "mode": "sometimes"}, "rule.mode: sometimes is none of"),
        ({"lots": [LOT], "follow": "all"}, "rule.follow: all is not known"),
        ({"product": UNIT}, "rule.product: "),
        ({"product": CLASS, "serials": {"first": "B-9", "last": "A-1"}}, "rule.serials: "),
        ({"product": CLASS, "made": {"from": "2026-03-01", "until": "2026-03-02"}}, "when the production day starts"),
        (
            {"product": CLASS, "made": {"from": "2026-03-02", "until": "2026-03-01", "day_starts": "06:00"}},
            "rule.made.until: is before from",
        ),
        ({"supplier": "urn:party:s", "since": "yesterday"}, "rule.since: "),
        ({"inspection": {"characteristic": "x"}}, "give at_least, at_most or verdict"),
        ({"inspection": {"characteristic": "x", "at_least": 2, "at_most": 1}}, "at_least is above at_most"),
        ({"inspection": {"characteristic": "x", "at_least": "1e999999"}}, "is not a number"),
        ({"failed_component_lots": {"items": [UNIT]}}, "which component failed"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_member(rule: Any, said: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse_rule(rule)
    assert said in str(refused.value)


whys = st.builds(
    Why,
    level=st.integers(0, 3),
    came_from=st.tuples(st.sampled_from("ab")),
    certain=st.booleans(),
    reasons=st.just(()),
    seed=st.booleans(),
).map(lambda w: w if w.certain else Why(w.level, ("several_inputs",), w.came_from, (), seed=w.seed, certain=False))
sets = st.dictionaries(st.sampled_from("uvwxyz"), whys)


@given(st.lists(sets, min_size=1, max_size=4), st.randoms())
def test_any_and_all_do_not_hang_on_the_order_nor_on_repetition(many: list[dict[str, Why]], chance: Any) -> None:
    shuffled = [*many, chance.choice(many)]
    chance.shuffle(shuffled)
    assert any_of(many) == any_of(shuffled)
    assert all_of(many) == all_of(shuffled)
    assert any_of(many) == any_of([any_of(many[:1]), any_of(many[1:])])


@given(st.lists(sets, min_size=1, max_size=4))
def test_any_is_as_sure_as_the_surest_and_all_as_the_least_sure(many: list[dict[str, Why]]) -> None:
    either, each = any_of(many), all_of(many)
    assert set(either) == {i for one in many for i in one}
    assert set(each) == {i for i in many[0] if all(i in one for one in many)}
    for item, why in either.items():
        assert why.certain == any(one[item].certain for one in many if item in one)
    for item, why in each.items():
        assert why.certain == all(one[item].certain for one in many)
        assert why.certain or why.reasons


@given(sets, sets)
def test_an_exception_removes_only_what_is_certainly_in_it(one: dict[str, Why], other: dict[str, Why]) -> None:
    left = but_not(one, other)
    assert all(left[i] == one[i] for i in left)
    for item in one:
        assert (item in left) == (item not in other or not other[item].certain)
