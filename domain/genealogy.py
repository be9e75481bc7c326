"""Where did it come from, and what did it go into: the two questions, and their reference meaning (SEMANTICS §3).

`trace` is a question in the sense of `record.py`: the same code answers over memory, which is the reference
implementation, and over SQL.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from domain.answers import Conflict, Gap, Limits, Node, Superseded, Trace, Way, node_of
from domain.assembly import Part
from domain.departure import Departure, first_departures
from domain.exposure import Seed, opened
from domain.fitting import two_parents
from domain.ids import ItemId
from domain.kinds import kind_of
from domain.linking import Linked, Linker
from domain.links import NEVER_US, Link, Relation
from domain.opening import opened_classes, opened_containers
from domain.record import Found, Known, Need, Question
from domain.removing import removed_parts
from domain.renaming import doubted, other_ids
from domain.walk import (
    CERTAIN,
    ONLY_CERTAIN,
    ORDER_UNCERTAIN,
    START_BACKWARD,
    START_FORWARD,
    Fresh,
    Mode,
    Path,
    Reached,
    at_birth,
    closed,
    extend_backward,
    extend_forward,
    merge,
    outcome,
    shown_forward,
    sure_reach_us,
)

__all__ = ["Conflict", "Gap", "Limits", "Mode", "Node", "Trace", "Way", "trace"]

SLICE_ITEMS = 2_000
"""Items of one level that are looked at together."""
ENTRIES_KEPT = 20_000
"""Entries of the record that a walk keeps before it forgets them: small walks ask for nothing twice."""


def trace(
    items: Sequence[ItemId],
    *,
    way: Way,
    now_us: int,
    mode: Mode = Mode.EVER,
    at_us: int | None = None,
    follow_all: bool = False,
    follow_removed: bool = False,
    limits: Limits | None = None,
    seeds: Iterable[Seed] = (),
) -> Question[Trace]:
    """All that the items went into (forward) or came from (backward). `at_us` None: now.

    `seeds` are affected themselves: nodes of level 1, which nothing that is asked about leads to. `follow_removed`
    (forward): instead, where the parts went that were taken out of the items.
    """
    walk = _Walk(way, mode, now_us if at_us is None else at_us, follow_all, limits or Limits())
    walk.follow_removed = follow_removed
    return walk.run(tuple(dict.fromkeys(items)), contents_at_us=at_us, now_us=now_us, seeds=tuple(seeds))


class _Walk:
    def __init__(self, way: Way, mode: Mode, at_us: int, follow_all: bool, limits: Limits) -> None:  # noqa: PLR0917
        self.way, self.mode, self.at_us, self.limits = way, mode, at_us, limits
        self.follow_all, self.follow_removed = follow_all, False
        self.known = Known()
        self.linker = Linker(self.known, follow_all=follow_all)
        self.reached: dict[ItemId, Reached] = {}
        self.arrivals: dict[ItemId, dict[Link, tuple[ItemId, int]]] = {}
        """node -> link that a path ends with -> where it came from, after how many hops at least"""
        self.starts: frozenset[ItemId] = frozenset()
        self.seeded: set[ItemId] = set()
        self.has_upstream: set[ItemId] = set()
        self.told: set[Gap | Conflict] = set()
        self.superseded: set[Superseded] = set()
        self.paths: dict[Path, Path] = {}
        self.answer = Trace(())

    def run(
        self, items: tuple[ItemId, ...], *, contents_at_us: int | None, now_us: int, seeds: tuple[Seed, ...]
    ) -> Question[Trace]:
        self.answer = Trace(items)
        starts = yield from self.known.start(items)
        self.starts = frozenset(starts)
        first = START_FORWARD if self.way is Way.FORWARD else START_BACKWARD
        if self.follow_removed:
            yield from self._take_out(starts)
        else:
            for item in starts:
                self.reached[item] = Reached({first: ONLY_CERTAIN}, {first: ONLY_CERTAIN})
            yield from self._open_seeds(seeds, first)
            yield from self._open_starts(starts, first, contents_at_us=contents_at_us, now_us=now_us)
        yield from self._expand_all()
        if self.way is Way.BACKWARD:
            yield from self._two_parents_above()
        self._collect()
        self.answer.superseded = sorted(self.superseded, key=lambda s: (s.link.sort_key, s.event_ids))
        yield from self._no_upstream()
        return self.answer

    # -- starting points

    def _take_out(self, starts: Sequence[ItemId]) -> Generator[Need, Found, None]:
        for told in (yield from removed_parts(self.linker.fittings, starts, at_us=self.at_us)):
            if told.target not in self.starts:
                link = doubted(self.known.things, told)
                left = Path(True, bound_us=link.reach_us, sure_bound_us=sure_reach_us(link))
                merge(self.reached.setdefault(link.target, Reached()), left, link.reasons or ONLY_CERTAIN, forward=True)
                self._arrive(link.target, link, (link.source, 1))

    def _open_seeds(self, seeds: Sequence[Seed], first: Path) -> Generator[Need, Found, None]:
        yield from self.known.start(s.item for s in seeds)
        for item, reasons in sorted((yield from opened(self.known, seeds)).items()):
            labels = reasons or ONLY_CERTAIN
            merge(self.reached.setdefault(item, Reached()), first, labels, forward=self.way is Way.FORWARD)
            self.seeded.add(item)

    def _open_starts(
        self, starts: Sequence[ItemId], first: Path, *, contents_at_us: int | None, now_us: int
    ) -> Generator[Need, Found, None]:
        opened = yield from opened_classes(self.known, starts, starts=self.starts)
        if not self.follow_all:
            boxes = yield from opened_containers(
                self.known, starts, starts=self.starts, at_us=contents_at_us, now_us=now_us
            )
            opened.members += boxes.members
            self.answer.gaps += boxes.gaps
        for member in opened.members:
            labels = member.reasons or ONLY_CERTAIN
            reached = self.reached.setdefault(member.item, Reached())
            merge(reached, first, labels, forward=self.way is Way.FORWARD)
            self._arrive(member.item, member.link, (member.came_from, 1))

    # -- the walk

    def _expand_all(self) -> Generator[Need, Found, None]:
        level = 0
        frontier = set(self.starts & self.reached.keys())
        members = (
            self.reached.keys() - self.starts
        )  # of a class or a container, or exposed: they are one hop away already
        while frontier or (level == 0 and members):
            if level >= self.limits.depth:
                self.answer.incomplete.append("depth_limit")
                return
            level += 1
            touched: set[ItemId] = set()
            fresh = {item: self._take_fresh(item) for item in frontier}  # what comes up meanwhile is one hop further
            for some in _slices(frontier):
                self.known.forget_if_over(ENTRIES_KEPT)
                touched |= yield from self._expand({item: fresh[item] for item in some}, level)
                if len(self.reached) > self.limits.items:
                    self.answer.incomplete.append("row_limit")
                    return
            frontier = touched | {i for i in members if self.reached[i].fresh}

    def _take_fresh(self, item: ItemId) -> Fresh:
        fresh, self.reached[item].fresh = self.reached[item].fresh, {}
        return fresh

    def _expand(self, states: Mapping[ItemId, Fresh], level: int) -> Generator[Need, Found, set[ItemId]]:
        forward, frontier = self.way is Way.FORWARD, frozenset(states)
        linked = yield from (self.linker.out_of(frontier) if forward else self.linker.into(frontier))
        self._tell(linked)
        if forward:
            self._two_parents(linked.parts)
        links = yield from self._held_when_built(linked.links)
        touched: set[ItemId] = set()
        for item in sorted(frontier):
            born_us = linked.born.get(item, NEVER_US)
            fresh = at_birth(states[item], born_us) if forward else states[item]
            for link in links.get(item, []):
                if self._follow((item, level), fresh, link, born_us=born_us):
                    touched.add(link.target if forward else link.source)
        return touched

    def _tell(self, linked: Linked) -> None:
        """Gaps and conflicts that came to light with the links, each once."""
        gaps = sorted(set(linked.gaps) - self.told, key=lambda g: g.sort_key)
        conflicts = sorted(set(linked.conflicts) - self.told, key=lambda c: c.sort_key)
        self.answer.gaps += gaps
        self.answer.conflicts += conflicts
        self.told |= {*gaps, *conflicts}
        self.superseded.update(linked.superseded)

    def _follow(self, origin: tuple[ItemId, int], fresh: Fresh, link: Link, *, born_us: int) -> bool:
        forward = self.way is Way.FORWARD
        other = link.target if forward else link.source
        extend = extend_forward if forward else partial(extend_backward, born_us=born_us)
        extended = [extend(path, labels, link, mode=self.mode, at_us=self.at_us) for path, labels in fresh.items()]
        walked = [e for e in extended if e is not None]
        if not walked:
            return False
        reached = self.reached.setdefault(other, Reached())
        if any(self._shown(path) is not None for path, _ in walked):
            self._arrive(other, link, origin)
        news = [merge(reached, self._same_path(path), labels, forward=forward) for path, labels in walked]
        return any(news)

    def _same_path(self, path: Path) -> Path:
        """One object for all paths alike: what one event made has them in common."""
        return self.paths.setdefault(path, path)

    def _arrive(self, item: ItemId, link: Link, origin: tuple[ItemId, int]) -> None:
        self.arrivals.setdefault(item, {}).setdefault(link, origin)
        if self.way is Way.BACKWARD and link.target != link.source:
            self.has_upstream.add(link.target)

    def _held_when_built(self, links: dict[ItemId, list[Link]]) -> Generator[Need, Found, dict[ItemId, list[Link]]]:
        """As built: the links, and of part_of those that held when the unit was first shipped, sold or released; never:
        now.
        """
        if self.mode is not Mode.AS_BUILT:
            return links
        parts = {link.target for ls in links.values() for link in ls if link.relation is Relation.PART_OF}
        left = yield from first_departures(self.known, sorted(parts))
        held = {item: [self._built(link, left) for link in ls] for item, ls in links.items()}
        return {item: [link for link in ls if link is not None] for item, ls in held.items()}

    def _built(self, link: Link, left: dict[ItemId, Departure]) -> Link | None:
        """The link if it held, or may have held, when its unit left."""
        if link.relation is not Relation.PART_OF:
            return link
        departed = left.get(link.target, Departure(self.at_us, self.at_us))
        from_us, by_us = departed.from_us, self.at_us if departed.by_us is None else departed.by_us
        (since, until), (sure_since, sure_until) = link.window, link.sure_window
        if not (since <= by_us and from_us < until):
            return None
        sure = sure_since <= from_us and by_us < sure_until
        return link if sure else replace(link, reasons=link.reasons | {ORDER_UNCERTAIN})

    # -- what the record says beside the answer

    def _two_parents(self, parts: dict[ItemId, list[Part]]) -> None:
        self.answer.conflicts += [c for c in two_parents(parts) if c not in self.answer.conflicts]

    def _two_parents_above(self) -> Generator[Need, Found, None]:
        for some in _slices(self.reached):
            self.known.forget_if_over(ENTRIES_KEPT)
            told = yield from self.linker.in_two(some)
            self.answer.conflicts += [c for found in told.values() for c in found]

    def _no_upstream(self) -> Generator[Need, Found, None]:
        """Backward: where nothing says what a thing came from, and no receipt says from whom."""
        if self.way is not Way.BACKWARD:
            return
        bare: list[ItemId] = []
        ends = (self.starts | {n.item for n in self.answer.nodes}) - self.has_upstream
        for some in _slices(i for i in ends if i.kind != "class"):
            self.known.forget_if_over(ENTRIES_KEPT)
            yield from self.known.require(Need(named=some))
            for item in sorted(some):
                namings = self.known.found.namings.get(item, [])
                if kind_of(item, namings) != "class" and not any(n.event.facts.rank == 4 for n in namings):
                    bare.append(item)
        if bare:
            self.answer.gaps.append(
                Gap("no_upstream", tuple(sorted(bare)), "the record does not say what these came from")
            )

    # -- the answer

    def _collect(self) -> None:
        pending: set[ItemId] = set()
        for item, reached in self.reached.items():
            if item in self.starts:
                continue
            states = self._shown_states(reached)
            if not states:
                continue
            certainty, reasons = outcome(states)
            if "replacement_pending" in reasons:
                pending.add(item)
            node = self._node(item, certainty, reasons)
            self.answer.nodes += [node, *other_ids(self.known.things, node, {item})]
        for item in self.starts:
            self.answer.nodes += self._other_ids_of_start(item)
        self.answer.nodes.sort(key=lambda n: (n.level, n.item))
        if pending:
            detail = "an event about these was voided, and what replaces it is not in the log yet"
            self.answer.gaps.append(Gap("replacement_pending", tuple(sorted(pending)), detail))

    def _other_ids_of_start(self, item: ItemId) -> list[Node]:
        asked = [i for i in self.answer.items if self.known.things.of(i) == item]
        doubts = tuple(sorted(self.known.things.doubts(item)))
        certainty = "possible" if doubts else CERTAIN
        self.arrivals.pop(item, None)
        node = self._node(item, certainty, doubts)
        return other_ids(self.known.things, replace(node, item=asked[0], reached_us=None), set(asked))

    def _shown_states(self, reached: Reached) -> list[tuple[Path, frozenset[str]]]:
        if self.way is Way.BACKWARD:
            return [closed(path, labels) for path, labels in reached.states.items()]
        found = ((self._shown(path), labels) for path, labels in reached.states.items())
        return [(path, labels) for path, labels in found if path is not None]

    def _shown(self, path: Path) -> Path | None:
        """The path as it makes its item a node; None if it does not."""
        if self.follow_removed and not path.consistent:  # where a part was before it was taken out is not asked
            return None
        return path if self.way is Way.BACKWARD else shown_forward(path, mode=self.mode, at_us=self.at_us)

    def _node(self, item: ItemId, certainty: str, reasons: tuple[str, ...]) -> Node:
        level = 1 if item in self.seeded else None
        return node_of(item, self.arrivals.pop(item, {}), certainty=certainty, reasons=reasons, level=level)


def _slices(items: Iterable[ItemId]) -> Iterator[frozenset[ItemId]]:
    """In order, so that slicing changes nothing but how much is looked at together."""
    rest = iter(sorted(items))
    while some := frozenset(islice(rest, SLICE_ITEMS)):
        yield some
