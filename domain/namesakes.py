"""Lots and their units, and two names of one thing, as links (SEMANTICS §3 'member_of_lot', 'identified_as')."""

from collections.abc import Generator

from domain.facts import Role
from domain.ids import ItemId, other_levels
from domain.links import Link, Relation
from domain.record import Found, Known, MemberAt, Naming, Need


def materials(known: Known, item: ItemId) -> frozenset[ItemId]:
    """The classes an item is known to be of: by one of its ids, or declared at its receipt."""
    by_id = {ItemId(m) for i in known.things.ids(item) if (m := i.material) is not None}
    return frozenset(known.found.materials.get(item, set()) | by_id)


def memberships(known: Known, item: ItemId, *, forward: bool) -> Generator[Need, Found, list[Link]]:
    """The units of a lot (forward), or the lots of a unit."""
    if forward:
        yield from known.require(Need(units_of=frozenset({item})))
    members = (known.found.units_of if forward else known.found.members).get(item, [])
    late = frozenset(m.membership.unit for m in members if not m.membership.at_making)
    if late:
        yield from known.require(Need(named=late))
    return [_membership(known, m) for m in members]


def _membership(known: Known, member: MemberAt) -> Link:
    """At the unit's commissioning or making, else its first event."""
    unit = member.membership.unit
    at_us = member.event.facts.begins_us
    if not member.membership.at_making:
        namings = known.found.namings.get(unit, [])
        births = [n.event.facts.begins_us for n in namings if _is_birth(n)]
        firsts = [n.event.facts.begins_us for n in namings]
        at_us = min(births or firsts or [at_us])
    return Link(
        relation=Relation.MEMBER_OF_LOT,
        source=member.membership.lot,
        target=unit,
        event_id=member.event.facts.event_id,
        since_us=at_us,
        leave_us=at_us,
        leave_until_us=at_us,
        reach_us=at_us,
        reasons=frozenset({"replacement_pending"} if member.event.pending else ()),
    )


def identities(known: Known, item: ItemId, *, forward: bool) -> list[Link]:
    """The other names of a thing."""
    found = []
    for s in known.found.same.get(item, []):
        other = s.other if s.one == item else s.one
        found.append(
            Link(
                relation=Relation.IDENTIFIED_AS,
                source=item if forward else other,
                target=other if forward else item,
                event_id=s.event.facts.event_id,
                since_us=s.event.facts.latest_us,
                reasons=frozenset({"replacement_pending"} if s.event.pending else ()),
            )
        )
    return found


def similar_lots(known: Known, item: ItemId, *, forward: bool) -> Generator[Need, Found, list[Link]]:
    """The same lot number at another packaging level: possibly the same batch, in cases and in pieces."""
    others = {other for i in known.things.ids(item) for other in other_levels(i)}
    if not others:
        return []
    yield from known.require(Need(named=frozenset({item, *others}), units_of=frozenset({item, *others})))
    first = min(_told(known, item), default=None)
    found = []
    for other in sorted({known.things.of(o) for o in others} - {item}):
        told = min((*_told(known, other), *([first] if first else [])), default=None)
        if told is not None and _told(known, other) and first is not None:
            found.append(
                Link(
                    relation=Relation.SIMILAR_TO,
                    source=item if forward else other,
                    target=other if forward else item,
                    event_id=told[-1],
                    reasons=frozenset({"packaging_level"}),
                )
            )
    return found


def _told(known: Known, lot: ItemId) -> list[tuple[int, int, int, int, str]]:
    """The events that name a lot, or a unit of it."""
    namings, units = known.found.namings.get(lot, []), known.found.units_of.get(lot, [])
    return [*(n.event.facts.order for n in namings), *(m.event.facts.order for m in units)]


def _is_birth(naming: Naming) -> bool:
    made = naming.mention.role is Role.OUTPUT and naming.event.facts.kind != "reworked"
    return made or naming.event.facts.rank == 0
