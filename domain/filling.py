"""What a container held: the contents that a trace from it starts with (SEMANTICS §3 'A trace from a container')."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from domain.facts import Role
from domain.ids import ItemId
from domain.kinds import may_be_box
from domain.links import Link, Relation
from domain.record import Found, Known, Need
from domain.stays import Containment, Stay
from domain.surroundings import surroundings


@dataclass(frozen=True, slots=True)
class Filling:
    """One container's contents at every depth as links; `last_fill`: it is empty, this is what it held last."""

    container: ItemId
    links: tuple[Link, ...]
    last_fill: bool = False
    earlier: tuple[ItemId, ...] = ()


def fillings(
    known: Known, containers: Sequence[ItemId], *, at_us: int | None, now_us: int
) -> Generator[Need, Found, list[Filling]]:
    """What each container holds at `at_us` (None: now, or its last fill if it holds nothing now)."""
    around = yield from surroundings(known, containers, inside=containers)
    stays = _by_container(around)
    own = _things_of_their_own(known, stays)
    when_us = now_us if at_us is None else at_us
    found = []
    for container in containers:
        held = [s for s in stays.get(container, []) if _possibly_covers(s, when_us)]
        if held or at_us is not None:
            links = _links(container, held, stays=stays, own=own, at_us=when_us)
            found.append(Filling(container, tuple(links)))
            continue
        past = [s for s in stays.get(container, []) if s.since_us <= when_us]
        last, earlier = _last_fill(past)
        links = _links(container, last, stays=stays, own=own, at_us=None)
        before = tuple(sorted({s.child for s in earlier} - {s.child for s in last}))
        found.append(Filling(container, tuple(links), bool(last), before))
    return found


def _by_container(around: Containment) -> dict[ItemId, list[Stay]]:
    found: dict[ItemId, list[Stay]] = {}
    for stays in around.stays.values():
        for stay in stays:
            found.setdefault(stay.parent, []).append(stay)
    return found


def _things_of_their_own(known: Known, boxes: dict[ItemId, list[Stay]]) -> frozenset[ItemId]:
    return frozenset(
        b for b in boxes if any(n.mention.role in (Role.OUTPUT, Role.WHOLE) for n in known.found.namings.get(b, []))
    )


def _possibly_covers(stay: Stay, at_us: int) -> bool:
    if stay.covers(at_us) or _may_have_begun(stay, at_us):
        return True
    open_until = stay.possible_until_us
    return stay.end_pending and stay.since_us <= at_us and (open_until is None or at_us < open_until)


def _may_have_begun(stay: Stay, at_us: int) -> bool:
    """Whether it was packed on a date alone of which the instant is a part."""
    return stay.start.facts.earliest_us <= at_us < stay.since_us


def _may_have_ended(stay: Stay, at_us: int) -> bool:
    """Whether it was taken out on a date alone of which the instant is a part."""
    begins_us = stay.until_from_us
    return begins_us is not None and stay.until_us is not None and begins_us <= at_us < stay.until_us


def _last_fill(stays: list[Stay]) -> tuple[list[Stay], list[Stay]]:
    """The stays since it was last empty, and those before. All of them have ended."""
    last: list[Stay] = []
    earlier: list[Stay] = []
    filled_until: int | None = None
    for stay in sorted(stays, key=lambda s: (s.since_us, s.child)):
        if filled_until is not None and stay.since_us > filled_until:
            earlier += last
            last = []
        last.append(stay)
        end = stay.until_us if stay.until_us is not None else stay.since_us
        filled_until = end if filled_until is None else max(filled_until, end)
    return last, earlier


def _links(
    container: ItemId,
    held: list[Stay],
    *,
    stays: dict[ItemId, list[Stay]],
    own: frozenset[ItemId],
    at_us: int | None,
) -> list[Link]:
    found: list[Link] = []
    todo = [(s, frozenset[str](), frozenset({container})) for s in held]
    while todo:
        stay, doubts, above = todo.pop()
        reasons = set(doubts)
        early = at_us is not None and _may_have_begun(stay, at_us)
        if early or (at_us is not None and _may_have_ended(stay, at_us)):
            reasons.add("inferred")
        if stay.start.pending or (at_us is not None and not early and not stay.covers(at_us)):
            reasons.add("replacement_pending")
        inner = _inside(stay, stays, at_us=at_us)
        if not inner or stay.child in own or not may_be_box(stay.child):
            found.append(_link(container, stay, frozenset(reasons)))
        if stay.child not in above:
            todo += [(s, frozenset(reasons), above | {stay.child}) for s in inner]
    return sorted(found, key=lambda link: link.sort_key)


def _inside(stay: Stay, stays: dict[ItemId, list[Stay]], *, at_us: int | None) -> list[Stay]:
    """What the child itself held: at the instant, or (last fill) at any time while it was in here."""
    inner = stays.get(stay.child, [])
    if at_us is not None:
        return [s for s in inner if _possibly_covers(s, at_us)]
    return [
        s
        for s in inner
        if (stay.until_us is None or s.since_us <= stay.until_us) and (s.until_us is None or s.until_us > stay.since_us)
    ]


def _link(container: ItemId, stay: Stay, reasons: frozenset[str]) -> Link:
    return Link(
        relation=Relation.CONTAINED_IN,
        source=stay.child,
        target=container,
        event_id=stay.start.facts.event_id,
        since_us=stay.since_us,
        until_us=stay.until_us,
        reasons=reasons,
    )
