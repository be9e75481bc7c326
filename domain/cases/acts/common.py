"""What acts have in common: their words, members of a set, and what every act says."""

from decimal import Decimal
from typing import Any, ClassVar, Literal

from domain.ids import ItemId
from domain.moments import Moment
from domain.strict import STRICT
from domain.values import value

CaseType = Literal["recall", "incident", "drill", "supplier_notice"]
Mode = Literal["live", "draft", "mock"]
"""live: placed holds and alerts follow; draft: not decided yet; mock: an exercise. Only live ones place anything."""

Remedy = Literal["label", "repair", "replace", "refund", "destroy", "software_update"]
Verdict = Literal["affected", "inspected_clear", "repairable", "scrap"]
Whereabouts = Literal["in_stock", "in_process", "in_transit", "with_consignee", "sold", "exported", "returned", "lost"]
CheckLevel = Literal["A", "B", "C", "D", "E"]
"""Effectiveness checks, 21 CFR 7.42(b)(3): A all, B a share, C 10 %, D 2 %, E none of the consignees."""

SampledOf = Literal["direct", "accounts", "all"]
"""Who is asked: direct accounts, all accounts, or owners too."""

CHUNK_ITEMS_MAX = 2_000
"""Items that one event lists at most."""


@value(frozen=True, slots=True, kw_only=True)
class Member:
    """One item of an affected set, and why it is in it (SEMANTICS §3 'A node').

    `came_from` are up to 3 predecessors one level up, `event_ids` up to 3 of the events that link it to them; `seed`
    for what the rule names itself. `top` is counted by a regulator (SEMANTICS §7), `loose_spare` is such a unit that
    was made to be fitted and is not. `quantity` and `uom` are of lots that have no serials.
    """

    item: ItemId
    kind: Literal["unit", "lot", "class", "container"]
    level: int
    certainty: Literal["certain", "possible"]
    reasons: tuple[str, ...] = ()
    came_from: tuple[ItemId, ...] = ()
    event_ids: tuple[str, ...] = ()
    seed: bool = False
    top: bool = False
    loose_spare: bool = False
    quantity: Decimal | None = None
    uom: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class Stood:
    """How a member was in the set before. `reasons` are not known of what was projected before they were kept."""

    level: int
    certainty: Literal["certain", "possible"]
    reasons: tuple[str, ...] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class ChangedMember(Member):
    """A member as it is in the set now, and how it `was`: it stays in whatever becomes of its certainty."""

    was: Stood


@value(frozen=True, slots=True, kw_only=True)
class ItemAmount:
    """An item, or so much of a lot that has no serials ("7 of L")."""

    item: ItemId
    quantity: Decimal | None = None
    uom: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class IncidentFacts:
    """What is told of a major quality incident (重大质量事故). Its batch and where it went are read from the trace.

    `known_at` starts the clocks. `first_judgement` is of the cause; `control_status` says whether it is in hand.
    """

    known_at: Moment | None = None
    happened_at: Moment | None = None
    place: str | None = None
    product: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    test_results: str | None = None
    harm: str | None = None
    first_judgement: str | None = None
    measures: str | None = None
    control_status: str | None = None
    reporter: str | None = None
    items: tuple[ItemId, ...] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class Told:
    """What all acts share."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a notice to consignees and consumers says beside the case and their items (21 CFR 7.49, (EU) 2024/1435)."""

    brand: str | None = None
    model: str | None = None
    """model, size or packing"""
    picture: str | None = None
    """where a picture is, e.g. a URL"""
    where_to_find: str | None = None
    """where on the product its batch or serial number stands"""
    sold: str | None = None
    """where and when it was sold"""
    what_to_do: str | None = None
    remedies: tuple[Remedy, ...] = ()
    remedy_available: bool | None = None
    """whether who asks now gets one"""
    report_back: str | None = None
    """how to answer, e.g. an address of a form"""
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
