"""Which of some events count: copies and voids looked up for just those events, and judged by the domain."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from domain.corrections import Copy, Verdict, Version, judge
from domain.facts import VoidFact

_TROUBLED = """
-- the events among these that a void names, or of which there is more than one version
SELECT DISTINCT target_key_no AS key_no FROM views.voids WHERE target_key_no = ANY($1)
UNION SELECT key_no FROM views.events WHERE key_no = ANY($1) GROUP BY key_no HAVING count(*) > 1
"""
_VERSIONS = """
SELECT e.event_no, e.key_no, k.event_id, e.content_hash, e.source, e.may_correct,
       e.appended_us, e.log_partition, e.log_offset, e.void
FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.key_no = ANY($1)
"""
_VOID_KEYS = """
SELECT v.target_key_no, e.key_no, v.replacement_key_nos
FROM views.voids v JOIN views.events e USING (event_no) WHERE v.target_key_no = ANY($1)
"""
_IN_LOG = """
SELECT k.event_id, e.log_partition, e.log_offset
FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.key_no = ANY($1)
"""


async def judged(
    connection: asyncpg.Connection, key_nos: Sequence[int], *, vector: Mapping[int, int] | None
) -> dict[int, Verdict]:
    """The verdict on every version (by event_no) of the troubled keys; what is missing simply counts if known."""
    troubled = [r[0] for r in await connection.fetch(_TROUBLED, list(key_nos))]
    if not troubled:
        return {}
    links = await connection.fetch(_VOID_KEYS, troubled)
    voids_of: dict[int, set[int]] = {}
    for link in links:
        voids_of.setdefault(link["target_key_no"], set()).add(link["key_no"])
    void_keys = {r["key_no"] for r in links}
    versions: dict[int, list[Version]] = {}
    for row in await connection.fetch(_VERSIONS, list(void_keys | set(troubled))):
        versions.setdefault(row["key_no"], []).append(_version(row))
    replacements = list({no for r in links for no in r["replacement_key_nos"]})
    in_log = {
        r[0]: True
        for r in await connection.fetch(_IN_LOG, replacements)
        if vector is None or r[2] <= vector.get(r[1], -1)
    }
    verdicts: dict[int, Verdict] = {}
    for key_no in troubled:
        voids = [v for k in voids_of.get(key_no, ()) for v in versions.get(k, [])]
        for version in versions.get(key_no, []):
            rivals = versions[key_no]
            verdicts[version.no] = judge(version, rivals=rivals, voids=voids, in_log=in_log, vector=vector)
    return verdicts


def _version(row: Mapping[str, Any]) -> Version:
    void = row["void"]
    return Version(
        no=row["event_no"],
        event_id=row["event_id"],
        content_hash=row["content_hash"],
        source=row["source"],
        may_correct=row["may_correct"],
        copy=Copy(row["appended_us"], row["log_partition"], row["log_offset"]),
        void=VoidFact(void["target"], tuple(void["replaced_by"]), void["reason"]) if void else None,
    )
