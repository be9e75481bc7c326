"""Numbers for items and event ids: given once, in short transactions of their own, remembered in a bounded cache.

Two projectors that meet the same new item must neither collide nor wait for each other's whole batch: each inserts what
it misses in sorted order, commits at once, and reads back whose number won. A number without facts harms nobody.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from domain.ids import ItemId
from services.readmodel.rows import item_row

Key = tuple[int, str]

KEYS_SHARE = 10
"""An event id is seen once, but for copies and voids: one is remembered for so many items."""

BLOCK = 1000
"""Numbers one call of the sequence stands for."""


class Numbers:
    """The numbers of one schema's items and event ids. One instance a process and `generation`.

    A rebuild puts other tables in the place of these: their numbers are others, and `generation` (the identity of the
    tables) tells the two apart. Whoever writes rows with numbers from here checks, in that transaction, that it stands.
    """

    def __init__(self, schema: str, *, generation: int, cache_size: int = 500_000) -> None:
        self.generation = generation
        self._schema = schema
        self._items: OrderedDict[Key, int] = OrderedDict()
        self._keys: OrderedDict[Key, int] = OrderedDict()
        self._cache_size = cache_size
        self._free: list[range] = []

    async def of_items(self, connection: asyncpg.Connection, wanted: Iterable[tuple[int, ItemId]]) -> dict[Key, int]:
        """The number of each (tenant, item); new ones get contiguous numbers in the order wanted."""
        found, missing = self._cached(self._items, wanted)
        if missing:
            numbers = await self.take(connection, len(missing))
            rows = [(no, *item_row(t, ItemId(uri))) for no, (t, uri) in zip(numbers, missing, strict=True)]
            rows.sort(key=lambda r: (r[1], r[2]))
            got = await self._insert(
                connection, insert=_INSERT_ITEMS, select=_SELECT_ITEMS, columns=list(zip(*rows, strict=True))
            )
            self._remember(self._items, got, self._cache_size)
            found |= got
        return found

    async def of_listed(self, connection: asyncpg.Connection, wanted: Sequence[tuple[int, ItemId]]) -> dict[Key, int]:
        """As `of_items`, of items that nearly always have one and are not soon wanted again: they are looked up before
        any is given, and a million of them do not push others out of the cache.
        """
        found: dict[Key, int] = {}
        missing: list[Key] = []
        for key in wanted:
            number = self._items.get(key)
            if number is None:
                missing.append(key)
            else:
                found[key] = number
        if missing:
            tenants, uris = (list(column) for column in zip(*missing, strict=True))
            rows = await connection.fetch(_FIND_ITEMS.format(schema=self._schema), tenants, uris)
            for place, number in rows:
                found[missing[place - 1]] = number
            if len(rows) < len(missing):
                unknown = [(t, ItemId(uri)) for t, uri in missing if (t, uri) not in found]
                found |= await self.of_items(connection, unknown)
        return found

    async def of_keys(self, connection: asyncpg.Connection, wanted: Iterable[Key]) -> dict[Key, int]:
        """The number of each (tenant, event id)."""
        found, missing = self._cached(self._keys, wanted)
        if missing:
            numbers = await self.take(connection, len(missing))
            rows = sorted((t, event_id, no) for no, (t, event_id) in zip(numbers, missing, strict=True))
            got = await self._insert(
                connection, insert=_INSERT_KEYS, select=_SELECT_KEYS, columns=list(zip(*rows, strict=True))
            )
            self._remember(self._keys, got, self._cache_size // KEYS_SHARE)
            found |= got
        return found

    async def reserve(self, connection: asyncpg.Connection, count: int) -> None:
        """See that so many can be taken without asking the database for each purpose."""
        while (missing := count - sum(len(r) for r in self._free)) > 0:  # others may have taken while we waited
            blocks = -(-missing // BLOCK)
            statement = f"SELECT nextval('{self._schema}.numbers') FROM generate_series(1, $1)"
            firsts = [r[0] for r in await connection.fetch(statement, blocks)]
            self._free += [range(n * BLOCK, (n + 1) * BLOCK) for n in firsts]

    async def take(self, connection: asyncpg.Connection, count: int) -> list[int]:
        """Fresh numbers, contiguous where they come from one block."""
        await self.reserve(connection, count)
        taken: list[int] = []
        while len(taken) < count:
            block = self._free[0]
            want = count - len(taken)
            taken += block[:want]
            self._free[0] = block[want:]
            if not self._free[0]:
                self._free.pop(0)
        return taken

    def _cached(self, cache: OrderedDict[Key, int], wanted: Iterable[Any]) -> tuple[dict[Key, int], list[Key]]:
        found: dict[Key, int] = {}
        missing: dict[Key, None] = {}
        for key in wanted:
            if key in found or key in missing:
                continue
            number = cache.get(key)
            if number is None:
                missing[key] = None
            else:
                cache.move_to_end(key)
                found[key] = number
        return found, list(missing)

    def _remember(self, cache: OrderedDict[Key, int], got: dict[Key, int], size: int) -> None:
        cache.update(got)
        while len(cache) > size:
            cache.popitem(last=False)

    async def _insert(
        self, connection: asyncpg.Connection, *, insert: str, select: str, columns: Sequence[Sequence[Any]]
    ) -> dict[Key, int]:
        await connection.execute(insert.format(schema=self._schema), *columns)
        # Now that it is committed, in a snapshot of its own: whoever was first, the number is there to be read.
        tenants, names = (columns[1], columns[2]) if insert is _INSERT_ITEMS else (columns[0], columns[1])
        rows = await connection.fetch(select.format(schema=self._schema), tenants, names)
        return {(r[0], r[1]): r[2] for r in rows}


_INSERT_ITEMS = """
INSERT INTO {schema}.items (item_no, tenant_id, uri, kind, material, number)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[])
ON CONFLICT (tenant_id, uri) DO NOTHING
"""
_SELECT_ITEMS = """
SELECT i.tenant_id, i.uri, i.item_no FROM {schema}.items i
JOIN unnest($1::int[], $2::text[]) AS w(tenant_id, uri) USING (tenant_id, uri)
"""
_FIND_ITEMS = """
SELECT w.place, i.item_no FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS w(tenant_id, uri, place)
JOIN {schema}.items i USING (tenant_id, uri)
"""
_INSERT_KEYS = """
INSERT INTO {schema}.event_keys (tenant_id, event_id, key_no)
SELECT * FROM unnest($1::int[], $2::text[], $3::bigint[])
ON CONFLICT (tenant_id, event_id) DO NOTHING
"""
_SELECT_KEYS = """
SELECT k.tenant_id, k.event_id, k.key_no FROM {schema}.event_keys k
JOIN unnest($1::int[], $2::text[]) AS w(tenant_id, event_id) USING (tenant_id, event_id)
"""
