"""Acts of cases: each is read back from the log as it was written, told apart by its name."""

import dataclasses
import typing
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from domain.cases.acts import ACTS, Member, SetFrozen
from domain.events.casework import CaseRecorded
from domain.ids import ItemId, PartyId
from domain.moments import Moment
from services import codec
from services.codec import EVENT, event_document, member_document

LOT = ItemId.parse("urn:zhuisu:lot:own:CELL:L-9")
MOMENT = Moment.parse("2026-03-02T01:00:02+00:00")
MEMBER = Member(item=LOT, kind="lot", level=1, certainty="certain", quantity=Decimal("7.50"), uom="KGM")
PARTY = PartyId.parse("cellworks")
PLAIN: dict[Any, Any] = {str: "text", int: 3, bool: True, Decimal: Decimal("2.5")}
WHOLE = PLAIN | {ItemId: LOT, PartyId: PARTY, Moment: MOMENT}


def value_of(kind: Any) -> Any:
    """Some value of a field's type."""
    if kind is Member:
        return MEMBER
    if kind in WHOLE:
        return WHOLE[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return args[0]
    if origin is tuple:
        return (value_of(args[0]),)
    if origin is not None and args and type(None) in args:
        return value_of(args[0])
    if dataclasses.is_dataclass(kind):
        return filled(kind)
    return {"any": ["text", {"n": 1}]}


def filled(cls: Any) -> Any:
    kinds = typing.get_type_hints(cls)
    return cls(**{f.name: value_of(kinds[f.name]) for f in dataclasses.fields(cls)})


@pytest.mark.parametrize("name", sorted(ACTS))
def test_each_act_is_read_back_as_it_was_written(name: str) -> None:
    act = filled(ACTS[name])
    event = CaseRecorded(occurred_at=MOMENT, case_id="RC-1", case_type="recall", sequence=1, actor="a", act=act)
    document = event_document(event)
    assert document["act"]["act"] == name
    assert EVENT.validate_python(document) == event


def test_an_unknown_act_is_refused_by_name() -> None:
    document = {"kind": "case_recorded", "occurred_at": MOMENT.text, "case_id": "RC-1", "case_type": "recall"}
    with pytest.raises(ValidationError, match="celebrated"):
        EVENT.validate_python({**document, "actor": "a", "act": {"act": "celebrated"}})


def test_one_event_lists_a_bounded_number_of_items() -> None:
    act = SetFrozen(freeze=1, chunk=0, members=(MEMBER,) * 2_001)
    with pytest.raises(ValueError, match="at most 2000"):
        CaseRecorded(occurred_at=MOMENT, case_id="RC-1", case_type="recall", actor="a", act=act)


def test_a_case_id_is_plain() -> None:
    with pytest.raises(ValueError, match="case_id"):
        CaseRecorded(occurred_at=MOMENT, case_id="a:b", case_type="recall", actor="a", act=filled(ACTS["closed"]))


def test_a_member_by_hand_is_a_member_by_its_type() -> None:
    few = Member(item=LOT, kind="unit", level=0, certainty="possible")
    for member in (filled(Member), MEMBER, few):
        assert orjson.loads(orjson.dumps(member_document(member))) == codec.MEMBER.dump_python(
            member, mode="json", exclude_none=True
        )
