"""What a scope rule comes to in one snapshot: its members one after the other, each with why and where it is."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, cast

from domain.answers import Conflict, Gap
from domain.cases.acts import Member
from domain.cases.sets import CERTAIN, POSSIBLE, Why
from domain.facts import Status
from domain.ids import ItemId
from domain.state import Whereabouts, states
from services.query.answering import answered
from services.query.conflicts import ConflictsAbout
from services.query.dressing import Stand
from services.query.graph.answer import OverGraph
from services.query.graph.groups import Bools, Ints
from services.query.snapshot import Asked
from services.query.totals import Totals

GAPS_KEPT = 10_000
"""Gaps, and conflicts, of members' states that one evaluation tells."""

Chunks = AsyncGenerator[list[tuple[ItemId, Why]], None]
Kind = Literal["unit", "lot", "class", "container"]


@dataclass(frozen=True, slots=True)
class Affected:
    """One member, and where it is."""

    member: Member
    state: Whereabouts


Sieve = Callable[[Ints], Bools]
"""Of which rows of a walk's nodes the members are not wanted."""


@dataclass(frozen=True, slots=True)
class Sieved:
    """The members of a walk over columns, without those that a sieve holds back."""

    over: OverGraph
    chunks: Callable[[Sieve], Chunks]


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """`count` members come in `chunks`, by (level, item). Totals, and more gaps, are known once all were read.

    `affected` are those that count, one a thing. `stand` tells where things are; None: the domain. `sieved`: `chunks`
    could leave out members before they are made objects.
    """

    asked: Asked
    count: int
    affected: Container[ItemId]
    chunks: Chunks
    stand: Stand | None
    gaps: list[Gap]
    incomplete: Sequence[str]
    sieved: "Sieved | None" = None
    _totals: Totals = field(init=False)
    _told: ConflictsAbout = field(init=False)
    _conflicts: list[Conflict] = field(default_factory=list)
    _unit_boxes: dict[ItemId, bool] = field(default_factory=dict)
    _tops: dict[str, int] = field(default_factory=dict)
    _fitted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._totals = Totals(self.affected)
        self._told = ConflictsAbout(self.asked.connection, self.asked.tenant_id, vector=self.asked.vector)

    async def members(self) -> AsyncGenerator[list[Affected], None]:
        """All of them, some at a time. Which top units are loose spares is known only after the last."""
        async for chunk in self.chunks:
            found = await self._where([item for item, _ in chunk], tell=True)
            around = {c for s in found.values() for c in s.containers if c in self.affected}
            if unknown := sorted(around - self._unit_boxes.keys()):
                self._unit_boxes |= {c: s.kind == "unit" for c, s in (await self._where(unknown)).items()}
            yield await asyncio.to_thread(lambda some, at: [self._one(i, w, at[i]) for i, w in some], chunk, found)

    async def _where(self, items: Sequence[ItemId], *, tell: bool = False) -> Mapping[ItemId, Whereabouts]:
        """Where they are; `tell`: conflicts about them are gathered too."""
        troubled: Collection[int]
        if self.stand is not None:
            found, troubled = await self.stand(items)
        else:
            record = self.asked.record()
            found = await answered(states(items, at_us=self.asked.fresh.now_us), record)
            troubled = record.troubled
        if tell:
            await self._told.look(items, troubled=troubled)
        return found

    def _one(self, item: ItemId, why: Why, state: Whereabouts) -> Affected:
        top = self._is_top(item, state)
        quantity, uom = quantity_of(state)
        member = Member(
            item=item,
            kind=cast(Kind, state.kind),
            level=why.level,
            certainty=CERTAIN if why.certain else POSSIBLE,
            reasons=why.reasons,
            came_from=tuple(map(ItemId, why.came_from)),
            event_ids=why.event_ids,
            seed=why.seed,
            top=top,
            quantity=quantity,
            uom=uom,
        )
        self._totals.add(item, member.certainty, state=state, shown=state)
        if len(self.gaps) < GAPS_KEPT:
            self.gaps += state.gaps
        if len(self._conflicts) < GAPS_KEPT:
            self._conflicts += state.conflicts
        if item.material is not None and state.kind == "unit":
            if top:
                self._tops[item.material] = self._tops.get(item.material, 0) + 1
            if state.wholes:
                self._fitted.add(item.material)
        return Affected(member, state)

    def _is_top(self, item: ItemId, state: Whereabouts) -> bool:
        """SEMANTICS §7: an affected unit that is not in, nor used up in, another affected unit."""
        if state.kind != "unit" or item not in self.affected or state.status is Status.CONSUMED:
            return False
        inside: Collection[ItemId] = [c for c in state.containers if self._unit_boxes.get(c, False)]
        return not any(around in self.affected for around in (*state.wholes, *inside))

    # -- once all members were read

    def is_spare(self, top_unit: str) -> bool:
        """Whether a top unit is a loose spare: affected units of its product are fitted in something, and it is not."""
        return bool(self._fitted) and ItemId(top_unit).material in self._fitted

    def has_fitted(self, product: str) -> bool:
        """Whether one of the members that were read is a unit of this product, fitted in something."""
        return product in self._fitted

    async def are_fitted(self, items: Sequence[ItemId]) -> bool:
        """Whether one of these is fitted in something, be it among the members that were read or not."""
        return any(state.wholes for state in (await self._where(items)).values())

    def conflicts(self) -> list[Conflict]:
        """Where the record about members contradicts itself."""
        return list(dict.fromkeys((*self._told.found(), *self._conflicts)))

    def totals(self) -> dict[str, Any]:
        """Counts in the shape of a trace's totals; loose spares are a line apart from the top units."""
        told = self._totals.json()
        spares = sum(n for product, n in self._tops.items() if product in self._fitted)
        return {**told, "top_units": told["top_units"] - spares, "loose_spares": spares}


def quantity_of(state: Whereabouts) -> tuple[Decimal | None, str | None]:
    """How much of a lot there is, where the record tells it in one unit of measure."""
    rows = [w for w in state.where if w.quantity is not None] if state.kind == "lot" else []
    if not rows or len({w.uom for w in rows}) > 1:
        return None, None
    return sum((w.quantity for w in rows if w.quantity is not None), Decimal(0)), rows[0].uom
