"""What the service itself records in the log, beside what the factories tell."""

from typing import Any, ClassVar, Literal

from domain.events.common import STRICT, Event
from domain.values import value


@value(frozen=True, slots=True)
class CaptureError:
    """Why one event of a capture job was refused: RFC 9457 members, `index` counted from 0."""

    index: int
    type: str
    title: str
    detail: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@value(frozen=True, slots=True, kw_only=True)
class CaptureFinished(Event):
    """An EPCIS capture job is done (EPCIS 2.0 §12.6): what it appended is at or below `position`."""

    kind: Literal["capture_finished"] = "capture_finished"
    capture_id: str
    created_at: str
    finished_at: str
    success: bool
    position: str
    error_behaviour: Literal["rollback", "proceed"] = "rollback"
    errors: tuple[CaptureError, ...] = ()
