"""Views of cases: their acts, what they list, and the alerts they raise.

What an act lists in detail stays in `event_bodies`: a member's `line` counts from 0 in the list of its act, so
`body #> ARRAY['act', 'members', line::text]` is all that is known of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from domain.cases.acts import SetFrozen, UnitsChanged
from domain.events import CaseRecorded, LifecycleEvent
from domain.ids import ItemId
from services.readmodel.schema import event, metadata, tenant

case_acts = Table(
    "case_acts",
    metadata,
    tenant(),
    event(),
    Column("case_id", Text, nullable=False),
    Column("case_type", Text, nullable=False, comment="domain.cases.acts.CaseType"),
    Column("sequence", Integer, comment="null for what the service lists in chunks"),
    Column("act", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key_id", Integer),
    Column("reason", Text),
    Column("body", JSONB, nullable=False, comment="domain.cases.acts, without the members it lists"),
    PrimaryKeyConstraint("event_no", name="case_acts_pkey"),
    Index("case_acts_case_idx", "tenant_id", "case_id", "sequence"),
    Index("case_acts_act_idx", "tenant_id", "act", "case_type"),
)

case_members = Table(
    "case_members",
    metadata,
    tenant(),
    event(),
    Column("case_id", Text, nullable=False),
    Column("change", Text, nullable=False, comment="frozen, added, withdrawn or changed"),
    Column("number", Integer, nullable=False, comment="of the freeze, else of the evaluation"),
    Column("chunk", Integer, nullable=False),
    Column("line", Integer, nullable=False, comment="in the list of its act, from 0"),
    Column("item_no", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("certainty", Text, nullable=False),
    Column("top", Boolean, nullable=False, comment="counted by a regulator (SEMANTICS 7)"),
    Column("loose_spare", Boolean, nullable=False),
    Column("seed", Boolean, nullable=False, comment="named by the rule itself"),
    Column("quantity", Numeric, comment="of a lot without serials"),
    Column("uom", Text),
    Column("reasons", ARRAY(Text), comment="why it is only possible; null of what was projected before 0021"),
    PrimaryKeyConstraint(
        *("tenant_id", "case_id", "change", "number", "chunk", "line", "event_no"), name="case_members_pkey"
    ),
    Index("case_members_item_idx", "item_no"),
)

case_alerts = Table(
    "case_alerts",
    metadata,
    tenant(),
    event(),
    Column("case_id", Text, nullable=False),
    Column("item_no", BigInteger, nullable=False),
    Column("alert", Text, nullable=False, comment="what happened: shipped, sold, installed, unit_added ..."),
    Column("late", Boolean, nullable=False, comment="it happened before the approval, and was told after"),
    Column("noticed_no", BigInteger, nullable=False, comment="counts a tenant's alerts in the order of commits"),
    Column("noticed_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("event_no", "case_id", "item_no", "alert", name="case_alerts_pkey"),
    Index("case_alerts_case_idx", "tenant_id", "case_id", "noticed_no"),
    Index("case_alerts_noticed_idx", "tenant_id", "noticed_no"),
)

TABLES = (case_acts, case_members, case_alerts)

COLUMNS = {
    "case_acts": "case_id case_type sequence act actor key_id reason body",
    "case_members": (
        "case_id change number chunk line item_no kind level certainty top loose_spare seed quantity uom reasons"
    ),
}

Row = tuple[Any, ...]


LISTS = {"members": "frozen", "added": "added", "withdrawn": "withdrawn", "changed": "changed"}
"""What the lists of an act, by their names, do to the set."""

_LEFT_OUT: Mapping[str, Any] = {"top": False, "loose_spare": False, "seed": False, "reasons": ()}
_SAID = itemgetter("item", "kind", "level", "certainty", "top", "loose_spare", "seed", "reasons")


def lists_of(recorded: LifecycleEvent, document: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The members of each list that an act has, as JSON data: a set has a million, and none is made an object here."""
    match recorded:
        case CaseRecorded(act=SetFrozen() | UnitsChanged()):
            return {name: document["act"].get(name) or () for name in LISTS if name in document["act"]}
        case _:
            return {}


def items_of(recorded: LifecycleEvent, document: Mapping[str, Any]) -> Iterator[ItemId]:
    """Items that need a number although nothing happened to them."""
    for members in lists_of(recorded, document).values():
        for member in members:
            yield ItemId.recorded(member["item"])


def rows_of(
    recorded: LifecycleEvent, document: Mapping[str, Any], item_no: Callable[[str], int]
) -> Iterator[tuple[str, Row]]:
    """(table, row without tenant and event) of everything that one act says. `document` is its event as JSON data."""
    if not isinstance(recorded, CaseRecorded):
        return
    lists = lists_of(recorded, document)
    body = {key: value for key, value in document["act"].items() if key not in lists}
    one = recorded
    yield (
        "case_acts",
        (one.case_id, one.case_type, one.sequence, one.act.act, one.actor, one.key_id, one.reason, body),
    )
    for name, members in lists.items():
        where = (one.case_id, LISTS[name], *_place(recorded))
        for line, member in enumerate(members):
            try:
                item, *about, reasons = _SAID(member)
            except KeyError:
                item, *about, reasons = _SAID({**_LEFT_OUT, **member})
            quantity = Decimal(member["quantity"]) if "quantity" in member else None
            yield (
                "case_members",
                (*where, line, item_no(ItemId.recorded(item)), *about, quantity, member.get("uom"), reasons),
            )


def _place(recorded: CaseRecorded) -> tuple[int, int]:
    match recorded.act:
        case SetFrozen(freeze=number, chunk=chunk) | UnitsChanged(evaluation=number, chunk=chunk):
            return number, chunk
        case _:
            raise LookupError(f"{recorded.act.act} lists no members")
