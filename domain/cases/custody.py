"""Who had an item and how it stands now: read once, for the consignees and for the accounting (docs/recall.md).

Everything that happened to a container happened to what was in it then.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import cast

from domain.cases.acts import Remedy
from domain.cases.buckets import Standing
from domain.cases.handing import Hand, Ours, Passing, handed, handed_of_lot, may_pass
from domain.facts import Role
from domain.ids import ItemId
from domain.kinds import kind_of
from domain.places import Places
from domain.record import Known, Naming, Need, Question
from domain.scene import scene_of
from domain.state import lots_of
from domain.stays import Stay

_STOLEN = "stolen"


@dataclass(frozen=True, slots=True)
class RemedyDone:
    """A `remedied` event of the record for the case. `quantity` of a lot; None: all of it."""

    at_us: int
    recorded_us: int
    event_id: str
    remedy: Remedy
    quantity: Decimal | None = None
    uom: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """One item: who had it, and how it stands. `names` are all ids of the thing, as far as one look tells.

    `open_inputs`: where it was used up and nothing is reported that came of it: (transformation, quantity, uom).
    """

    item: ItemId
    kind: str
    names: tuple[ItemId, ...]
    lots: tuple[ItemId, ...]
    standing: Standing
    site: str | None
    containers: tuple[ItemId, ...]
    wholes: tuple[ItemId, ...]
    hands: tuple[Hand, ...]
    remedies: tuple[RemedyDone, ...] = ()
    open_inputs: tuple[tuple[str, Decimal | None, str | None], ...] = ()


def custody(
    items: Sequence[ItemId], *, ours: Ours, at_us: int, case_id: str | None = None
) -> Question[dict[ItemId, Custody]]:
    """The custody of each item up to an instant. `case_id`: whose remedies are told."""
    known = Known()
    things = yield from known.start(items)
    scene = yield from scene_of(known, things)
    used = {i: [n for n in _past(known, i, at_us) if n.mention.role is Role.INPUT] for i in things}
    keys = {n.event.facts.transformation for namings in used.values() for n in namings}
    yield from known.require(Need(transformations=frozenset(k for k in keys if k is not None)))
    places = Places(known.found.namings, scene.around, scene.parts)
    reading = _Reading(known, places, scene.around.stays, ours, at_us)
    found = {item: reading.custody(item, used[item], case_id=case_id) for item in things}
    return {item: replace(found[known.things.of(item)], item=item) for item in items}


def lots_of_units(items: Sequence[ItemId], *, at_us: int) -> Question[dict[ItemId, tuple[ItemId, ...]]]:
    """The lots that units belong to, and nothing else of them."""
    known = Known()
    yield from known.require(Need(related=frozenset(items)))
    return {item: lots_of(known, known.things.of(item), at_us) for item in items}


def _past(known: Known, item: ItemId, at_us: int) -> list[Naming]:
    return [n for n in known.found.namings.get(item, []) if n.event.facts.latest_us <= at_us]


@dataclass(frozen=True, slots=True)
class _Reading:
    known: Known
    places: Places
    stays: Mapping[ItemId, list[Stay]]
    ours: Ours
    at_us: int

    def custody(self, item: ItemId, used: Iterable[Naming], *, case_id: str | None) -> Custody:
        namings = _past(self.known, item, self.at_us)
        kind = kind_of(item, namings)
        passings = [*self._own_passings(item, namings), *self._through(item)]
        returned_us = None
        if kind in ("lot", "class"):
            hands = handed_of_lot(passings, self.ours)
        else:
            hands, returned_us = handed(passings, self.ours)
        return Custody(
            item=item,
            kind=kind,
            names=self._names(item),
            lots=lots_of(self.known, item, self.at_us),
            standing=self._standing(item, namings, hands=hands, returned_us=returned_us),
            site=self.places.site(item, self.at_us),
            containers=self.places.containers(item, self.at_us),
            wholes=self.places.wholes(item, self.at_us),
            hands=hands,
            remedies=tuple(_remedies(namings, case_id)),
            open_inputs=tuple(self._open(item, used)),
        )

    def _names(self, item: ItemId) -> tuple[ItemId, ...]:
        same = self.known.found.same.get(item, [])
        return tuple(sorted({*self.known.things.ids(item), *(i for s in same for i in (s.one, s.other))}))

    def _standing(
        self, item: ItemId, namings: Sequence[Naming], *, hands: tuple[Hand, ...], returned_us: int | None
    ) -> Standing:
        status = self.places.status_since(item, self.at_us)
        account = hands[-1].party if hands else None
        holder = account if returned_us is None else None
        spoken = [n.event.facts for n in namings if n.event.facts.disposition and n.mention.role is not Role.INPUT]
        last = max(spoken, key=lambda f: f.order, default=None)
        return Standing(
            status=status[0] if status is not None else None,
            since_us=status[1] if status is not None else None,
            holder=holder,
            account=account,
            abroad=self.ours.abroad(holder),
            stolen=(last is not None and last.disposition == _STOLEN) or _STOLEN in self.places.flags(item, self.at_us),
            left=bool(hands),
            returned_us=returned_us,
        )

    @staticmethod
    def _own_passings(item: ItemId, namings: Iterable[Naming]) -> Iterator[Passing]:
        for naming in namings:
            facts, mention = naming.event.facts, naming.mention
            if mention.role is not Role.INPUT and may_pass(facts, mention.status):
                amounts = () if mention.quantity is None else ((mention.uom, mention.quantity),)
                yield Passing(facts, mention.status, item, amounts)

    def _through(self, item: ItemId) -> Iterator[Passing]:
        """What handed on the containers it was in, while it was in there: once for each of its own stays."""
        for stay in self.stays.get(item, []):
            told = set()
            for here, until_us, since in self.places.inside([stay], self.at_us):
                for naming in _past(self.known, here, until_us):
                    facts, status, key = naming.event.facts, naming.mention.status, (naming.event.no, here)
                    passes = may_pass(facts, status) and naming.mention.role is not Role.INPUT
                    if passes and facts.order > since and key not in told:
                        told.add(key)
                        yield Passing(facts, status, here, stay.quantities(facts.latest_us))

    def _open(self, item: ItemId, used: Iterable[Naming]) -> Iterator[tuple[str, Decimal | None, str | None]]:
        """What went into a transformation that nothing is reported of, less what came back out of it."""
        for key in sorted({n.event.facts.transformation or "" for n in used}):
            flows = self.known.found.transformations.get(key, [])
            if any(n.mention.role is Role.OUTPUT for n in flows):
                continue
            net: dict[str | None, Decimal | None] = {}
            for naming in flows:
                mention = naming.mention
                if mention.item == item and naming.event.facts.latest_us <= self.at_us:
                    so_far, quantity = net.get(mention.uom, Decimal(0)), mention.quantity
                    if so_far is None or quantity is None:
                        net[mention.uom] = None
                    else:
                        net[mention.uom] = so_far + (quantity if mention.role is Role.INPUT else -quantity)
            yield from ((key, quantity, uom) for uom, quantity in net.items() if quantity != 0)


def _remedies(namings: Iterable[Naming], case_id: str | None) -> Iterator[RemedyDone]:
    for naming in namings:
        facts, mention = naming.event.facts, naming.mention
        recall = facts.recall
        if recall is None or recall.recall_id != case_id or recall.action != "remedied" or recall.remedy is None:
            continue
        if mention.role is Role.SUBJECT:
            remedy = cast(Remedy, recall.remedy)
            order = facts.latest_us, facts.accepted_us, facts.event_id
            yield RemedyDone(*order, remedy, mention.quantity, mention.uom)
