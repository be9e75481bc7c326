"""What is read without the validator is read as it would read it; what is not just so is left to it."""

import contextlib
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import MaterialReceived
from services.canonical import _SHAPES_REMEMBERED, CanonicalRecords, Unusual
from services.codec import Undecodable, decode, decode_with_document, encode, validated
from tests.domain.histories import histories
from tests.golden.test_golden import FILES, read

CANONICAL = CanonicalRecords()
STORED = {file.name: orjson.loads(read(file)[1]) for file in FILES}

ODD: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 5.0, 1e400, "", " ", "x", "NaN", "1e3", "-0", "٣", "2026-03-01", "2026-03-01T08:00:00"),
    *([], {}, [[]], ["x"], {"product": "P", "serial": "1"}, "urn:epc:id:sgtin:0614141.112345.400", "URN:X:Y"),
    *(
        "https://id.gs1.org/01/09506000134352/21/A%2FB",
        "2026-03-01T08:00:00Z",
        "a\u0000b",
        "100000000000000000000000000000",
    ),
)


@pytest.mark.parametrize("name", STORED)
def test_every_kind_is_read_as_the_validator_reads_it(name: str) -> None:
    record = STORED[name]
    assert CANONICAL.read(record) == validated(record)[0]
    assert decode_with_document(orjson.dumps(record)) == validated(record)


@pytest.mark.parametrize(
    "lot", ["240512", "https://id.gs1.org/01/09506000134352/10/A%2FB", "urn:test:lot", "http://[", ""]
)
def test_a_suppliers_lot_is_an_item_or_a_number_as_the_validator_says(lot: str) -> None:
    record = STORED["material_received.v1.json"]
    record = changed(changed(record, ("event", "supplier_lot"), lot), ("event", "supplier"), "urn:test:supplier")
    read, as_validated = CANONICAL.read(record).event, validated(record)[0].event
    assert read == as_validated
    assert isinstance(read, MaterialReceived)
    assert isinstance(as_validated, MaterialReceived)
    assert type(read.supplier_lot) is type(as_validated.supplier_lot)


def test_fields_in_any_order_and_number_are_read_and_shapes_are_not_remembered_without_end() -> None:
    """Whoever fills a topic with senseless shapes makes nothing grow; what is read stays the same."""
    canonical, record = CanonicalRecords(), STORED["stored.v1.json"]
    names, random = list(record), Random(1)
    for _ in range(_SHAPES_REMEMBERED + 100):
        random.shuffle(names)
        mixed = {name: record[name] for name in names}
        with contextlib.suppress(Unusual):
            assert canonical.read(mixed) == validated(record)[0]
    with pytest.raises(Unusual):
        canonical.read({name: record[name] for name in reversed(names)})
    assert decode(orjson.dumps(record)) == validated(record)[0]


@given(history=histories)
def test_histories_are_read_as_the_validator_reads_them(history: Any) -> None:
    for _, envelope in history.log:
        record = orjson.loads(encode(envelope))
        assert CANONICAL.read(record) == validated(record)[0] == envelope


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in JSON data, with one place more in each object."""
    if isinstance(value, dict):
        inner = [place for key in value for place in places(value[key], (*path, key))]
        return [path, *inner, (*path, "a_field_of_a_later_release")]
    if isinstance(value, list):
        return [path, *(place for n, one in enumerate(value) for place in places(one, (*path, n)))]
    return [path]


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    """A copy with another value at one place; `...` takes it away."""
    if not path:
        return to
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and to is ...:
        del copy[path[0]]
    elif len(path) == 1:
        copy[path[0]] = to
    else:
        copy[path[0]] = changed(value[path[0]], path[1:], to)
    return copy


@settings(max_examples=1_500)
@given(data=st.data())
def test_a_record_with_anything_else_in_it_means_what_the_validator_says(data: st.DataObject) -> None:
    record = STORED[data.draw(st.sampled_from(sorted(STORED)))]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(record)[1:]))
        there = path[-1] != "a_field_of_a_later_release"
        record = changed(record, path, data.draw(st.sampled_from([*ODD, ...] if there else ODD)))
    try:
        found = CANONICAL.read(record)
    except Unusual:
        return
    assert found == validated(record)[0]


@pytest.mark.parametrize("name", STORED)
def test_a_field_that_is_not_known_is_refused_wherever_it_stands(name: str) -> None:
    """It may be what a newer release says of the items: nothing that is applied may leave it out."""
    for path in places(STORED[name]["event"]):
        if path and path[-1] == "a_field_of_a_later_release" and "extensions" not in path:
            record = changed(STORED[name], ("event", *path), "x")
            kept = []
            with contextlib.suppress(Undecodable):
                kept.append(orjson.loads(encode(decode(orjson.dumps(record))))["event"])
            assert kept in ([], [record["event"]]), "it was left out"
