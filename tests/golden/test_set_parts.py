"""Members of a part of a set that are left as they lie are what the validator would read; others are left to it."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cases.acts import SetFrozen
from domain.events import CaseRecorded
from services.codec import Undecodable, decode_members_aside, decode_with_document, validated
from services.query.frozen_set import line_of
from services.set_parts import cut_out
from tests.golden.test_canonical import ODD

GTIN = "https://id.gs1.org/01/09506000134352"
IDS = [
    "urn:zhuisu:unit:plant:BIKE:B-1",
    "urn:zhuisu:lot:plant:CELL:L%2F9",
    "urn:test:m",
    GTIN,
    f"{GTIN}/21/A-1",
    f"{GTIN}/10/7",
]
TEXTS = st.sampled_from(["event-1", "事件一", "urn:x:[1],{2}", "a b", "~\x7f", ""])
ITEMS = st.sampled_from(IDS)


@st.composite
def members(draw: st.DrawFn) -> dict[str, Any]:
    one: dict[str, Any] = {
        "item": draw(ITEMS),
        "kind": draw(st.sampled_from(["unit", "lot", "class", "container"])),
        "level": draw(st.integers(0, 40_000)),
        "certainty": draw(st.sampled_from(["certain", "possible"])),
        "reasons": draw(st.lists(st.sampled_from(["basis", "inferred"]), max_size=2)),
        "came_from": draw(st.lists(ITEMS, max_size=3)),
        "event_ids": draw(st.lists(TEXTS, max_size=3)),
        **{name: draw(st.booleans()) for name in ("seed", "top", "loose_spare")},
    }
    if draw(st.booleans()):
        one["quantity"] = draw(st.sampled_from(["7", "-0.50", "12345678901234567890.5"]))
        if draw(st.booleans()):
            one["uom"] = draw(st.sampled_from(["KGM", "件"]))
    return one


def record_of(listed: list[dict[str, Any]]) -> bytes:
    """As a freeze writes it."""
    lines = b"".join(map(line_of, listed))
    act = {"freeze": 1, "chunk": 3, "members": orjson.Fragment(b"[" + lines[:-1].replace(b"\n", b",") + b"]")}
    event = {
        "occurred_at": "2026-03-01T08:00:00Z",
        "event_id": "case:RC-1:frozen:1:3",
        "case_id": "RC-1",
        "case_type": "recall",
        "actor": "zhuisu",
        "act": {**act, "act": "set_frozen"},
        "kind": "case_recorded",
    }
    about = {"event_id": "case:RC-1:frozen:1:3", "source": "zhuisu", "may_correct": False, "accepted_at_us": 1}
    envelope = {"schema_version": 1, "tenant_id": 1, **about, "index": 0, "content_hash": "0" * 64, "event": event}
    return orjson.dumps(envelope)


@given(listed=st.lists(members(), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_parts_that_we_write_are_cut_out_and_are_what_the_validator_reads(listed: list[dict[str, Any]]) -> None:
    value = record_of(listed)
    envelope, document, aside = decode_members_aside(value)
    assert aside is not None
    assert aside.count == len(listed)
    read, whole = validated(orjson.loads(value))
    assert orjson.loads(orjson.dumps(aside.back_in(document))) == whole
    assert isinstance(read.event, CaseRecorded)
    assert isinstance(read.event.act, SetFrozen)
    assert list(aside.items()) == [member.item for member in read.event.act.members]
    assert envelope.event == replace(read.event, act=replace(read.event.act, members=()))


@given(listed=st.lists(members(), min_size=1, max_size=3), data=st.data())
@settings(max_examples=500, deadline=None)
def test_what_is_otherwise_in_one_place_is_read_as_the_validator_reads_it(
    listed: list[dict[str, Any]], data: st.DataObject
) -> None:
    one = data.draw(st.sampled_from(listed))
    name = data.draw(st.sampled_from([*one, "quantity", "uom", "a_field_of_a_later_release"]))
    if name in ("reasons", "came_from", "event_ids") and data.draw(st.booleans()):
        one[name] = [*one[name], data.draw(st.sampled_from(ODD))]
    elif data.draw(st.booleans()):
        one[name] = data.draw(st.sampled_from(ODD))
    else:
        one.pop(name, None)
    same_as_validated(record_of(listed))


@given(listed=st.lists(members(), min_size=1, max_size=3), data=st.data())
@settings(max_examples=500, deadline=None)
def test_bytes_that_are_otherwise_are_read_as_the_validator_reads_them(
    listed: list[dict[str, Any]], data: st.DataObject
) -> None:
    value = bytearray(record_of(listed))
    at = data.draw(st.integers(0, len(value) - 1))
    match data.draw(st.integers(0, 2)):
        case 0:
            value[at] = data.draw(st.integers(0, 255))
        case 1:
            del value[at : at + data.draw(st.integers(1, 30))]
        case _:
            value[at:at] = data.draw(st.sampled_from([b",", b"]", b'"', b"{}", b"\\", b'"members":[],', b'"act":{},']))
    same_as_validated(bytes(value))


@given(item=st.sampled_from(IDS), at=st.integers(0, 50), sign=st.sampled_from(["1", "[", ",", "A", "/", "é", "%", ""]))
@settings(max_examples=300, deadline=None)
def test_an_id_that_is_otherwise_in_one_sign_is_taken_if_the_validator_takes_it(item: str, at: int, sign: str) -> None:
    other = item[:at] + sign + item[at + 1 :]
    same_as_validated(record_of([{**GOOD, "item": other}]))
    same_as_validated(record_of([{**GOOD, "came_from": [item, other]}, {**GOOD, "came_from": [other]}]))


def same_as_validated(value: bytes) -> None:
    """What is cut out is taken by the validator, and is the same; whoever is not taken is not taken either way."""
    outcomes = []
    for decode in (decode_members_aside, decode_with_document):
        try:
            document, aside = decode(value)[1], (*decode(value), None)[2]
            outcomes.append(orjson.loads(orjson.dumps(aside.back_in(document))) if aside is not None else document)
        except Undecodable as error:
            outcomes.append({"code": error.code})
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "otherwise",
    [
        (b'"members":[', b'"members":[ '),
        (b'"act":"set_frozen"', b'"act":"set_frozen","members":[]'),
        (b'"act":"set_frozen"', b'"act":"set_frozen","m\\u0065mbers":[]'),
        (b'"freeze":1', b'"freeze":1,"members":[]'),
        (b'"act":"set_frozen"', b'"act":"frozen"'),
        (b'"top":', b'"uom":"KGM","top":'),
        (b'"level":', b'"level":0'),
    ],
)
def test_what_we_do_not_write_is_not_cut_out(otherwise: tuple[bytes, bytes]) -> None:
    good = record_of([{**GOOD, "level": 3}])
    assert cut_out(good) is not None
    assert cut_out(good.replace(*otherwise)) is None


@pytest.mark.parametrize(
    "item",
    [
        "https://id.gs1.org/01/9506000134352/21/A",
        "https://id.gs1.org/01/09506000134352/10/%41",
        "https://id.gs1.org/01/09506000134352/10/A/21/1",
        "http://id.gs1.org/01/09506000134352/21/A",
        "urn:epc:id:sgtin:0614141.112345.400",
        "URN:zhuisu:unit:own:P:1",
        "https://Host/x",
    ],
)
def test_another_form_of_an_id_is_left_to_the_validator_which_makes_it_the_one_item(item: str) -> None:
    value = record_of([{**GOOD, "item": item}])
    envelope, _, aside = decode_members_aside(value)
    assert aside is None
    assert envelope == validated(orjson.loads(value))[0]


def test_a_part_with_more_members_than_an_act_may_have_is_not_cut_out() -> None:
    assert cut_out(record_of([GOOD] * 2_000)) is not None
    assert cut_out(record_of([GOOD] * 2_001)) is None


GOOD: dict[str, Any] = {
    "item": IDS[0],
    "kind": "unit",
    "level": 3,
    "certainty": "certain",
    "reasons": [],
    "came_from": [],
    "event_ids": ["e"],
    "seed": False,
    "top": True,
    "loose_spare": False,
}
