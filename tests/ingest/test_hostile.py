"""Whatever is posted is judged: an event that can be kept and read again, or an error with a fix."""

import contextlib
import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.access import Caller
from services.codec import decode
from services.ingest.epcis.document import open_document
from services.ingest.epcis.members import beyond
from services.ingest.epcis.paths import in_epcis_words
from services.ingest.examples import epcis_example, examples
from services.ingest.explaining import EventError
from services.ingest.judging import Judged, Original, Posted, judge
from services.ingest.limits import limits_of
from services.ingest.reading import Flaw, NotJson, read
from services.problems import Problem
from services.settings import load_settings

LIMITS = limits_of(load_settings())
CALLER = Caller(1, "t", 1, "mes", frozenset({"capture"}), sites=None, zone=None, own_party="urn:party:me")
POSTED = Posted(CALLER, 1_900_000_000_000_000)

EVENTS = [one.event for one in examples().values()]
EPCIS = [
    *epcis_example().event["epcisBody"]["eventList"],
    {
        "type": "TransformationEvent",
        "eventTime": "2026-03-01T08:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "transformationID": "urn:t:1",
        "inputQuantityList": [{"epcClass": "urn:epc:class:lgtin:9521234.000010.L", "quantity": 2, "uom": "KGM"}],
        "outputEPCList": ["urn:epc:id:sgtin:9521234.000010.S"],
        "persistentDisposition": {"set": ["completeness_verified"], "unset": ["recalled"]},
        "ilmd": {"cbvmda:lotNumber": "L-1"},
        "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 2.5}]}],
        "errorDeclaration": {"declarationTime": "2026-03-02T08:00:00Z", "correctiveEventIDs": ["urn:e:2"]},
    },
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["2026-03-01", "urn:x:y", "https://id.gs1.org/01/1/10/2/21/3", "kind", "\x00", "-", "9" * 40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a document."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for step, inner in steps for found in ((*path, step), *places(inner, (*path, step)))]


@st.composite
def spoilt(draw: st.DrawFn, documents: list[Any]) -> Any:
    """A document in which up to three members are replaced, dropped or given a name of their own."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([*places(document), ()]))
        if not path:
            return draw(VALUES)
        inner = document
        for step in path[:-1]:
            inner = inner[step]
        what = draw(st.sampled_from(["replace", "drop", "add"]))
        if what == "drop":
            del inner[path[-1]]
        elif what == "add" and isinstance(inner, dict):
            inner[draw(st.text(max_size=8))] = draw(VALUES)
        else:
            inner[path[-1]] = draw(VALUES)
    return document


def check(judged: Judged | EventError) -> None:
    if isinstance(judged, EventError):
        assert judged.detail
        assert judged.fix
        orjson.dumps(judged.document())
    else:
        assert decode(judged.record.value).event_id == judged.event_id


@given(document=spoilt(EVENTS))
@settings(max_examples=1_500, deadline=None)
def test_any_event_is_judged(document: Any) -> None:
    try:
        again = read(json.dumps(document).encode())
    except NotJson:
        return
    check(judge(again, POSTED, index=0, limits=LIMITS))


@given(events=st.lists(spoilt(EPCIS), min_size=1, max_size=2))
@settings(max_examples=1_500, deadline=None)
def test_any_epcis_event_is_judged(events: list[Any]) -> None:
    document = {"@context": [], "type": "EPCISDocument", "epcisBody": {"eventList": events}}
    for mapped in open_document(json.dumps(document).encode(), bounds=LIMITS.bounds, most_events=10):
        if mapped.error is not None:
            check(mapped.error)
            continue
        original = Original(mapped.original, beyond(mapped.original))
        judged = judge(mapped.document, POSTED, index=0, limits=LIMITS, original=original)
        check(in_epcis_words(judged, mapped.original) if isinstance(judged, EventError) else judged)


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_any_body_is_a_document_or_a_problem(body: bytes) -> None:
    with contextlib.suppress(Problem):
        assert open_document(body, bounds=LIMITS.bounds, most_events=10)


@pytest.mark.parametrize("letter", ["\\u0000", "\\ud800"])
def test_what_is_said_of_a_key_that_is_there_twice_can_be_kept(letter: str) -> None:
    """A capture job lists it, in the log and in the views: neither holds a NUL or half a surrogate pair."""
    document = read(f'{{"a{letter}": 1, "a{letter}": 2}}'.encode())
    assert isinstance(document, Flaw)
    assert document.detail == 'the key "a\N{REPLACEMENT CHARACTER}" is there twice'
