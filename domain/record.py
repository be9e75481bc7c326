"""The record as a question sees it: events that count, asked for in batches.

Questions (genealogy, state) are generators: they yield a `Need`, are sent a `Found`, and return their answer. So each
is written once and runs over memory (the reference) and over SQL (production) alike, without doing I/O itself.
"""

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TypeVar

from domain.facts import Mention
from domain.happened import (
    FactorAt,
    Happened,
    LoadSign,
    Making,
    MemberAt,
    Naming,
    OrderStart,
    RenamedAt,
    SameAt,
    VesselSign,
)
from domain.ids import ItemId
from domain.renaming import Things
from domain.spans import FillSpan, Near, Span

__all__ = [
    "FactorAt",
    "Found",
    "Happened",
    "Known",
    "LoadSign",
    "Making",
    "MemberAt",
    "Naming",
    "Need",
    "OrderStart",
    "Question",
    "RenamedAt",
    "SameAt",
    "Vector",
    "VesselSign",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a question must know next. Everything is about events that count at the point asked about.

    `linked`: items whose namings in a structural role (all but SUBJECT) are needed, with the lots they are of, their
    identities and declared materials. `named`: the same with every role.
    `related`: the same without any naming, for what may have been used without end; of lots and classes whether
    anything was packed in them (`Found.filled`). `units_of`: lots whose units are needed.
    `contents`: events whose CHILD, COMPONENT, PARENT and WHOLE mentions are needed. `transformations`: keys whose
    namings in a FLOW_ROLE are needed. `closings`: those whose closings are. `order_starts`: those whose first issues
    and first bookings are. `factors`: lots and classes whose equations of units of measure are needed. `of_material`:
    classes whose lots and units are needed (those that an event that counts names). `holds`, `recalls`: ids of holds
    and recalls, of which every event that speaks of them is needed (a release may name no item). `recalls_of`: classes,
    of which every declaration of a recall on the product is needed.

    What equipment and vessels held (domain.spans says which part of their history a span stands for): `loadings_of`,
    `acts_on`: items whose mounts and unmounts, or charges and discharges, are needed. `makings_of`: items whose making
    on equipment is. `loads`: an equipment's mounts and unmounts in a span; `makings` and `makings_near`: what was made
    on it then, or so many units before or after. `fills`: a vessel's acts in a span.
    """

    linked: frozenset[ItemId] = frozenset()
    named: frozenset[ItemId] = frozenset()
    related: frozenset[ItemId] = frozenset()
    units_of: frozenset[ItemId] = frozenset()
    contents: frozenset[int] = frozenset()
    transformations: frozenset[str] = frozenset()
    closings: frozenset[str] = frozenset()
    order_starts: frozenset[str] = frozenset()
    factors: frozenset[ItemId] = frozenset()
    of_material: frozenset[ItemId] = frozenset()
    holds: frozenset[str] = frozenset()
    recalls: frozenset[str] = frozenset()
    recalls_of: frozenset[ItemId] = frozenset()
    loadings_of: frozenset[ItemId] = frozenset()
    makings_of: frozenset[ItemId] = frozenset()
    acts_on: frozenset[ItemId] = frozenset()
    loads: frozenset[Span] = frozenset()
    makings: frozenset[Span] = frozenset()
    makings_near: frozenset[Near] = frozenset()
    fills: frozenset[FillSpan] = frozenset()


@dataclass(slots=True)
class Found:
    """What was found for a Need; a key without an entry has nothing. What is not about items is named as in Need."""

    namings: dict[ItemId, list[Naming]] = field(default_factory=dict)
    members: dict[ItemId, list[MemberAt]] = field(default_factory=dict)
    """keyed by the unit"""
    units_of: dict[ItemId, list[MemberAt]] = field(default_factory=dict)
    """keyed by the lot"""
    same: dict[ItemId, list[SameAt]] = field(default_factory=dict)
    """keyed by either id"""
    materials: dict[ItemId, set[ItemId]] = field(default_factory=dict)
    """classes declared for an item whose id does not show one"""
    filled: dict[ItemId, set[int]] = field(default_factory=dict)
    """numbers of events that name a related lot or class as the parent of a packing"""
    contents: dict[int, list[Mention]] = field(default_factory=dict)
    transformations: dict[str, list[Naming]] = field(default_factory=dict)
    closings: dict[str, list[Happened]] = field(default_factory=dict)
    order_starts: dict[str, list[OrderStart]] = field(default_factory=dict)
    """of each kind up to the first that surely counts, at least"""
    factors: dict[ItemId, list[FactorAt]] = field(default_factory=dict)
    of_material: dict[ItemId, list[ItemId]] = field(default_factory=dict)
    holds: dict[str, list[Happened]] = field(default_factory=dict)
    recalls: dict[str, list[Happened]] = field(default_factory=dict)
    recalls_of: dict[ItemId, list[Happened]] = field(default_factory=dict)
    renamed: list[RenamedAt] = field(default_factory=list)
    """of every id that occurs here: each relabelling of its thing, along the whole chain"""
    loadings_of: dict[ItemId, list[LoadSign]] = field(default_factory=dict)
    makings_of: dict[ItemId, list[Making]] = field(default_factory=dict)
    acts_on: dict[ItemId, list[VesselSign]] = field(default_factory=dict)
    loads: dict[Span, list[LoadSign]] = field(default_factory=dict)
    makings: dict[Span, list[Making]] = field(default_factory=dict)
    makings_near: dict[Near, list[Making]] = field(default_factory=dict)
    fills: dict[FillSpan, list[VesselSign]] = field(default_factory=dict)


Question = Generator[Need, Found, T]
"""A question in progress: yields needs, returns its answer."""


def answer(question: "Question[T]", look_up: Callable[[Need], Found]) -> T:
    """Run a question over a record that answers at once."""
    try:
        need = next(question)
        while True:
            need = question.send(look_up(need))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


async def answer_async(question: "Question[T]", look_up: Callable[[Need], Awaitable[Found]]) -> T:
    """Run a question over a record that must be waited for."""
    try:
        need = next(question)
        while True:
            need = question.send(await look_up(need))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


class Known:
    """What a question has found so far: asks only for what is new.

    Everything here stands under the id its thing goes by (`things`): relabelled things are one thing to every rule.
    """

    def __init__(self) -> None:
        self.found = Found()
        self.things = Things()
        self._asked: dict[str, set[object]] = {f.name: set() for f in fields(Need)}
        self._entries = 0

    def start(self, items: Iterable[ItemId]) -> Generator[Need, Found, tuple[ItemId, ...]]:
        """What a question is about, each once, under the id its thing goes by."""
        asked = tuple(dict.fromkeys(items))
        yield from self.require(Need(linked=frozenset(asked)))
        return tuple(dict.fromkeys(self.things.of(item) for item in asked))

    def require(self, need: Need) -> Generator[Need, Found, None]:
        """Have everything in `need` found; asks nothing if it already is."""
        new = {name: {self.things.of(k) for k in getattr(need, name)} - asked for name, asked in self._asked.items()}
        for name, wider in (("linked", ("named",)), ("related", ("named", "linked"))):
            for other in wider:  # `-`, not `-=`, which goes through all that was ever asked
                new[name] = new[name] - self._asked[other] - new[other]
        if not any(new.values()):
            return
        for name, keys in new.items():
            self._asked[name] |= keys
        fresh = Need(**{name: frozenset(self.things.spelled(keys)) for name, keys in new.items()})
        found = yield fresh
        self.things.learn(found.renamed)
        others = {name: frozenset(self.things.spelled(keys)) - getattr(fresh, name) for name, keys in new.items()}
        if any(others.values()):  # asked for the first time, and known by other ids too
            more = yield Need(**others)
            self.things.learn(more.renamed)
            _add(found, more)
        for name, keys in new.items():
            self._asked[name] |= {self.things.of(k) for k in keys}
        self._take(self.things.respell(fresh), self.things.respell(found))

    def forget_if_over(self, entries: int) -> None:
        """Drop everything once it is more than so many entries; what is needed again is asked for again.

        A question that names millions of items must not keep them all. Call it only where nothing found is in use.
        """
        if self._entries > entries:
            self.found, self._entries = Found(), 0
            for asked in self._asked.values():
                asked.clear()

    def _take(self, fresh: Need, found: Found) -> None:
        mine = self.found
        self._entries += sum(len(held) for name in _BY_KEY for held in getattr(found, name).values())
        for item in fresh.named | fresh.linked:
            mine.namings[item] = found.namings.get(item, [])
        for item in fresh.named | fresh.linked | fresh.related:
            mine.members[item] = found.members.get(item, [])
            mine.same[item] = found.same.get(item, [])
            mine.materials[item] = found.materials.get(item, set())
        for item in fresh.related:
            mine.filled[item] = found.filled.get(item, set())
        for name in self._asked.keys() - {"named", "linked", "related"}:
            answers = getattr(found, name)
            getattr(mine, name).update({key: answers.get(key, []) for key in getattr(fresh, name)})


_BY_KEY = tuple(f.name for f in fields(Found) if f.name != "renamed")


def _add(found: Found, more: Found) -> None:
    """Take what was found for further ids of the same things."""
    for name in _BY_KEY:
        mine, theirs = getattr(found, name), getattr(more, name)
        for key, held in theirs.items():
            known = mine.get(key)
            if known is None:
                mine[key] = held
            else:
                mine[key] = known | held if isinstance(held, set) else list(dict.fromkeys((*known, *held)))


Vector = Mapping[int, int]
"""One offset a partition: everything at or below it is known (SEMANTICS §2 'as known at')."""
