"""From a row of a consignee's answer to the act it makes (docs/recall.md, 'Notices and responses')."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from domain.cases import acts
from domain.events.common import check_number
from domain.moments import to_us
from domain.ports import Clock
from services.access import Caller
from services.cases.telling import Listing
from services.codec import ACT
from services.problems import field_errors
from services.settings import Settings

WHEREABOUTS = get_args(acts.Whereabouts)
RESPONSES = ("acknowledged", "on_hand", *WHEREABOUTS, "recovered", "unreachable", "remedied", "verdict")
COLUMNS = ("consignee", "response", "item", "quantity", "uom", "remedy", "why", "verdict", "at", "by", "reached_by")


@dataclass(frozen=True, slots=True)
class Now:
    """The instant of the request, and how late a time that somebody tells may be."""

    text: str
    latest_us: int

    @classmethod
    def of(cls, clock: Clock, settings: Settings) -> "Now":
        now = clock.now()
        return cls(now.isoformat(), to_us(now) + int(settings.future_tolerance_seconds * 1_000_000))


class RowRefused(ValueError):
    """Why a row makes no act; `field` is its column."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def act_of_row(cells: Mapping[str, Any], *, caller: Caller, default: str | None, now: Now) -> acts.AnyAct:
    """The act that one row makes. `default`: what a row without `response` is.

    Raises RowRefused.
    """
    said = {name: value for name, value in cells.items() if value not in (None, "")}
    unknown = sorted(set(said) - {*COLUMNS, "items"})
    if unknown:
        raise RowRefused(unknown[0], f"is not known here: a row has some of {', '.join(COLUMNS)}")
    said.pop("reached_by", None)
    response = said.pop("response", default)
    if response not in RESPONSES:
        raise RowRefused("response", f"{str(response)[:40]} is none of {', '.join(RESPONSES)}")
    fields: dict[str, Any] = {"at": now.text, **{k: v for k, v in said.items() if k not in ("item", "quantity", "uom")}}
    items = fields.pop("items", None)
    if "item" in said:
        items = [*(items or []), {k: said[k] for k in ("item", "quantity", "uom") if k in said}]
    elif "quantity" in said:
        raise RowRefused("item", "is missing: name the lot that the quantity is of")
    if items is not None:
        fields["items"] = [i if isinstance(i, Mapping) and "item" in i else {"item": i} for i in items]
    match response:
        case "acknowledged":
            fields |= {"act": "acknowledged"}
        case "on_hand":
            fields |= {"act": "responded", "whereabouts": "with_consignee"}
        case "recovered" | "unreachable" | "remedied":
            fields |= {"act": response}
        case "verdict":
            fields |= {"act": "verdict_given"}
        case _:
            fields |= {"act": "responded", "whereabouts": response}
    if fields["act"] not in ("acknowledged", "unreachable") and not items:
        raise RowRefused("item", "is missing: name a unit, or a lot with its quantity")
    if not items and "consignee" not in fields:
        raise RowRefused("consignee", "is missing: say who it is about")
    return checked(fields, caller, now)


def reached(cells: Mapping[str, Any], told: acts.AnyAct, *, caller: Caller, now: Now) -> acts.AnyAct | None:
    """That they were notified by whatever reached them (`reached_by`), where an answer came before a notice went out.

    Raises RowRefused.
    """
    how = cells.get("reached_by")
    if how in (None, ""):
        return None
    consignee = getattr(told, "consignee", None)
    if consignee is None:
        raise RowRefused("consignee", "is missing: say who was reached")
    at = getattr(told, "at", None)
    said = {"act": "notified", "consignee": consignee, "how": how, "at": at.text if at is not None else now.text}
    return checked(said, caller, now)


def checked(fields: Mapping[str, Any], caller: Caller, now: Now) -> acts.AnyAct:
    """The act that the fields make. Raises RowRefused for the first that is wrong.

    What lies in the future is refused: it would be the last word on its item until then.
    """
    context = {"own_party": caller.own_party, "zone": caller.zone}
    try:
        act = ACT.validate_python(fields, context=context)
    except ValidationError as error:
        first = field_errors(error)[0]
        raise RowRefused(str(first["field"]).rpartition(".")[2], str(first["detail"])) from error
    try:
        for one in act.items if isinstance(act, Listing) else ():
            check_number("quantity", one.quantity)
    except ValueError as error:
        raise RowRefused("quantity", str(error).removeprefix("quantity: ")) from error
    at = getattr(act, "at", None)
    if at is not None and at.earliest_us > now.latest_us:
        raise RowRefused("at", f"{at.text} is in the future: say when it was")
    return act
