"""Master data: what parties, places and products were described as, and what of it holds at an instant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from domain.ids import ItemId
from services.query.counting import counting
from services.query.snapshot import Asked

Topic = Literal["party", "place", "product"]
CHUNK = 2_000
_OF_EVENT = frozenset({"kind", "occurred_at", "event_id"})
"""Members of the event that are not what it describes."""

_DESCRIPTIONS = """
-- the later of two that begin at one instant is the one recorded later
SELECT m.subject, m.event_no, e.key_no, k.event_id, m.valid_from_us, m.described, e.log_partition, e.log_offset
FROM views.master_data m JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
WHERE m.tenant_id = $1 AND m.topic = $2 AND m.subject = ANY($3)
AND ($4::text[] IS NULL OR EXISTS (
    SELECT FROM views.event_places p WHERE p.event_no = m.event_no AND p.place = ANY($4)))
ORDER BY m.valid_from_us, e.appended_us, e.log_partition, e.log_offset
"""


@dataclass(frozen=True, slots=True)
class Description:
    """What was said, over [from, until) (None: still)."""

    said: Mapping[str, Any]
    event_id: str
    from_us: int
    until_us: int | None


class Descriptions:
    """Descriptions as known in one snapshot, read once. `places`: only what happened at these (None: all)."""

    def __init__(self, asked: Asked, *, places: Sequence[str] | None = None) -> None:
        self._asked, self._places = asked, places
        self._found: dict[tuple[Topic, str], list[Description]] = {}

    async def load(self, topic: Topic, subjects: Iterable[str]) -> None:
        """Have the descriptions of these at hand."""
        fresh = sorted({s for s in subjects if (topic, s) not in self._found})
        for start in range(0, len(fresh), CHUNK):
            await self._load(topic, fresh[start : start + CHUNK])

    async def _load(self, topic: Topic, subjects: list[str]) -> None:
        asked = self._asked
        rows = await asked.connection.fetch(_DESCRIPTIONS, asked.tenant_id, topic, subjects, self._places)
        by_subject: dict[str, list[Any]] = {s: [] for s in subjects}
        for row in await counting(asked, rows):
            by_subject[row["subject"]].append(row)
        for subject, told in by_subject.items():
            ends = [*(r["valid_from_us"] for r in told[1:]), None]
            self._found[(topic, subject)] = [
                Description(
                    {k: v for k, v in r["described"].items() if k not in _OF_EVENT},
                    r["event_id"],
                    r["valid_from_us"],
                    end,
                )
                for r, end in zip(told, ends, strict=False)
            ]

    def at(self, topic: Topic, subject: str | None, *, at_us: int) -> Description | None:
        """What holds at the instant, of what was loaded."""
        told = self._found.get((topic, subject or ""), [])
        past = [d for d in told if d.from_us <= at_us]
        return past[-1] if past else None

    def said(self, topic: Topic, subject: str | None, *, at_us: int) -> Mapping[str, Any]:
        """What was said of it by then; nothing where nothing was."""
        held = self.at(topic, subject, at_us=at_us)
        return held.said if held is not None else {}

    def product(self, item: ItemId, *, at_us: int) -> str | None:
        """Name, model and category of an item's product."""
        said = self.said("product", item.material or item, at_us=at_us)
        return ", ".join(filter(None, (said.get("name"), said.get("model"), said.get("category")))) or None
