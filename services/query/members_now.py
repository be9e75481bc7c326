"""How members stand now: what evaluations since a freeze came to, where that is otherwise than what was frozen."""

from collections.abc import Sequence
from typing import Any

from domain.cases.recall import Freeze, RecallCase
from services.query.snapshot import Asked

_SINCE = """
-- what the evaluations since ($3) told of these items, the newest first
SELECT i.uri, m.change, m.number, m.level, m.certainty, m.reasons, e.log_partition, e.log_offset
FROM views.items i JOIN views.case_members m USING (item_no) JOIN views.events e USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($4) AND m.tenant_id = $1 AND m.case_id = $2
AND m.change <> 'frozen' AND m.number = ANY($3::int[])
ORDER BY m.number DESC
"""
NOW_COLUMNS = ("change", "evaluation", "certainty_now", "level_now", "reasons_now")
"""What a change since the freeze adds to a member; nothing where it stands as it was frozen."""


class MembersNow:
    """How the members of one frozen set stand now; asks nothing where no evaluation changed anything."""

    def __init__(self, asked: Asked, case: RecallCase, freeze: Freeze) -> None:
        self._asked, self._case_id = asked, case.case_id
        self._evaluations = [
            e.evaluation for e in case.evaluations_of(freeze.number) if e.added or e.withdrawn or e.changed
        ]

    async def beside(self, members: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The members, each with how it stands now where that has changed."""
        if not self._evaluations or not members:
            return list(members)
        items = [m["item"] for m in members]
        rows = await self._asked.connection.fetch(
            _SINCE, self._asked.tenant_id, self._case_id, self._evaluations, items
        )
        newest: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["uri"] not in newest and self._asked.knows(row["log_partition"], row["log_offset"]):
                newest[row["uri"]] = {
                    "change": row["change"],
                    "evaluation": row["number"],
                    "certainty_now": row["certainty"],
                    "level_now": row["level"],
                    "reasons_now": row["reasons"],
                }
        return [m | newest.get(m["item"], {}) for m in members]
