"""What became of the events of a request, one by one and together."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from domain.events.noticing import Notice
from domain.ports import Position, Record
from domain.positions import vector_token
from services.ingest.explaining import EventError

WORDS = ("accepted", "duplicate", "rejected")


@dataclass(slots=True)
class Outcome:
    """One event: its record to append, or its error; its position once the log has confirmed it."""

    index: int
    event_id: str | None = None
    record: Record | None = None
    error: EventError | None = None
    position: Position | None = None
    fingerprint: bytes = b""
    notices: tuple[Notice, ...] = ()

    @property
    def word(self) -> str:
        """accepted, duplicate, rejected, or unknown: sent to the log, and not confirmed."""
        if self.error is not None:
            return "rejected"
        if self.record is None:
            return "duplicate"
        return "accepted" if self.position is not None else "unknown"

    def document(self) -> dict[str, Any]:
        """The outcome as an answer shows it; `notices` where the event leaves something open."""
        head: dict[str, Any] = {"index": self.index, "outcome": self.word, "event_id": self.event_id}
        if self.error is not None:
            return head | {"error": self.error.document()}
        head["position"] = self.position.token if self.position is not None else None
        return head | ({"notices": [asdict(n) for n in self.notices]} if self.notices else {})


class Tally:
    """Counts and positions of outcomes, as they come."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.words: Counter[str] = Counter()
        self.vector: dict[int, int] = {}
        self.add(outcomes)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for one in outcomes:
            self.words[one.word] += 1
            if one.position is not None:
                partition, offset = one.position
                self.vector[partition] = max(offset, self.vector.get(partition, -1))

    @property
    def events(self) -> int:
        return self.words.total()

    def document(self) -> dict[str, Any]:
        """Counts by outcome, and the vector token at which all that is durable has been applied."""
        unknown = {"unknown": self.words["unknown"]} if self.words["unknown"] else {}
        return {**{w: self.words[w] for w in WORDS}, **unknown, "position": vector_token(self.vector)}
