"""Who had each member of a recall and how it stands, some at a time: what consignees and accounting are made of."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace

from domain.cases.custody import Custody, custody, lots_of_units
from domain.cases.handing import Ours
from domain.cases.population import SEVERAL, Flags
from domain.ids import ItemId
from domain.links import ALWAYS_US
from services.query.alike import alike
from services.query.answering import answered
from services.query.descriptions import Descriptions
from services.query.snapshot import Asked
from services.query.working_set import sliced

CHUNK = 4000
"""Members whose custody is read at once."""
SIGNED_AT_ONCE = 20_000
"""Members that are held against each other at once."""
_PARENTS = 5
_SUBJECTS = "SELECT DISTINCT subject FROM views.master_data WHERE tenant_id = $1 AND topic = $2"


async def ours(asked: Asked, own_party: str) -> Ours:
    """Who we are, whose places are, and where parties are, as described now."""
    told = Descriptions(asked)
    subjects = {}
    for topic in ("place", "party"):
        subjects[topic] = [r[0] for r in await asked.connection.fetch(_SUBJECTS, asked.tenant_id, topic)]
    await told.load("place", subjects["place"])
    await told.load("party", subjects["party"])
    countries = {}
    for party in subjects["party"]:
        found = told.at("party", party, at_us=ALWAYS_US)
        if found is not None and found.said.get("country"):
            countries[party] = str(found.said["country"])
    places = {p: _party(told, p) for p in subjects["place"] if told.at("place", p, at_us=ALWAYS_US) is not None}
    return Ours(own_party, places, countries)


def _party(told: Descriptions, place: str) -> str | None:
    """Whose a place is: as it says, else as the place says that it is part of."""
    here: str | None = place
    for _ in range(_PARENTS):
        found = told.at("place", here, at_us=ALWAYS_US)
        if found is None or found.said.get("party"):
            return None if found is None else str(found.said["party"])
        here = found.said.get("part_of")
    return None


_RANGED = """
-- products that are told of by ranges of serials, and whether by anything but as what a making put out (role 2)
SELECT p.uri, bool_or(r.role <> 2) AS otherwise
FROM views.serial_ranges r JOIN views.items p ON p.item_no = r.product_no
WHERE r.tenant_id = $1 GROUP BY p.uri
"""
_FITTED = """
-- units that are surely fitted in the unit `whole`: nothing else was ever said of fitting them, nothing was ever taken
-- out of that unit, nobody took it back or told it otherwise. And nothing is to be told of them but their lots: no
-- other name, no remedy
SELECT i.uri, i.material, w.uri AS whole, w.material AS of_whole, e.log_partition, e.log_offset,
    EXISTS (SELECT FROM views.memberships m WHERE m.unit_no = i.item_no) AS in_lots
FROM views.items i JOIN views.event_items x ON x.item_no = i.item_no AND x.role = 6 AND x.action = 1
JOIN views.events e USING (event_no) JOIN views.items w ON w.item_no = e.parent_no
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND i.kind = 'unit' AND w.kind = 'unit' AND e.kind = 'assembled'
AND NOT EXISTS (SELECT FROM views.voids v WHERE v.target_key_no = e.key_no)
AND NOT EXISTS (SELECT FROM views.events o WHERE o.key_no = e.key_no AND o.event_no <> e.event_no)
AND NOT EXISTS (SELECT FROM views.event_items y JOIN views.events r USING (event_no) WHERE y.item_no = i.item_no
    AND (y.role = 3 OR (y.role = 6 AND y.event_no <> e.event_no) OR r.recall ->> 'action' = 'remedied'))
AND NOT EXISTS (SELECT FROM views.event_items y JOIN views.events r USING (event_no)
    WHERE y.item_no = w.item_no AND y.role = 5 AND (y.action = 4 OR r.kind <> 'assembled'))
AND NOT EXISTS (SELECT FROM views.item_materials d WHERE d.item_no = i.item_no)
AND NOT EXISTS (SELECT FROM views.identities s WHERE s.one_no IN (i.item_no, w.item_no))
AND NOT EXISTS (SELECT FROM views.identities s WHERE s.other_no IN (i.item_no, w.item_no))
AND NOT EXISTS (SELECT FROM views.renamings r WHERE r.old_no IN (i.item_no, w.item_no))
AND NOT EXISTS (SELECT FROM views.renamings r WHERE r.new_no IN (i.item_no, w.item_no))
"""


@dataclass(frozen=True, slots=True)
class ToRead:
    """Members whose custody decides what counts; and how many serials of each lot are among the others."""

    items: list[ItemId]
    serials: dict[ItemId, int]


async def to_be_read(asked: Asked, members: Mapping[ItemId, Flags]) -> ToRead:
    """Units and lots, but units that are surely fitted in another member: these count with it.

    A bike has a pack and two modules, and nobody need read who had these.
    """
    inner = [item for item, flags in members.items() if flags.kind == "unit" and not flags.top]
    ranged = {r["uri"]: r["otherwise"] for r in await asked.connection.fetch(_RANGED, asked.tenant_id)} if inner else {}
    fitted: set[str] = set()
    serials: dict[ItemId, int] = {}
    for some in sliced(inner, CHUNK):
        lotted: list[ItemId] = []
        for row in await asked.connection.fetch(_FITTED, asked.tenant_id, some):
            item, whole = row["uri"], members.get(row["whole"])
            otherwise = ranged.get(row["material"], False) or ranged.get(row["of_whole"], False)
            known = asked.knows(row["log_partition"], row["log_offset"])
            if known and not otherwise and whole is not None and whole.kind == "unit" and item not in fitted:
                fitted.add(item)
                if row["in_lots"] or row["material"] in ranged:
                    lotted.append(ItemId(item))
        for lots in (await answered(lots_of_units(lotted, at_us=ALWAYS_US), asked.record())).values():
            for lot in lots:
                serials[lot] = serials.get(lot, 0) + 1
    read = [i for i, flags in members.items() if flags.kind in ("unit", *SEVERAL) and i not in fitted]
    return ToRead(read, serials)


async def custodies(
    asked: Asked, items: Iterable[ItemId], *, whose: Ours, case_id: str, chunk: int = CHUNK
) -> AsyncIterator[dict[ItemId, Custody]]:
    """The custody of these, in their order, some at a time, by all that is known. Alike units are read once."""
    for many in sliced(items, SIGNED_AT_ONCE):
        groups, found = await alike(asked, many), dict[ItemId, Custody]()
        for some in (groups[start : start + chunk] for start in range(0, len(groups), chunk)):
            question = custody([group[0] for group in some], ours=whose, at_us=ALWAYS_US, case_id=case_id)
            read = await answered(question, asked.record())
            found |= {item: _like(read[group[0]], item) for group in some for item in group}
            await asyncio.sleep(0)
        yield {item: found[item] for item in many}


def _like(one: Custody, item: ItemId) -> Custody:
    """The custody of a unit that is alike."""
    if item == one.item:
        return one
    hands = one.hands
    if any(hand.via == one.item for hand in hands):
        hands = tuple(replace(hand, via=item) if hand.via == one.item else hand for hand in hands)
    return replace(one, item=item, names=(item,), hands=hands)
