"""What was in what, and what a container stood for: marks read into intervals (SEMANTICS §3, §4 'Containment').

A plain simulation in the order of instants. At each instant: unpackings, then packings, then unpackings that found
nothing once more, then takings (a thing used as an input or fitted as a component leaves its container).
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from domain.facts import Action, Role, may_swap
from domain.ids import ItemId
from domain.kinds import may_be_box
from domain.links import ALWAYS_US
from domain.record import Happened, Naming
from domain.sightings import Lasting, Leaving, Sighting, emptyings_of, sightings_of, swapping
from domain.stays import Balance, Containment, Mark, StandIn, Stay, marks_of, takings_of
from domain.steps_down import Deep, to_the_end


class Simulation:
    """Replays the marks and takings of a set of items. What is not loaded does not happen: see `links.py` for what
    must be loaded so that the items asked about come out right.
    """

    def __init__(
        self, namings: Mapping[ItemId, list[Naming]], lots: frozenset[ItemId], doubts: Mapping[ItemId, frozenset[str]]
    ) -> None:
        self._namings = namings
        self._lots = lots
        self._doubts = doubts
        self._inside: dict[ItemId, dict[ItemId, Stay]] = {}
        self._contents: dict[ItemId, dict[ItemId, None]] = {}
        self._done: dict[ItemId, list[Stay]] = {}
        self._stood_for: dict[tuple[int, ItemId], list[StandIn]] = {}
        self._glimpsed: dict[tuple[int, ItemId], list[list[StandIn]]] = {}
        self._dated = Lasting[Mark]()
        self._doubted: set[tuple[int, ItemId]] = set()
        """(packing, child): it may have been used up, as what only possibly was in a box that was used"""
        self._leavings = Lasting[Leaving]()
        self._own = frozenset(
            item for item, ns in namings.items() if any(n.mention.role in (Role.OUTPUT, Role.WHOLE) for n in ns)
        )
        self._seen = {item: sightings_of(ns) for item, ns in namings.items()}
        self._all_out = {item: emptyings_of(ns) for item, ns in namings.items()}
        self._emptied = {
            item: [m.at_us for m in marks_of(ns) if m.action is Action.TAKE_ALL and not m.event.pending]
            for item, ns in namings.items()
        }

    def run(self) -> Containment:
        """Simulate everything that is loaded."""
        marks: dict[int, dict[tuple[int, ItemId | None, Action], Mark]] = {}
        takings: dict[int, list[Naming]] = {}
        for ns in self._namings.values():
            for mark in marks_of(ns):
                if mark.action in (Action.PUT, Action.OBSERVE):
                    self._dated.add(mark.parent, mark.event, mark, until_us=self._may_be_in_until(mark))
                if mark.action in (Action.TAKE, Action.TAKE_ALL):
                    self._leavings.add(mark.parent, mark.event, Leaving(mark.event, mark.child))
                marks.setdefault(mark.at_us, {})[(mark.event.no, mark.child or mark.parent, mark.action)] = mark
            for taking in takings_of(ns):
                takings.setdefault(taking.event.facts.latest_us, []).append(taking)
                self._leavings.add(taking.mention.item, taking.event, Leaving(taking.event))
        glances = self._glances(marks, takings)
        for at_us in sorted(marks.keys() | takings.keys() | glances.keys()):
            now = sorted(marks.get(at_us, {}).values(), key=lambda m: (m.order, m.child or "", m.action))
            self._apply(at_us, now)
            for taking in glances.get(at_us, []):
                self._glance(taking)
            self._take(at_us, takings.get(at_us, []))
        for open_stays in self._inside.values():
            for stay in open_stays.values():
                self._done.setdefault(stay.child, []).append(stay)
        for stays in self._done.values():
            stays.sort(key=lambda s: (s.since_us, s.start.facts.order))
        return Containment(self._done, self._stood_for)

    def _may_be_in_until(self, mark: Mark) -> int | None:
        """Of a packing that may have come after what took the child away: until when it may be in there, after all.

        None: nothing leaves that open.
        """
        child, facts = mark.child, mark.event.facts
        if child is None or child in self._lots:
            return None
        seen, out = self._seen.get(child, []), self._all_out.get(mark.parent, [])
        away = any(s.event_no != mark.event.no and s.takes_away_from(mark.parent) for s in swapping(seen, facts))
        if not away and not any(swapping(out, facts)):
            return None
        self._doubted.add((mark.event.no, child))
        after = [s for s in (*seen, *out) if s.begins_us > facts.latest_us and not s.pending]
        taken = (s for s in self._seen.get(mark.parent, []) if s.takes and not s.pending)
        used = [s.at_us + 1 for s in taken if s.begins_us > facts.latest_us]
        return min((*(s.at_us for s in after), *used), default=ALWAYS_US)

    def _glances(
        self, marks: Mapping[int, Mapping[tuple[int, ItemId | None, Action], Mark]], takings: Mapping[int, list[Naming]]
    ) -> dict[int, list[Naming]]:
        """When to look into a container whose taking lasted: at its beginning, and whenever something was put in."""
        changes: dict[ItemId, set[int]] = {}
        for at_us, ms in marks.items():
            for mark in ms.values():
                changes.setdefault(mark.parent, set()).add(at_us)
        children = self._ever_within()
        found: dict[int, list[Naming]] = {}
        for ns in takings.values():
            for taking in ns:
                begin, end = taking.event.facts.begins_us, taking.event.facts.latest_us
                if begin >= end or taking.mention.item not in children:
                    continue
                boxes = _reached(taking.mention.item, children)
                changed = {t for box in boxes for t in changes.get(box, ()) if begin < t < end}
                for at_us in (begin, *sorted(changed)):
                    found.setdefault(at_us, []).append(taking)
        return found

    def _ever_within(self) -> dict[ItemId, set[ItemId]]:
        """By container, all that ever was directly in it."""
        children: dict[ItemId, set[ItemId]] = {}
        for item, ns in self._namings.items():
            for n in ns:
                if n.mention.role is Role.CHILD and n.event.facts.parent is not None:
                    children.setdefault(n.event.facts.parent, set()).add(item)
        return children

    def _glance(self, taking: Naming) -> None:
        """What it held at some time of the taking may have been used; only what it held throughout surely was."""
        self._glimpsed.setdefault((taking.event.no, taking.mention.item), []).append(self._look(taking))

    def _look(self, taking: Naming) -> list[StandIn]:
        """What it stands for by what it holds now; nothing where it holds nothing and is no thing of its own."""
        named = taking.mention.item
        is_itself = named in self._own or not may_be_box(named)
        if is_itself or self._contents.get(named) or self._untold(taking, named):
            return to_the_end(self._stand_ins(taking, StandIn(named), seen=frozenset(), ways={}))
        return []

    def _apply(self, at_us: int, marks: list[Mark]) -> None:
        before = {m.parent: bool(self._contents.get(m.parent)) for m in marks if m.action is Action.TAKE_ALL}
        again = []
        for mark in marks:
            if mark.action is Action.TAKE_ALL and before[mark.parent]:
                self._empty(mark)
            elif mark.action in (Action.TAKE, Action.TAKE_ALL) and not self._unpack(mark):
                again.append(mark)
        for mark in marks:
            if mark.action in (Action.PUT, Action.OBSERVE):
                self._pack(mark)
        for mark in again:
            if mark.action is Action.TAKE_ALL:
                self._empty(mark)
            else:
                self._unpack(mark)

    def _empty(self, mark: Mark) -> None:
        for child in list(self._contents.get(mark.parent, {})):
            self._close(self._inside[child][mark.parent], mark.event, end="take")

    def _unpack(self, mark: Mark) -> bool:
        if mark.child is None:
            return False
        stay = self._inside.get(mark.child, {}).get(mark.parent)
        if stay is None:
            return False
        left = _less(stay, mark) if mark.child in self._lots else ()
        if left:
            self._inside[mark.child][mark.parent] = replace(stay, changes=(*stay.changes, (mark.at_us, left)))
        else:
            self._close(stay, mark.event, end="take")
        return True

    def _pack(self, mark: Mark) -> None:
        assert mark.child is not None
        stays = self._inside.setdefault(mark.child, {})
        stay = stays.get(mark.parent)
        is_lot = mark.child in self._lots
        if stay is not None and not (stay.start.pending and not mark.event.pending):
            if is_lot and mark.action is Action.PUT:
                stays[mark.parent] = replace(stay, changes=(*stay.changes, (mark.at_us, _more(stay, mark))))
            return
        if stay is not None:  # what was only pending is now said again by an event that counts
            self._close(stay, mark.event, end="elsewhere")
        if not is_lot:
            for other in list(stays.values()):
                self._close(other, mark.event, end="elsewhere")
        changes = ((mark.at_us, ((mark.uom, mark.quantity),)),) if is_lot else ()
        self._inside[mark.child][mark.parent] = Stay(mark.child, mark.parent, mark.at_us, mark.event, changes=changes)
        self._contents.setdefault(mark.parent, {})[mark.child] = None

    def _close(self, stay: Stay, by: Happened, *, end: str) -> None:
        del self._inside[stay.child][stay.parent]
        del self._contents[stay.parent][stay.child]
        at_us = by.facts.latest_us
        until = self._next_sure(stay, at_us) if by.pending else None
        ended = replace(stay, until_us=at_us, end=end, ended_by=by, end_pending=by.pending, possible_until_us=until)
        self._done.setdefault(stay.child, []).append(ended)

    def _next_sure(self, stay: Stay, at_us: int) -> int | None:
        """The next mark that counts for sure: a packing or unpacking of the child, or an emptying of its container."""
        later = [s.at_us for s in self._seen.get(stay.child, []) if s.at_us >= at_us and not s.pending and s.marks]
        later += [t for t in self._emptied.get(stay.parent, []) if t >= at_us]
        return min(later, default=None)

    def _take(self, at_us: int, takings: list[Naming]) -> None:
        leaving: dict[tuple[ItemId, ItemId], Happened] = {}
        told = []
        for taking in sorted(takings, key=lambda n: (n.event.facts.order, n.mention.item)):
            key = (taking.event.no, taking.mention.item)
            looks = [*self._glimpsed.get(key, []), self._look(taking)]
            self._stood_for[key] = _throughout(looks) if any(looks) else [StandIn(taking.mention.item)]
            always = set[ItemId].intersection(*({one.item for one in look} for look in looks))
            told.append((taking, always or {taking.mention.item}))
        for taking, always in told:
            opened = self._now_within(taking.mention.item)
            for one in self._stood_for[taking.event.no, taking.mention.item]:
                for parent, stay in self._inside.get(one.item, {}).items():
                    through = one.via is not None and parent in opened
                    if one.item in self._lots and not through:
                        continue
                    early = may_swap(taking.event.facts, stay.start.facts)  # perhaps it was put in after this use
                    if early or one.untold or one.item not in always:  # only what surely was used has surely left
                        self._doubted.add((stay.start.no, one.item))
                    elif not self._stays_on(one.item, parent, at_us):
                        leaving.setdefault((one.item, parent), taking.event)
        for (child, parent), event in leaving.items():
            self._close(self._inside[child][parent], event, end="taken")

    def _now_within(self, container: ItemId) -> set[ItemId]:
        found, todo = {container}, [container]
        while todo:
            fresh = self._contents.get(todo.pop(), {}).keys() - found
            found |= fresh
            todo += fresh
        return found

    def _untold(self, taking: Naming, box: ItemId) -> list[Mark]:
        """Packings on a date alone that may have been before a taking at some instant of it."""
        return list(self._dated.at(box, taking.event.facts.latest_us))

    def _stand_ins(
        self, taking: Naming, way: StandIn, *, seen: frozenset[ItemId], ways: dict[ItemId, list[StandIn]]
    ) -> Deep[list[StandIn]]:
        """What the item of a `way` stands for now, at every depth; itself where it held nothing or is its own thing.

        A lot or class always is itself, and what it holds is only possible: any of its boxes may have been used.
        `ways` led here in this look: lots may be in many others, and only what has fewer doubts is followed again.
        """
        named, item = taking.mention.item, way.item
        if item in seen or any(_says_no_more(way, old) for old in ways.get(item, ())):
            return []
        ways.setdefault(item, []).append(way)
        held = [self._inside[child][item] for child in self._contents.get(item, {})]
        of_lot = not may_be_box(item)
        found: dict[ItemId, StandIn] = {}
        if not held or of_lot or item in self._own:
            found[item] = StandIn(item, None if item == named else named)
        for stay in sorted(held, key=lambda s: s.child):
            doubts = set(self._doubts.get(item, ()))
            if stay.start.pending:
                doubts.add("replacement_pending")
            if stay.child not in self._lots and self._next_seen_elsewhere(stay, taking):
                doubts.add("inferred")
            doubted = of_lot or (stay.start.no, stay.child) in self._doubted
            if doubted or self._may_have_left(stay, taking, seen | {item}):
                doubts.add("inferred")
            within = StandIn(item, named, frozenset(doubts), untold=of_lot, of_lot=of_lot)
            inner = yield self._stand_ins(taking, _onward(way, within, stay.child), seen=seen | {item}, ways=ways)
            _take_in(inner, within, into=found)
        for mark in sorted(self._untold(taking, item), key=lambda m: (m.child or "", m.order)):
            if mark.child is not None and mark.child not in self._contents.get(item, {}):
                self._doubted.add((mark.event.no, mark.child))
                doubts = {"inferred", *self._doubts.get(item, ()), *(("replacement_pending",) * mark.event.pending)}
                within = StandIn(item, named, frozenset(doubts), untold=True, of_lot=of_lot)
                inner = yield self._stand_ins(taking, _onward(way, within, mark.child), seen=seen | {item}, ways=ways)
                _take_in(inner, within, into=found)
        return list(found.values())

    def _may_have_left(self, stay: Stay, taking: Naming, boxes: frozenset[ItemId]) -> bool:
        """Whether it was unpacked, or used with one of these boxes, in an event that lasted over this taking's end."""
        if stay.child in self._lots:
            return False
        at_us = taking.event.facts.latest_us
        return any(
            leaving.event.no != taking.event.no and leaving.child in (None, stay.child)
            for box in boxes
            for leaving in self._leavings.at(box, at_us)
        )

    def _stays_on(self, child: ItemId, parent: ItemId, at_us: int) -> bool:
        """The next mark that concerns it is an OBSERVE, or an unpacking that names it there: it had not left."""
        for seen in self._after(child, at_us):
            if seen.marks:
                return seen.parent == parent and seen.action in (Action.OBSERVE, Action.TAKE)
        return False

    def _next_seen_elsewhere(self, stay: Stay, taking: Naming) -> bool:
        for seen in self._after(stay.child, taking.event.facts.latest_us):
            if seen.marks:
                return seen.parent != stay.parent
            if seen.role is Role.INPUT:
                return True
            if seen.role is Role.COMPONENT:
                return seen.parent != taking.event.facts.parent
        return False

    def _after(self, child: ItemId, at_us: int) -> list[Sighting]:
        sightings = self._seen.get(child, [])
        return sightings[bisect_right(sightings, at_us, key=lambda s: s.at_us) :]


def _reached(container: ItemId, children: Mapping[ItemId, set[ItemId]]) -> set[ItemId]:
    """The container and all that ever was in it, at every depth."""
    found, todo = {container}, [container]
    while todo:
        fresh = children.get(todo.pop(), set()) - found
        found |= fresh
        todo += fresh
    return found


def _onward(way: StandIn, within: StandIn, child: ItemId) -> StandIn:
    """The way on to a child `within` a container, with all the doubts since what was named."""
    reasons = way.reasons | within.reasons
    return StandIn(child, within.via, reasons, untold=way.untold or within.untold, of_lot=way.of_lot or within.of_lot)


def _says_no_more(way: StandIn, old: StandIn) -> bool:
    """Whether all that it leads to was found by another way with no more doubts.

    The boxes on the way can only make it `inferred`: where it is that already, they say nothing new.
    """
    fewer = old.reasons <= way.reasons and old.untold <= way.untold and old.of_lot <= way.of_lot
    return "inferred" in way.reasons and fewer


def _take_in(inner: list[StandIn], within: StandIn, *, into: dict[ItemId, StandIn]) -> None:
    """What a child `within` a container stands for, in the way that leaves the fewest doubts."""
    for one in inner:
        told = _onward(one, within, one.item)
        kept = into.get(one.item)
        into[one.item] = told if kept is None else _either(told, kept)


def _either(one: StandIn, other: StandIn) -> StandIn:
    """Of two ways in which something was in what was used, the one with fewer doubts; told if either tells it."""
    best = min(one, other, key=lambda o: len(o.reasons))
    return replace(best, untold=one.untold and other.untold, of_lot=one.of_lot and other.of_lot)


def _throughout(looks: list[list[StandIn]]) -> list[StandIn]:
    """Everything seen in any look; `inferred` unless it was seen in each of them."""
    found: dict[ItemId, StandIn] = {}
    always = set[ItemId].intersection(*({one.item for one in look} for look in looks))
    for look in looks:
        for one in look:
            doubts = frozenset() if one.item in always else frozenset({"inferred"})
            kept = found.get(one.item)
            reasons = one.reasons | doubts | (kept.reasons if kept else frozenset())
            told = kept and _either(one, kept)
            found[one.item] = replace(told or one, reasons=reasons)
    return list(found.values())


def _more(stay: Stay, mark: Mark) -> Balance:
    balance = dict(stay.quantities(mark.at_us))
    held = balance.get(mark.uom, Decimal(0))
    balance[mark.uom] = None if held is None or mark.quantity is None else held + mark.quantity
    return tuple(balance.items())


def _less(stay: Stay, mark: Mark) -> Balance:
    """What is left after an unpacking; nothing (it ends) when it says no quantity or takes all there was."""
    if mark.quantity is None:
        return ()
    balance = dict(stay.quantities(mark.at_us))
    if mark.uom not in balance:
        return tuple(balance.items())
    held = balance[mark.uom]
    if held is not None:
        balance[mark.uom] = held - mark.quantity
    left = {uom: q for uom, q in balance.items() if q is None or q > 0}
    return tuple(left.items())
