"""Correction: what was recorded wrongly is voided, and replaced by events posted anew. History keeps everything."""

from typing import Literal

from domain.events.common import Event
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class Voided(Event):
    """The event `target` did not happen as recorded (EPCIS errorDeclaration).

    It may arrive before its target. With `replaced_by` it takes effect when all of those are in the log.
    """

    kind: Literal["voided"] = "voided"
    target: str
    replaced_by: tuple[str, ...] = ()
    reason: str | None = None

    def check(self) -> None:
        Event.check(self)
        if not 1 <= len(self.target) <= 256:
            raise ValueError("target: the event_id to void, 1 to 256 characters")
        if self.target in self.replaced_by:
            raise ValueError("replaced_by: an event cannot replace itself")
