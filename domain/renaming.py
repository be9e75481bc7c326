"""Identity over time: several ids of one thing, after relabelling (docs/semantics.md 'Identity over time').

Questions read a record in which each thing stands under one id, the one it goes by when every relabelling is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from domain.answers import Conflict, Node
from domain.happened import Happened, Naming, RenamedAt
from domain.ids import ItemId
from domain.links import Link, Relation

CONFLICT = "identity_conflict"
PENDING = "replacement_pending"


@dataclass(frozen=True, slots=True)
class Thing:
    """All ids of one thing; `renamings` in the order they happened; `twice`: pairs that cannot both be right."""

    ids: tuple[ItemId, ...]
    renamings: tuple[RenamedAt, ...]
    twice: tuple[tuple[RenamedAt, RenamedAt], ...] = ()

    @property
    def doubts(self) -> frozenset[str]:
        """Why it may be more than one thing."""
        pending = any(r.event.pending for r in self.renamings)
        return frozenset({CONFLICT} if self.twice else ()) | frozenset({PENDING} if pending else ())

    def goes_by(self, at_us: int | None = None) -> ItemId:
        """The id that nothing up to the instant (None: ever) takes away; else the last one given."""
        past = [r for r in self.renamings if at_us is None or r.event.facts.latest_us <= at_us]
        if not past:
            return self.renamings[0].old
        standing = {r.new for r in past} - {r.old for r in past}
        return standing.pop() if len(standing) == 1 else past[-1].new


class Things:
    """The relabelled things a question has met. An id that was never relabelled is its own thing."""

    def __init__(self) -> None:
        self._things: dict[ItemId, Thing] = {}
        self._goes_by: dict[ItemId, ItemId] = {}

    def learn(self, renamed: Iterable[RenamedAt]) -> None:
        """Take in relabellings; those of one thing come all at once."""
        fresh = [r for r in dict.fromkeys(renamed) if r.old not in self._things]
        for thing in _things(fresh):
            goes_by = thing.goes_by()
            for item in thing.ids:
                self._things[item] = thing
                self._goes_by[item] = goes_by

    def of(self, item: Any) -> Any:
        """The id its thing goes by; anything that is no relabelled id is itself."""
        return self._goes_by.get(item, item) if isinstance(item, ItemId) else item

    def thing(self, item: ItemId) -> Thing | None:
        """The thing behind an id; None if it was never relabelled."""
        return self._things.get(item)

    def ids(self, item: ItemId) -> tuple[ItemId, ...]:
        """Every id of its thing."""
        thing = self._things.get(item)
        return thing.ids if thing is not None else (item,)

    def spelled(self, keys: Iterable[Any]) -> set[Any]:
        """The keys, with every id of the things among them."""
        return {i for k in keys for i in (self.ids(k) if isinstance(k, ItemId) else (k,))}

    def doubts(self, item: ItemId) -> frozenset[str]:
        """Why what is said of the item may be of another thing."""
        thing = self._things.get(item)
        return thing.doubts if thing is not None else frozenset()

    def respell(self, value: Any) -> Any:
        """The value with every id replaced by the one its thing goes by; what then has one key is put together."""
        if not self._goes_by:
            return value
        match value:
            case ItemId():
                return self.of(value)
            case Happened():
                return self._happened(value)
            case Naming():
                item = value.mention.item
                mention = self.respell(value.mention)
                return Naming(self._happened(value.event), mention, item if mention.item != item else value.named)
            case dict():
                return self._keyed(value)
            case list() if value and isinstance(value[0], ItemId):
                return sorted({self.of(v) for v in value})
            case list():
                return [self.respell(v) for v in value]
            case set() | frozenset() | tuple():
                return type(value)(self.respell(v) for v in value)
            case _ if is_dataclass(value) and not isinstance(value, type):
                return self._fields(value)
        return value

    def _happened(self, event: Happened) -> Happened:
        parent = event.facts.parent
        if parent is None or self.of(parent) == parent:
            return event
        return Happened(event.no, replace(event.facts, parent=self.of(parent)), event.pending)

    def _keyed(self, value: dict[Any, Any]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, held in value.items():
            mine, theirs = self.respell(key), self.respell(held)
            if mine not in found:
                found[mine] = theirs
            elif isinstance(theirs, set):
                found[mine] = found[mine] | theirs
            else:
                found[mine] = list(dict.fromkeys((*found[mine], *theirs)))
        return found

    def _fields(self, value: Any) -> Any:
        changed = {}
        for one in fields(value):
            old = getattr(value, one.name)
            new = self.respell(old)
            if new is not old and new != old:
                changed[one.name] = new
        return replace(value, **changed) if changed else value


def doubted(things: Things, link: Link) -> Link:
    """The link, only possible where an end of it may be two things."""
    doubts = things.doubts(link.source) | things.doubts(link.target)
    return replace(link, reasons=link.reasons | doubts) if doubts - link.reasons else link


def other_ids(things: Things, node: Node, shown: Iterable[ItemId]) -> list[Node]:
    """The other ids of a node's thing as nodes: `identified_as`, as certain as it, one level further."""
    thing = things.thing(node.item)
    return [_alias(thing, node, item) for item in thing.ids if item not in shown] if thing is not None else []


def _alias(thing: Thing, node: Node, item: ItemId) -> Node:
    told = next(r for r in thing.renamings if item in (r.old, r.new))
    link = Link(
        relation=Relation.IDENTIFIED_AS,
        source=told.old,
        target=told.new,
        event_id=told.event.facts.event_id,
        since_us=told.event.facts.latest_us,
        reasons=thing.doubts,
    )
    return replace(
        node, item=item, level=node.level + 1, came_from=(node.item,), from_count=1, links=(link,), link_count=1
    )


def identity_conflicts(thing: Thing) -> list[Conflict]:
    """Relabellings of the thing that cannot both be right."""
    return [
        Conflict(
            "reidentified_twice",
            tuple(sorted({one.old, one.new, two.old, two.new})),
            tuple(sorted((one.event.facts.event_id, two.event.facts.event_id))),
            f"{one.old} became {one.new}, and {two.old} became {two.new}: one of them is another thing, void it",
        )
        for one, two in thing.twice
    ]


def birth_conflicts(namings: Iterable[Naming]) -> list[Conflict]:
    """Serials that two events commissioned."""
    births: dict[ItemId, set[str]] = {}
    for naming in namings:
        item = naming.named or naming.mention.item
        if naming.event.facts.rank == 0 and item.kind == "unit":
            births.setdefault(item, set()).add(naming.event.facts.event_id)
    return [
        Conflict(
            "commissioned_twice",
            (item,),
            tuple(sorted(events)),
            f"{item} was commissioned {len(events)} times: two things may bear one serial",
        )
        for item, events in sorted(births.items())
        if len(events) > 1
    ]


@dataclass(slots=True)
class _Thread:
    """One thing as the relabellings are read in order: its first id, the one it goes by, all of them."""

    origin: ItemId
    current: ItemId
    ids: set[ItemId] = field(default_factory=set)


def _things(renamed: Iterable[RenamedAt]) -> list[Thing]:
    """Relabellings put together to things: by any chain, in the order they happened."""
    ordered = sorted(renamed, key=lambda r: (r.event.facts.order, r.old, r.new))
    threads: dict[ItemId, _Thread] = {}
    twice: list[tuple[RenamedAt, RenamedAt]] = []
    for i, one in enumerate(ordered):
        rival = _rival(threads, ordered[:i], one)
        if rival is not None:
            twice.append((rival, one))
        _join(threads, one)
    found = {id(t): t for t in threads.values()}
    return [
        Thing(
            tuple(sorted(t.ids)),
            tuple(r for r in ordered if r.old in t.ids),
            tuple((a, b) for a, b in twice if a.old in t.ids),
        )
        for t in found.values()
    ]


def _rival(threads: dict[ItemId, _Thread], before: list[RenamedAt], one: RenamedAt) -> RenamedAt | None:
    """An earlier relabelling that cannot be right beside this one."""
    if any((r.old, r.new) == (one.old, one.new) for r in before):
        return None
    mine, theirs = threads.get(one.old), threads.get(one.new)
    if mine is not None and mine.current != one.old:  # it went by another id already
        return next(r for r in reversed(before) if r.old == one.old)
    if theirs is not None and theirs is not mine:  # somebody else's id, unless nobody gave it to them
        return next((r for r in reversed(before) if r.new == one.new), None)
    return None


def _join(threads: dict[ItemId, _Thread], one: RenamedAt) -> None:
    mine = threads.setdefault(one.old, _Thread(one.old, one.old, {one.old}))
    theirs = threads.get(one.new)
    if theirs is None or theirs is mine:
        mine.current = one.new
        mine.ids.add(one.new)
        threads[one.new] = mine
        return
    mine.current = theirs.current
    mine.ids |= theirs.ids
    for item in theirs.ids:
        threads[item] = mine
