"""The truth about a small simulated factory: which thing holds material of which, and the events its systems post.

`Thing.has` is all that is in a thing, or ever was while it was part of it: nothing here is read from a record.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from domain import events as ev
from domain.ids import ItemId
from domain.moments import Moment
from tests.domain.telling import DAY, History, item


@dataclass(eq=False)
class Thing:
    """A lot, a unit, or what was moved between vessels; `ids` are all names it ever had, the newest last."""

    ids: list[ItemId]
    material: str
    has: set["Thing"] = field(default_factory=set)
    wholes: set["Thing"] = field(default_factory=set)
    parts: set["Thing"] = field(default_factory=set)
    site: str = "S1"

    @property
    def id(self) -> ItemId:
        """The name it goes by."""
        return self.ids[-1]

    def take(self, *sources: "Thing") -> None:
        """Material of the sources is in it from now on, and in all that it is part of now."""
        new = {t for s in sources for t in (s, *s.has)} - self.has - {self}
        if new:
            self.has |= new
            for whole in self.wholes:
                whole.take(*new)


@dataclass
class Vessel:
    """What is in a vessel since it was last truly clean; a heel of all of it stays until then."""

    name: str
    content: list[Thing] = field(default_factory=list)


@dataclass
class Gauge:
    """A gauge that drifts unseen: what it passed since it was good, and what came of it."""

    good: bool = True
    passed_wrong: list[Thing] = field(default_factory=list)
    since_good: list[Thing] = field(default_factory=list)
    found_out: set[Thing] = field(default_factory=set)
    suspect: set[Thing] = field(default_factory=set)


class Plant:
    """What there is, what time it is, and what the systems posted so far."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.hour = 0.0
        self.things: list[Thing] = []
        self.lots: list[Thing] = []
        self.units: list[Thing] = []
        self.parts: list[Thing] = []
        self.part_lots: list[Thing] = []
        self.vessels = [Vessel("V"), Vessel("T")]
        self.slots: dict[tuple[str, str], Thing | None] = dict.fromkeys([("P1", "F1"), ("P1", "F2"), ("P2", "F1")])
        self.bins: dict[str, list[Thing]] = {"bin:1": [], "bin:2": []}
        self.gauge = Gauge()
        self.posted: list[ev.LifecycleEvent] = []
        self._count = 0

    # -- time and names

    def later(self, hours: float = 1.0) -> float:
        """Time goes on: no two acts are at one instant."""
        self.hour = round(self.hour + hours * self.chance.uniform(0.2, 1.0), 4)
        return self.hour

    def number(self) -> int:
        self._count += 1
        return self._count

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    def when(self, hour: float, *, dated: float = 0.0) -> Moment:
        """As the record writes it: to the instant, or (a share of the time) as a date alone."""
        instant = Moment.parse((DAY + timedelta(hours=hour)).isoformat())
        return Moment.parse(instant.text[:10] + "Z") if self.maybe(dated) else instant

    # -- things

    def thing(self, name: str, material: str, *, site: str = "S1") -> Thing:
        made = Thing([item(name)], material, site=site)
        self.things.append(made)
        return made

    def pick(self, things: list[Thing], count: int = 1) -> list[Thing]:
        return self.chance.sample(things, min(count, len(things)))

    def use_of(self, sources: list[Thing], made: list[Thing]) -> None:
        """What each thing made really holds: of every material all if there is one output, else one lot or several."""
        by_material: dict[str, list[Thing]] = {}
        for source in sources:
            by_material.setdefault(source.material, []).append(source)
        for one in made:
            for alike in by_material.values():
                one.take(*(alike if len(made) == 1 else self.pick(alike, self.chance.randint(1, len(alike)))))

    # -- posting

    def post(self, event: ev.LifecycleEvent, *, wrong: ev.LifecycleEvent | None = None) -> str:
        """The event as its system sends it; with `wrong`, that first, then its void that names this one."""
        event_id = f"e{self.number()}"
        self.posted.append(replace(event, event_id=event_id))
        if wrong is not None:
            mistaken = f"e{self.number()}"
            self.posted.append(replace(wrong, event_id=mistaken))
            replaced = (event_id,) if self.maybe(0.6) else ()
            when = self.when(self.hour + 0.01)
            self.posted.append(
                ev.Voided(occurred_at=when, event_id=f"v{mistaken}", target=mistaken, replaced_by=replaced)
            )
        return event_id

    def history(self) -> History:
        """The log: some events come late, some twice."""
        order = [(i + (self.chance.randint(1, 40) if self.maybe(0.2) else 0), i) for i in range(len(self.posted))]
        told = [self.posted[i] for _, i in sorted(order)]
        h = History()
        for event in told:
            h.tell(event)
        for event in self.pick_events(told):
            h.tell(event)
        return h

    def pick_events(self, told: list[ev.LifecycleEvent]) -> list[ev.LifecycleEvent]:
        return [event for event in told if self.maybe(0.1)]


def amount(quantity: float, uom: str | None = "KGM") -> dict[str, object]:
    return {"quantity": Decimal(str(quantity)), "uom": uom}
