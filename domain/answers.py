"""What a trace answers with: nodes, gaps, conflicts (SEMANTICS §3 'A node', §6)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from domain.ids import ItemId
from domain.links import NEVER_US, Link

FROM_SHOWN = 20
"""Predecessors listed per node; `from_count` tells how many there are."""
LINKS_SHOWN = 100


class Way(StrEnum):
    """Downstream (正向追踪) or upstream (逆向溯源)."""

    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a walk may go before it says that it stopped: hops, and items reached."""

    depth: int = 1_000
    items: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Where the record itself ends or is doubtful (SEMANTICS §6). `quantity` None: not known, or not about one."""

    code: str
    items: tuple[ItemId, ...]
    detail: str
    quantity: Decimal | None = None
    uom: str | None = None

    @property
    def sort_key(self) -> tuple[str, tuple[ItemId, ...], str, str]:
        return (self.code, self.items, self.uom or "", self.detail)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Where the record contradicts itself; both sides stand."""

    code: str
    items: tuple[ItemId, ...]
    event_ids: tuple[str, ...]
    detail: str

    @property
    def sort_key(self) -> tuple[str, tuple[ItemId, ...], tuple[str, ...]]:
        return (self.code, self.items, self.event_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One item of an answer: how far, how sure, why only possible, and by which links it was reached.

    `links` are oriented as recorded (source → target); `link_count` counts all, at most LINKS_SHOWN are kept.
    """

    item: ItemId
    level: int
    certainty: str
    reasons: tuple[str, ...]
    came_from: tuple[ItemId, ...]
    from_count: int
    links: tuple[Link, ...]
    link_count: int
    reached_us: int | None


def node_of(
    item: ItemId,
    arrivals: Mapping[Link, tuple[ItemId, int]],
    *,
    certainty: str,
    reasons: tuple[str, ...],
    level: int | None = None,
) -> Node:
    """The node that these links lead to: each with where it came from, and after how many hops at least.

    `level` None: the fewest hops.
    """
    links = sorted((link for link in arrivals if link.event_id), key=lambda link: link.sort_key)
    return node_reached(item, links, arrivals.values(), certainty=certainty, reasons=reasons, level=level)


def node_reached(
    item: ItemId,
    links: Sequence[Link],
    arrivals: Collection[tuple[ItemId, int]],
    *,
    certainty: str,
    reasons: tuple[str, ...],
    level: int | None = None,
) -> Node:
    """The same where the links are sorted already, each by an event."""
    least = min((hops for _, hops in arrivals), default=0) if level is None else level
    up = sorted({came_from for came_from, hops in arrivals if hops == least})
    reached = [link.reach_us if link.reach_us != NEVER_US else link.since_us for link in links]
    return Node(
        item=item,
        level=least,
        certainty=certainty,
        reasons=reasons,
        came_from=tuple(up[:FROM_SHOWN]),
        from_count=len(up),
        links=tuple(links[:LINKS_SHOWN]),
        link_count=len(links),
        reached_us=min((r for r in reached if r is not None), default=None),
    )


@dataclass(frozen=True, slots=True)
class Superseded:
    """A lot-level link that is not walked: scans of serials, told by these events, cover it."""

    link: Link
    event_ids: tuple[str, ...]


@dataclass(slots=True)
class Trace:
    """An answer before it is dressed with state: nodes by (level, item), gaps, conflicts, why it may be incomplete."""

    items: tuple[ItemId, ...]
    nodes: list[Node] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    superseded: list[Superseded] = field(default_factory=list)
