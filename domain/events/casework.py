"""What is done in recalls, incidents, drills and suppliers' notices: one kind that carries every act (domain/cases)."""

import re
from typing import Literal

from domain.cases.acts import CHUNK_ITEMS_MAX, Act, CaseType, SetFrozen, SupplierLinesListed, UnitsChanged
from domain.events.common import Event
from domain.values import value

CASE_PREFIX = "case:"
"""How ids of these events begin; no one else may use it."""

_PATH_WORDS = frozenset({"check"})
"""What stands where paths have the id of a case."""
_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}")


@value(frozen=True, slots=True, kw_only=True)
class CaseRecorded(Event):
    """Something was done in a case. Only the cases service appends it.

    `sequence` numbers the acts of people in their case from 1; what the service lists in chunks has none. `actor` is
    who did it (a person where given, else the key's source), `key_id` with which key.
    """

    kind: Literal["case_recorded"] = "case_recorded"
    case_id: str
    case_type: CaseType
    sequence: int | None = None
    actor: str
    key_id: int | None = None
    reason: str | None = None
    act: Act

    def check(self) -> None:
        Event.check(self)
        check_case_id(self.case_id)
        match self.act:
            case SetFrozen(members=listed):
                most = len(listed)
            case UnitsChanged(added=added, withdrawn=withdrawn, changed=changed):
                most = len(added) + len(withdrawn) + len(changed or ())
            case SupplierLinesListed(rows=rows):
                most = len(rows)
            case _:
                most = 0
        if most > CHUNK_ITEMS_MAX:
            raise ValueError(f"act: lists {most} items, at most {CHUNK_ITEMS_MAX} in one event")


def check_case_id(case_id: str) -> None:
    """Raises ValueError for what is no id of a case."""
    if not _CASE_ID.fullmatch(case_id):
        raise ValueError(
            "case_id: use 1 to 100 letters, digits, dots, hyphens and underscores, a letter or digit first"
        )
    if case_id in _PATH_WORDS:
        raise ValueError(f"case_id: {case_id} is a word of the paths: choose another")


def act_id(case_id: str, sequence: int) -> str:
    """The event id of a numbered act: two who act at once take the same one, and the log's first copy counts."""
    return f"{CASE_PREFIX}{case_id}:{sequence}"


def whole_id(case_id: str, series: str, *, number: int) -> str:
    """The event id of what ends a series of chunks."""
    return f"{CASE_PREFIX}{case_id}:{series}:{number}"


def chunk_id(case_id: str, series: str, *, number: int, chunk: int) -> str:
    """The event id of one chunk, e.g. of series `frozen` number 1: sent again it is a duplicate."""
    return f"{CASE_PREFIX}{case_id}:{series}:{number}:{chunk}"
