"""What an id that nothing knows was probably meant to be: the items whose numbers lie beside its own."""

import difflib
import unicodedata

import asyncpg

_BESIDE = """
-- the numbers next to this one in the order of the index, on either side
(SELECT i.number, i.uri FROM views.items i WHERE i.tenant_id = $1 AND i.number >= $2 ORDER BY i.number LIMIT $3)
UNION ALL
(SELECT i.number, i.uri FROM views.items i WHERE i.tenant_id = $1 AND i.number < $2 ORDER BY i.number DESC LIMIT $3)
"""
_BESIDE_ROWS = 50
NEAREST_SHOWN = 10
_ALIKE = 0.5
"""Least likeness of two numbers, by difflib's ratio, for one to be named in place of the other."""


async def nearest(connection: asyncpg.Connection, tenant_id: int, text: str) -> list[str]:
    """At most ten known items whose serial or lot number is like the number in `text`, the likest first."""
    shown = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    number = shown.rsplit("/", 1)[-1].rsplit(":", 1)[-1][:100]
    rows = await connection.fetch(_BESIDE, tenant_id, number, _BESIDE_ROWS)
    likeness = {r["uri"]: difflib.SequenceMatcher(None, number, r["number"]).ratio() for r in rows}
    alike = [uri for uri, ratio in likeness.items() if ratio >= _ALIKE]
    return sorted(alike, key=lambda uri: (-likeness[uri], len(uri), uri))[:NEAREST_SHOWN]
