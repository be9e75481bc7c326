"""What the domain told of odd items' links in one state of the views, remembered as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.answers import Conflict
from domain.links import ALWAYS_US, NEVER_US, Link
from services.query.conflicts import Quiet
from services.query.graph.groups import Ints
from services.query.graph.links import RELATIONS, LinkColumns, bits_of, joined
from services.query.graph.single import Told


@dataclass(slots=True)
class Remembered:
    """What was told in one state of the views, one way: rows of `columns`, by item. Only the event loop adds to it, but
    threads look at the same time: whoever finds an item in `rows` finds the rest of it.
    """

    columns: LinkColumns
    links: list[Link] = field(default_factory=list)
    rows: dict[int, tuple[int, int]] = field(default_factory=dict)
    """by item: its first row, and how many"""
    born: dict[int, int] = field(default_factory=dict)
    _one_by_one: dict[int, tuple[Told, ...]] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> "Remembered":
        return cls(as_columns([], np.zeros((0, 2), dtype=np.int64), 0))

    def add(self, items: Sequence[int], columns: LinkColumns, *, links: list[list[Link]], born: Sequence[int]) -> None:
        """Links of items that nothing came to light with, item by item."""
        first = len(self.links)
        self.columns = joined([self.columns, columns])
        self.links += [link for its in links for link in its]
        for item, its, born_us in zip(items, links, born, strict=True):
            self.born[item] = born_us
            self.rows[item] = first, len(its)
            first += len(its)

    def of(self, item: int, *, forward: bool) -> tuple[Told, ...] | None:
        """The links of one item, each once; None where it was not told yet."""
        if item not in self.rows:
            return None
        found = self._one_by_one.get(item)
        if found is None:
            first, count = self.rows[item]
            far = self.columns.target if forward else self.columns.source
            ends = zip(self.links[first : first + count], far[first : first + count].tolist(), strict=True)
            found = self._one_by_one[item] = tuple(Told(other, link) for link, other in dict(ends).items())
        return found


@dataclass(slots=True)
class Memory:
    """Both ways of one state of the views."""

    forward: Remembered = field(default_factory=Remembered.nothing)
    backward: Remembered = field(default_factory=Remembered.nothing)
    quiet: Quiet = field(default_factory=Quiet)
    two_parents: dict[int, list[Conflict]] = field(default_factory=dict)
    """by item of the graph that more is known of than the arrays tell: units it was in at the same time"""


def as_columns(links: list[Link], ends: Ints, first: int) -> LinkColumns:
    """Links of the domain, numbered from `first`; `ends` are their sources and targets."""

    def column(values: list[int]) -> Ints:
        return np.array(values, dtype=np.int64)

    none = np.full(len(links), -1, dtype=np.int64)
    return LinkColumns(
        source=ends[:, 0],
        target=ends[:, 1],
        relation=column([RELATIONS.index(str(link.relation)) for link in links]),
        since_us=column([NEVER_US if link.since_us is None else link.since_us for link in links]),
        until_us=column([ALWAYS_US if link.until_us is None else link.until_us for link in links]),
        leave_us=column([link.leave_us for link in links]),
        leave_until_us=column([link.leave_until_us for link in links]),
        reach_us=column([link.reach_us for link in links]),
        reach_until_us=column([link.reach_until_us for link in links]),
        first_us=column([link.window[0] for link in links]),
        end_us=column([link.window[1] for link in links]),
        sure_first_us=column([link.sure_window[0] for link in links]),
        sure_end_us=column([link.sure_window[1] for link in links]),
        against=np.array([link.against_time for link in links], dtype=np.bool_),
        reasons=column([bits_of(link.reasons) for link in links]),
        event=none,
        mention=none,
        told=np.arange(first, first + len(links)),
    )
