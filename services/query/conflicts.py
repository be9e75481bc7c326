"""Where copies of an event contradict each other, and voids that nobody had the right to post (SEMANTICS §1, §5)."""

from collections.abc import Collection, Iterable, Mapping

import asyncpg

from domain.genealogy import Conflict
from domain.ids import ItemId
from services.query.ranges import Ranges

_RIVALS = """
-- every version of the events that name these items, where an event id has more than one content
WITH keys AS (
    SELECT DISTINCT e.key_no
    FROM views.items i JOIN views.event_items x USING (item_no) JOIN views.events e ON e.event_no = x.event_no
    WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND ($3::bigint[] IS NULL OR e.key_no = ANY($3))
    UNION SELECT e.key_no FROM views.events e WHERE e.event_no = ANY($4)
), rivals AS (
    SELECT e.key_no FROM views.events e JOIN keys USING (key_no)
    GROUP BY e.key_no HAVING count(DISTINCT e.content_hash) > 1
)
SELECT k.event_id, e.event_no, e.content_hash, e.log_partition, e.log_offset, i.uri
FROM rivals JOIN views.events e USING (key_no) JOIN views.event_keys k USING (key_no)
LEFT JOIN views.event_items x ON x.event_no = e.event_no LEFT JOIN views.items i ON i.item_no = x.item_no
"""
_REFUSED = """
-- voids of events that name these items, posted by another source without the right to correct
SELECT DISTINCT vk.event_id AS void_id, tk.event_id AS target_id, ve.log_partition, ve.log_offset, n.uri
FROM (SELECT x.event_no, i.uri FROM views.items i JOIN views.event_items x USING (item_no)
      WHERE i.tenant_id = $1 AND i.uri = ANY($2)
      UNION ALL SELECT * FROM unnest($4::bigint[], $5::text[])) AS n(event_no, uri)
JOIN views.events te ON te.event_no = n.event_no
JOIN views.voids v ON v.target_key_no = te.key_no JOIN views.events ve ON ve.event_no = v.event_no
JOIN views.event_keys vk ON vk.key_no = ve.key_no JOIN views.event_keys tk ON tk.key_no = te.key_no
WHERE NOT ve.may_correct AND ve.source <> te.source AND te.void IS NULL
AND ($3::bigint[] IS NULL OR te.key_no = ANY($3))
"""


_MOST_QUIET = 200_000


class Quiet:
    """Items about which no conflict was found in one state of the views, though events about them have a void or a
    second version: they need not be looked at again for the same events.
    """

    def __init__(self) -> None:
        self._keys: dict[str, frozenset[int]] = {}

    def covers(self, items: Collection[str], troubled: Collection[int]) -> bool:
        """Whether each of the items was found quiet, as far as these keys are concerned."""
        known, none = self._keys, frozenset[int]()
        keys = frozenset(troubled)
        return all(keys <= known.get(item, none) for item in items)

    def add(self, items: Collection[str], troubled: Collection[int]) -> None:
        """Remember that nothing was found: what is found about several items is what is found about any of them."""
        if len(self._keys) + len(items) > _MOST_QUIET:
            self._keys.clear()
        keys = frozenset(troubled)
        for item in items:
            known = self._keys.get(item)
            self._keys[item] = keys if known is None or known <= keys else known | keys


class ConflictsAbout:
    """The conflicts known at the vector that touch any of the items looked at, gathered some items at a time."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        tenant_id: int,
        *,
        vector: Mapping[int, int] | None,
        quiet: Quiet | None = None,
    ) -> None:
        self._connection, self._tenant_id, self._vector, self._quiet = connection, tenant_id, vector, quiet
        self._versions: dict[str, set[str]] = {}
        self._touched: dict[str, set[ItemId]] = {}
        self._refused: dict[tuple[str, str], set[ItemId]] = {}

    async def look(self, items: Iterable[ItemId], *, troubled: Collection[int] | None = None) -> None:
        """`troubled`: the keys of all their events that have a void or a second version; None: not known."""
        names = [str(i) for i in items]
        if not names or (troubled is not None and not troubled):
            return
        if troubled is not None and self._quiet is not None and self._quiet.covers(names, troubled):
            return
        keys = None if troubled is None else list(troubled)
        held = [(no, i) for i, no, _ in await Ranges(self._connection, self._tenant_id).holding(map(ItemId, names))]
        ranged = ([no for no, _ in held], [str(i) for _, i in held])
        rivals = await self._connection.fetch(_RIVALS, self._tenant_id, names, keys, ranged[0])
        for row in rivals:
            if self._knows(row):
                self._versions.setdefault(row["event_id"], set()).add(row["content_hash"])
                touched = self._touched.setdefault(row["event_id"], set())
                touched.update(i for no, i in held if no == row["event_no"])
                if row["uri"] is not None:
                    self._touched.setdefault(row["event_id"], set()).add(ItemId(row["uri"]))
        refused = await self._connection.fetch(_REFUSED, self._tenant_id, names, keys, *ranged)
        for row in refused:
            if self._knows(row):
                self._refused.setdefault((row["void_id"], row["target_id"]), set()).add(ItemId(row["uri"]))
        if troubled is not None and self._quiet is not None and not rivals and not refused:
            self._quiet.add(names, troubled)

    def _knows(self, row: asyncpg.Record) -> bool:
        return self._vector is None or row["log_offset"] <= self._vector.get(row["log_partition"], -1)

    def found(self) -> list[Conflict]:
        """Everything gathered, each conflict once."""
        copies = [
            Conflict(
                "conflicting_copies",
                tuple(sorted(self._touched.get(event_id, set()))),
                (event_id,),
                f"event {event_id} was sent with {len(hashes)} different contents: the first in the log counts",
            )
            for event_id, hashes in sorted(self._versions.items())
            if len(hashes) > 1
        ]
        return copies + [
            Conflict(
                "refused_void",
                tuple(sorted(about)),
                (void_id, target_id),
                f"{void_id} voids {target_id} of another source without the right to correct: it does not count",
            )
            for (void_id, target_id), about in sorted(self._refused.items())
        ]
