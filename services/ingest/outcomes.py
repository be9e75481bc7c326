"""What became of the events of a request, one by one and together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

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


def lines_of(outcomes: Sequence[Outcome]) -> bytes:
    """Their documents as NDJSON: the plain ones, which are nearly all, by template."""
    return b"".join(
        b'{"index":%d,"outcome":"%b","event_id":%b,"position":"%d-%d"}\n'
        % (one.index, b"duplicate" if one.record is None else b"accepted", orjson.dumps(one.event_id), *one.position)
        if one.position is not None and not one.notices
        else orjson.dumps(one.document(), option=orjson.OPT_APPEND_NEWLINE)
        for one in outcomes
    )


class Tally:
    """Counts and positions of outcomes, as they come."""

    def __init__(self, outcomes: Sequence[Outcome] = ()) -> None:
        self.words: Counter[str] = Counter()
        self.vector: dict[int, int] = {}
        self.add(outcomes)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        self.words.update([one.word for one in outcomes])
        for partition, offset in (one.position for one in outcomes if one.position is not None):
            if offset > self.vector.get(partition, -1):
                self.vector[partition] = offset

    def merge(self, other: "Tally") -> None:
        """Count what another counted, too."""
        self.words.update(other.words)
        for partition, offset in other.vector.items():
            self.vector[partition] = max(offset, self.vector.get(partition, -1))

    @property
    def events(self) -> int:
        return self.words.total()

    def document(self) -> dict[str, Any]:
        """Counts by outcome, and the vector token at which all that is durable has been applied."""
        unknown = {"unknown": self.words["unknown"]} if self.words["unknown"] else {}
        return {**{w: self.words[w] for w in WORDS}, **unknown, "position": vector_token(self.vector)}
