"""Who had each member of a recall and how it stands, some at a time: what consignees and accounting are made of."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from domain.cases.custody import Custody, custody
from domain.cases.handing import Ours
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
        yield {item: found[item] for item in many}


def _like(one: Custody, item: ItemId) -> Custody:
    """The custody of a unit that is alike."""
    if item == one.item:
        return one
    hands = one.hands
    if any(hand.via == one.item for hand in hands):
        hands = tuple(replace(hand, via=item) if hand.via == one.item else hand for hand in hands)
    return replace(one, item=item, names=(item,), hands=hands)
