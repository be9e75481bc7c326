"""Where things stand: status, place, holder, holds and recalls of items at an instant (SEMANTICS §4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.answers import Conflict, Gap
from domain.balance import TOLERANCE, Balance, surely_unaccounted
from domain.distribution import Where, balances_at, rows_of_lot, where_of
from domain.facts import Role, Status
from domain.ids import ItemId
from domain.kinds import is_lot, kind_of
from domain.measures import Measures, measures_of
from domain.places import Places
from domain.record import Known, Need, Question
from domain.renaming import birth_conflicts, identity_conflicts
from domain.restraints import Restraints, restraints
from domain.scene import scene_of
from domain.stock import Stock, stock_of

SHIPPED_OUT = "shipped, and no record from the receiver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where one item is, who has it and how it stands: what the nodes of a trace show.

    Scalars of a lot that stands in several places are None: `where` has them. `wholes` are the units it is fitted in,
    innermost first. `order_uncertain`: the order of events decided its status, and the record does not fix that order.
    """

    item: ItemId
    kind: str
    status: Status | None
    disposition: str | None
    site: str | None
    container: ItemId | None
    containers: tuple[ItemId, ...]
    wholes: tuple[ItemId, ...]
    holder: str | None
    owner: str | None
    where: tuple[Where, ...]
    holds: tuple[str, ...]
    recalls: tuple[str, ...]
    occurred_at: str | None
    order_uncertain: bool
    gaps: tuple[Gap, ...]
    conflicts: tuple[Conflict, ...]

    @property
    def on_hold(self) -> bool:
        """An open hold or recall reaches it."""
        return bool(self.holds or self.recalls)


@dataclass(frozen=True, slots=True, kw_only=True)
class State(Whereabouts):
    """One item at (t, as known at), in full.

    `inherited_dispositions` are (disposition, item it comes from). `ids` are all ids of a relabelled thing, `goes_by`
    the one it goes by at t.
    """

    goes_by: ItemId
    ids: tuple[ItemId, ...]
    persistent_dispositions: tuple[str, ...]
    inherited_dispositions: tuple[tuple[str, ItemId], ...]
    destination: str | None
    balances: tuple[Balance, ...]
    event_count: int


def states(items: Sequence[ItemId], *, at_us: int, tolerance: Decimal = TOLERANCE) -> Question[dict[ItemId, State]]:
    """The state of each item at an instant. An item that no event names has status None and event_count 0.

    `tolerance`: the share of what came in of a lot that may be unaccounted for without being a gap.
    """
    known = Known()
    things = yield from known.start(items)
    scene = yield from scene_of(known, things)
    lots = {i for i in things if is_lot(i, known.found.namings.get(i, []))}
    yield from known.require(Need(factors=frozenset(lots.union(*(_materials(known, i) for i in lots)))))
    held = yield from restraints(known, things, scene.around, at_us=at_us)
    seen = _Seen(known, Places(known.found.namings, scene.around, scene.parts), tolerance)
    found = {item: _state(seen, item, held, at_us) for item in things}
    return {item: replace(found[known.things.of(item)], item=item) for item in items}


def ids_of(item: ItemId) -> Question[tuple[ItemId, ...]]:
    """Every id of the thing that an id names."""
    known = Known()
    yield from known.start([item])
    return known.things.ids(item)


@dataclass(slots=True)
class _Seen:
    known: Known
    places: Places
    tolerance: Decimal

    def measures(self, lot: ItemId) -> Measures:
        return measures_of(lot, _materials(self.known, lot), self.known.found.factors)


def _materials(known: Known, lot: ItemId) -> set[ItemId]:
    """The lot's products, by its id or declared."""
    by_id = {ItemId(lot.material)} if lot.material is not None else set()
    return by_id | known.found.materials.get(lot, set())


def _state(seen: _Seen, item: ItemId, held: Restraints, at_us: int) -> State:  # noqa: PLR0917
    namings = seen.known.found.namings.get(item, [])
    past = [n for n in namings if n.event.facts.latest_us <= at_us]
    kind = kind_of(item, namings)
    thing = seen.known.things.thing(item)
    places = seen.places
    last = max(past, key=lambda n: n.event.facts.order, default=None)
    spoken = [n for n in past if n.mention.role is not Role.INPUT and n.event.facts.disposition is not None]
    disposition = max(spoken, key=lambda n: n.event.facts.order, default=None)
    containers = places.containers(item, at_us)
    status, uncertain = places.status(item, at_us)
    stock = stock_of(namings, at_us=at_us, measures=seen.measures(item)) if kind in ("lot", "class") else None
    rows = rows_of_lot(places, stock, at_us) if stock is not None else {}
    balances = balances_at(stock, rows) if stock is not None else ()
    where = where_of(rows) if stock is not None else _where_unit(places, item, status, at_us)
    single = where[0] if len(where) == 1 else None
    if stock is not None:
        status = single.status if single else stock.last_status if not where else None
    is_unit = stock is None
    return State(
        item=item,
        goes_by=thing.goes_by(at_us) if thing is not None else item,
        ids=seen.known.things.ids(item),
        kind=kind,
        status=status,
        disposition=disposition.event.facts.disposition if disposition else None,
        persistent_dispositions=places.flags(item, at_us),
        inherited_dispositions=_inherited(seen, item, containers=containers, at_us=at_us),
        site=single.site if single else None,
        container=single.container if single else None,
        containers=containers if is_unit else _chain(places, single, at_us),
        wholes=places.wholes(item, at_us),
        holder=single.holder if single else None,
        owner=places.owner(item, at_us) if is_unit or single else None,
        destination=places.destination(item, at_us) if status is Status.IN_TRANSIT else None,
        where=where,
        balances=balances,
        holds=held.holds.get(item, ()),
        recalls=held.recalls.get(item, ()),
        event_count=len({n.event.no for n in past if places.counts(n)}),
        occurred_at=last.event.facts.occurred_at if last else None,
        order_uncertain=uncertain,
        gaps=(
            *_gaps(item, where, status, uncertain=uncertain),
            *surely_unaccounted(item, balances, tolerance=seen.tolerance),
        ),
        conflicts=(
            *(_stock_conflicts(item, stock) if stock is not None else ()),
            *(identity_conflicts(thing) if thing is not None else ()),
            *birth_conflicts(past),
        ),
    )


def _where_unit(places: Places, item: ItemId, status: Status | None, at_us: int) -> tuple[Where, ...]:  # noqa: PLR0917
    containers = places.containers(item, at_us)
    box = containers[0] if containers else None
    site, holder = places.site(item, at_us), places.holder(item, at_us)
    if (status, site, holder, box) == (None, None, None, None):
        return ()
    return (Where(site, holder, box, status, Decimal(1), None),)


def _chain(places: Places, single: Where | None, at_us: int) -> tuple[ItemId, ...]:
    if single is None or single.container is None:
        return ()
    return (single.container, *places.containers(single.container, at_us))


def _inherited(
    seen: _Seen, item: ItemId, *, containers: tuple[ItemId, ...], at_us: int
) -> tuple[tuple[str, ItemId], ...]:
    lots = lots_of(seen.known, item, at_us)
    return tuple((flag, source) for source in (*lots, *containers) for flag in seen.places.flags(source, at_us))


def lots_of(known: Known, item: ItemId, at_us: int) -> tuple[ItemId, ...]:
    """The lots an item is recorded to belong to."""
    members = known.found.members.get(item, [])
    return tuple(
        sorted({m.membership.lot for m in members if m.membership.unit == item and m.event.facts.latest_us <= at_us})
    )


def _gaps(item: ItemId, where: Iterable[Where], status: Status | None, *, uncertain: bool) -> tuple[Gap, ...]:
    found = []
    if status is Status.IN_TRANSIT or any(w.status is Status.IN_TRANSIT for w in where):
        found.append(Gap("shipped_out", (item,), SHIPPED_OUT))
    if uncertain:
        found.append(Gap("order_uncertain", (item,), "the record does not fix the order of its last events"))
    return tuple(found)


def _stock_conflicts(item: ItemId, stock: Stock) -> list[Conflict]:
    return [
        Conflict(code, (item,), (event_id,) if event_id else (), detail) for code, event_id, detail in stock.conflicts
    ]
