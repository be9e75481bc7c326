"""The walk as a program does it that is handed links, and the rows it makes: for rivals without a query language."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.answers import FROM_SHOWN, LINKS_SHOWN


class Link(NamedTuple):
    """One link, in the order in which answers list them."""

    relation: str
    source: str
    target: str
    event_id: str
    possible: bool

    def __str__(self) -> str:
        return f"{self.relation} {self.source} > {self.target} by {self.event_id}"


@dataclass(slots=True)
class Walk:
    """Breadth first from one item. `certain` are those that a whole path of certain links leads to."""

    start: str
    level: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    certain: set[str] = field(default_factory=set)
    arrivals: defaultdict[str, list[tuple[Link, int]]] = field(default_factory=lambda: defaultdict(list))
    fresh: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.levels[self.start] = 0
        self.certain.add(self.start)
        self.fresh = [self.start]

    def step(self, links: Iterable[Link]) -> None:
        """Take in what leaves the fresh items; `fresh` are then those reached, or surely reached, for the first time.

        An item is looked at again when it becomes certain later: what it leads to may become so, too.
        """
        self.level += 1
        fresh: dict[str, None] = {}
        for link in links:
            known = self.arrivals[link.target]
            if not any(link == other for other, _ in known):
                known.append((link, self.level))
            if link.target not in self.levels:
                self.levels[link.target] = self.level
                fresh[link.target] = None
            if not link.possible and link.source in self.certain and link.target not in self.certain:
                self.certain.add(link.target)
                fresh[link.target] = None
        self.fresh = list(fresh)

    def rows(self, states: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
        """Every node with all its columns."""
        return [self._row(item, states[item]) for item in self.levels if item != self.start]

    def _row(self, item: str, state: Sequence[str]) -> tuple[str, ...]:
        arrivals, level = self.arrivals[item], self.levels[item]
        sources = sorted({link.source for link, hops in arrivals if hops == level})
        links = sorted(link for link, _ in arrivals)
        sure = item in self.certain
        kind, *rest = state
        return (
            item,
            kind,
            str(level),
            "certain" if sure else "possible",
            "" if sure else "several_inputs",
            "; ".join(sources[:FROM_SHOWN]),
            str(len(sources)),
            "; ".join(map(str, links[:LINKS_SHOWN])),
            str(len(links)),
            *rest,
        )
