"""What was in what, and what was fitted in what: an oracle for SEMANTICS §3 and §4, instant by instant."""

from dataclasses import dataclass, field

from domain.facts import Action, Mention, Role
from domain.ids import ItemId
from tests.domain.oracle_record import FOREVER, Ev, Record

PUTS = (Action.PUT, Action.OBSERVE)


@dataclass
class Interval:
    """`inner` was in `outer` from `since` to `until` (FOREVER: still). `named`: by which name it was fitted."""

    inner: ItemId
    outer: ItemId
    since: int
    begun: Ev
    named: ItemId
    until: int = FOREVER
    ended: Ev | None = None
    how: str = ""
    maybe_until: int | None = None
    """set where its end is pending: the next mark that is not"""
    reasons: frozenset[str] = frozenset()
    quantity: object = None
    ended_first: int = FOREVER
    """the earliest at which anything that may have ended it may have happened"""
    again: bool = False
    """told by a fitting that changes nothing as the marks are ordered, and may have come after the removal"""

    @property
    def may_end(self) -> int:
        return min(self.ended_first, self.ended.facts.begins_us if self.ended is not None else FOREVER)

    def holds(self, at: int) -> bool:
        return self.since <= at < self.until

    def may_hold(self, at: int) -> bool:
        pending = self.maybe_until is not None and self.since <= at < self.maybe_until
        return self.holds(at) or self.may_have_begun(at) or pending

    def may_have_begun(self, at: int) -> bool:
        """Told on a date of which the instant is a part."""
        return self.begun.facts.earliest_us <= at < self.since


def takes_up(m: Mention) -> bool:
    """An input, or a component put in."""
    return m.role is Role.INPUT or (m.role is Role.COMPONENT and m.action in PUTS)


@dataclass
class Boxes:
    """All stays in containers, and what each (event, container) taken stood for: item -> reasons."""

    record: Record
    stays: list[Interval] = field(default_factory=list)
    stood: dict[tuple[str, ItemId], dict[ItemId, frozenset[str]]] = field(default_factory=dict)
    told: dict[tuple[str, ItemId], set[ItemId]] = field(default_factory=dict)
    """what it stood for of what was told to be in it, and not only may have been"""
    sure: dict[tuple[str, ItemId], set[ItemId]] = field(default_factory=dict)
    """what it stood for in every look"""
    direct: dict[tuple[str, ItemId], set[ItemId]] = field(default_factory=dict)
    """what it stood for by a way that leads through no lot"""
    doubted: set[tuple[str, ItemId]] = field(default_factory=set)
    """(packing, child): it may have been used up, as what only possibly was in a box that was used"""

    may_be_until: dict[tuple[str, ItemId], int] = field(default_factory=dict)
    """(packing, child) -> until when it may be in there, though it was taken away: perhaps before that packing"""

    def __post_init__(self) -> None:
        events = self.record.events
        for e in events:
            for m in e.names(Role.CHILD):
                until = self._perhaps_still(e, m) if m.action in PUTS and not self.record.several(m.item) else None
                if until is not None:
                    self.may_be_until[e.facts.event_id, m.item] = until
                    self.doubted.add((e.facts.event_id, m.item))
        takings = [(e, m) for e in events for m in e.facts.mentions if takes_up(m)]
        looks: dict[tuple[str, ItemId], list[dict[ItemId, frozenset[str]]]] = {}
        moments = {e.at for e in events} | {e.facts.begins_us for e, _ in takings}
        for now in sorted(moments):
            self._marks(now)
            for e, m in takings:
                if e.facts.begins_us <= now <= e.at and self.record.boxed(m.item):
                    key = (e.facts.event_id, m.item)
                    looks.setdefault(key, []).append(self._stands_for(m.item, e, key))
            for key, seen in list(looks.items()):
                self.stood[key] = self._over(key[1], seen)
                self.sure[key] = set.intersection(*(set(look) for look in seen)) or {key[1]}
            self._leave([(e, m) for e, m in takings if e.at == now], now)

    def _perhaps_still(self, put: Ev, m: Mention) -> int | None:
        """Where nothing says whether it was packed before or after it was taken away: until the next that is sure."""
        box, unsure, sure = put.parent, False, [FOREVER]
        for e in self.record.events:
            if e is put:
                continue
            emptied = e.parent == box and any(p.action is Action.TAKE_ALL for p in e.names(Role.PARENT))
            mine = [x for x in e.names(Role.CHILD, Role.COMPONENT, Role.INPUT) if x.item == m.item]
            away = emptied or any(
                takes_up(x) or (x.role is Role.CHILD and (x.action is Action.TAKE) == (e.parent == box)) for x in mine
            )
            exact = e.facts.begins_us == e.at and put.facts.begins_us == put.at
            apart = e.facts.begins_us > put.at or put.facts.begins_us > e.at
            unsure = unsure or (away and not exact and not apart)
            if e.facts.begins_us > put.at and not e.pending:
                sure += [e.at] if emptied or mine else []
                sure += [e.at + 1] if any(x.item == box and takes_up(x) for x in e.facts.mentions) else []
        return min(sure) if unsure else None

    def sure_parts(self) -> dict[tuple[str, ItemId], dict[ItemId, frozenset[str]]]:
        """What was fitted, without what only is in a lot that was: how things stand does not hang on that."""
        return {
            (event, named): {
                i: why for i, why in meant.items() if i == named or i in self.direct.get((event, named), ())
            }
            for (event, named), meant in self.stood.items()
        }

    def inside(self, outer: ItemId) -> list[Interval]:
        return [s for s in self.stays if s.outer == outer and s.until == FOREVER]

    def _marks(self, now: int) -> None:
        here = [e for e in self.record.events if e.at == now and e.names(Role.PARENT)]
        held = {e.parent for e in here if e.parent and self.inside(e.parent)}
        again: list[tuple[Ev, ItemId | None]] = []
        for e in here:
            parent, *_ = e.names(Role.PARENT)
            if parent.action is Action.TAKE_ALL and parent.item in held:
                for stay in self.inside(parent.item):
                    self._end(stay, e, "take")
            elif parent.action is Action.TAKE_ALL:
                again.append((e, None))
            for m in e.names(Role.CHILD):
                if m.action is Action.TAKE and not self._take(e, m):
                    again.append((e, m.item))
        for e in here:
            for m in sorted(e.names(Role.CHILD), key=lambda m: m.item):
                if m.action in PUTS:
                    self._put(e, m)
        for e, child in again:
            for stay in self.inside(e.names(Role.PARENT)[0].item):
                if child in (None, stay.inner):
                    m = next((m for m in e.names(Role.CHILD) if m.item == child), None)
                    self._take(e, m) if m else self._end(stay, e, "take")

    def _put(self, e: Ev, m: Mention) -> None:
        assert e.parent is not None
        for stay in [s for s in self.stays if s.inner == m.item and s.until == FOREVER]:
            if stay.outer == e.parent and not (stay.begun.pending and not e.pending):
                if m.action is Action.PUT and self.record.several(m.item):
                    stay.quantity = _sum(stay.quantity, m.quantity, 1)
                return
            if stay.outer == e.parent or not self.record.several(m.item):
                self._end(stay, e, "elsewhere")
        self.stays.append(Interval(m.item, e.parent, e.at, e, m.item, quantity=m.quantity))

    def _take(self, e: Ev, m: Mention) -> bool:
        found = [s for s in self.inside(e.parent or ItemId("")) if s.inner == m.item]
        for stay in found:
            if self.record.several(m.item) and m.quantity is not None:
                stay.quantity = _sum(stay.quantity, m.quantity, -1)
                if stay.quantity is None or stay.quantity > 0:  # type: ignore[operator]
                    continue
            self._end(stay, e, "take")
        return bool(found)

    def _end(self, stay: Interval, by: Ev, how: str) -> None:
        stay.until, stay.ended, stay.how = by.at, by, how
        if by.pending:
            sure = [e for e in self.record.events if not e.pending and e.at >= by.at and self._marks_it(e, stay)]
            stay.maybe_until = min((e.at for e in sure), default=FOREVER)

    @staticmethod
    def _marks_it(e: Ev, stay: Interval) -> bool:
        """A packing or unpacking that names it, or one that empties its container."""
        emptied = any(m.action is Action.TAKE_ALL for m in e.names(Role.PARENT)) and e.parent == stay.outer
        return emptied or any(m.item == stay.inner for m in e.names(Role.CHILD))

    def _may_be_in(self, box: ItemId, taking: Ev) -> list[tuple[Ev, ItemId]]:
        """What was packed in it on a date of which the use is a part, and is not in it by the end of the use."""
        found = []
        for e in self.record.events:
            for m in e.names(Role.CHILD):
                if e.parent == box and m.action in PUTS:
                    until = self.may_be_until.get((e.facts.event_id, m.item), e.at)
                    if e.facts.begins_us <= taking.at < until:
                        found.append((e, m.item))
        return [(e, i) for e, i in found if i not in {s.inner for s in self.inside(box)}]

    def _stands_for(self, box: ItemId, taking: Ev, key: tuple[str, ItemId]) -> dict[ItemId, frozenset[str]]:
        """What it holds now at every depth; itself too where it is a thing of its own, or holds nothing."""
        found: dict[ItemId, frozenset[str]] = {}
        todo: list[tuple[ItemId, frozenset[str], tuple[ItemId, ...], bool]] = [(box, frozenset(), (box,), True)]
        lots = self.record.partly
        while todo:
            here, doubts, way, told = todo.pop()
            held, may = self.inside(here), self._may_be_in(here, taking)
            # at the top, `nothing held` is told by an empty look (see _over)
            itself = ((here != box or may) and not held) or self.record.own(here) or lots(here)
            if itself and not any(lots(b) for b in way if b != here):
                self.direct.setdefault(key, set()).add(here)
            if itself and told:
                self.told.setdefault(key, set()).add(here)
            if itself and (here not in found or len(doubts) < len(found[here])):
                found[here] = doubts
            for stay in held:
                more = set(doubts)
                if stay.begun.pending:
                    more.add("replacement_pending")
                if lots(here):
                    more.add("inferred")
                if not self.record.several(stay.inner) and self._next_seen_elsewhere(stay, taking):
                    more.add("inferred")
                if (stay.begun.facts.event_id, stay.inner) in self.doubted:
                    more.add("inferred")
                if not self.record.several(stay.inner) and self._may_have_left(stay, taking, way):
                    more.add("inferred")
                if stay.inner not in way:
                    todo.append((stay.inner, frozenset(more), (*way, stay.inner), told and not lots(here)))
            for e, inner in may:
                self.doubted.add((e.facts.event_id, inner))
                more = {*doubts, "inferred", *(["replacement_pending"] if e.pending else [])}
                if inner not in way:
                    todo.append((inner, frozenset(more), (*way, inner), False))
        return found

    def _over(self, box: ItemId, looks: list[dict[ItemId, frozenset[str]]]) -> dict[ItemId, frozenset[str]]:
        """Over the whole duration: all of it, inferred what was not in it throughout."""
        everything = {i for look in looks for i in look}
        if not everything:
            return {box: frozenset()}
        return {
            i: frozenset().union(*(look.get(i, frozenset({"inferred"})) for look in looks)) for i in sorted(everything)
        }

    def _next_seen_elsewhere(self, stay: Interval, taking: Ev) -> bool:
        for e in self.record.events:
            for m in sorted(e.facts.mentions, key=lambda m: m.role):
                if e.at > taking.at and m.item == stay.inner:
                    if m.role is Role.CHILD:
                        return e.parent != stay.outer
                    if m.role is Role.INPUT:
                        return True
                    if m.role is Role.COMPONENT:
                        return e.parent != taking.parent
        return False

    def _may_have_left(self, stay: Interval, taking: Ev, boxes: tuple[ItemId, ...]) -> bool:
        """Something that lasted over the end of this use may have unpacked it, or used a box that it is in."""
        for e in self.record.events:
            if e.facts.event_id == taking.facts.event_id or not e.facts.begins_us <= taking.at < e.at:
                continue
            used = any(takes_up(m) and m.item in boxes for m in e.facts.mentions)
            emptied = any(m.action is Action.TAKE_ALL for m in e.names(Role.PARENT))
            named = any(m.action is Action.TAKE and m.item == stay.inner for m in e.names(Role.CHILD))
            if used or (e.parent in boxes and (emptied or named)):
                return True
        return False

    def _leave(self, takings: list[tuple[Ev, Mention]], now: int) -> None:
        leaving = []
        for e, m in takings:
            stood = self.stood.get((e.facts.event_id, m.item), {m.item: frozenset()})
            inner_boxes = self._within(m.item)
            key = (e.facts.event_id, m.item)
            surely = self.sure.get(key, {m.item}) & self.told.get(key, {m.item})
            for item in stood:
                for stay in [s for s in self.stays if s.inner == item and s.until == FOREVER]:
                    through = item != m.item
                    if self.record.several(item) and not (through and stay.outer in inner_boxes):
                        continue
                    put, use = stay.begun.facts, e.facts
                    exact = put.begins_us == put.latest_us and use.begins_us == use.latest_us
                    overlap = put.begins_us <= use.latest_us and use.begins_us <= put.latest_us
                    if item not in surely or (overlap and not exact):
                        self.doubted.add((stay.begun.facts.event_id, item))
                    elif not self._seen_there_next(stay, now):
                        leaving.append((stay, e))
        for stay, e in leaving:
            if stay.until == FOREVER:
                self._end(stay, e, "taken")

    def _within(self, box: ItemId) -> set[ItemId]:
        found = {box}
        while True:
            more = found | {s.inner for b in found for s in self.inside(b)}
            if more == found:
                return found
            found = more

    def _seen_there_next(self, stay: Interval, now: int) -> bool:
        for e in self.record.events:
            for m in e.names(Role.CHILD):
                if e.at > now and m.item == stay.inner:
                    return e.parent == stay.outer and m.action in (Action.OBSERVE, Action.TAKE)
        return False


def _sum(a: object, b: object, sign: int) -> object:
    return None if a is None or b is None else a + sign * b  # type: ignore[operator]


def parts(record: Record, stood: dict[tuple[str, ItemId], dict[ItemId, frozenset[str]]]) -> list[Interval]:
    """Every part_of interval. A removal ends what the fitting of that name, or of that item, began in that unit."""
    done: list[Interval] = []
    shares: set[tuple[str, ItemId, ItemId]] = set()
    for whole in record.items:
        events = [e for e in record.events if e.parent == whole and e.names(Role.WHOLE)]
        for now in sorted({e.at for e in events}):
            here = [e for e in events if e.at == now]
            mine = [p for p in done if p.outer == whole and p.until == FOREVER]
            empty = not mine
            again: list[tuple[Ev, Mention]] = []
            for e in here:
                for m in sorted(e.names(Role.WHOLE, Role.COMPONENT), key=lambda m: (m.role, m.item)):
                    if m.action is Action.TAKE_ALL and empty:
                        again.append((e, m))
                    elif m.action in (Action.TAKE, Action.TAKE_ALL) and m.role is not Role.WHOLE:
                        if not _remove(done, whole, e=e, m=m, events=events, shares=shares):
                            again.append((e, m))
                    elif m.action is Action.TAKE_ALL:
                        _remove(done, whole, e=e, m=m, events=events, shares=shares)
            for e in here:
                for m in sorted(e.names(Role.COMPONENT), key=lambda m: m.item):
                    if m.action in PUTS:
                        _fit(done, whole, e=e, m=m, stood=stood, events=events)
            for e, m in again:
                _remove(done, whole, e=e, m=m, events=events, shares=shares)
    for p in done:
        p.ended_first = min((e.facts.begins_us for e in record.events if _may_end(p, e, shares)), default=FOREVER)
    return done + [more for p in done for more in _again(p, done, record=record, stood=stood)]


def _ends(p: Interval, e: Ev) -> bool:
    """Whether the event takes it out of its unit: by a name, or everything."""
    everything = any(m.role is Role.WHOLE and m.action is Action.TAKE_ALL for m in e.facts.mentions)
    named = any(m.action is Action.TAKE and m.item in (p.inner, p.named) for m in e.names(Role.COMPONENT))
    return e.parent == p.outer and (everything or named)


def _may_end(p: Interval, e: Ev, shares: set[tuple[str, ItemId, ItemId]]) -> bool:
    """Whatever takes it out, not only a share of it, and is not surely before it was put in."""
    share = (e.facts.event_id, p.named, p.inner) in shares
    return _ends(p, e) and not share and e is not p.begun and e.at > p.begun.facts.begins_us


def _again(
    p: Interval,
    done: list[Interval],
    *,
    record: Record,
    stood: dict[tuple[str, ItemId], dict[ItemId, frozenset[str]]],
) -> list[Interval]:
    """It may be in there again, by fittings of which nothing says whether they came before the removal."""
    if p.ended is None:
        return []
    told = [o.begun for o in done if (o.inner, o.named, o.outer) == (p.inner, p.named, p.outer)]
    out, found = p.ended.facts, []
    for e in record.events:
        puts = any(m.item == p.named and m.action in PUTS for m in e.names(Role.COMPONENT))
        meant = stood.get((e.facts.event_id, p.named), {p.named: frozenset[str]()})
        exact = e.facts.begins_us == e.at and out.begins_us == out.latest_us
        apart = e.facts.begins_us > out.latest_us or out.begins_us > e.at
        if e.parent != p.outer or not puts or e in told or p.inner not in meant or exact or apart:
            continue
        until = min((o.at for o in record.events if _ends(p, o) and o.facts.begins_us > e.at), default=FOREVER)
        more = Interval(p.inner, p.outer, e.at, e, p.named, until, reasons=meant[p.inner] | {"order_uncertain"})
        more.again, more.ended_first = True, e.facts.begins_us
        found.append(more)
    return found


def _fit(
    done: list[Interval],
    whole: ItemId,
    *,
    e: Ev,
    m: Mention,
    stood: dict[tuple[str, ItemId], dict[ItemId, frozenset[str]]],
    events: list[Ev],
) -> None:
    for item, reasons in stood.get((e.facts.event_id, m.item), {m.item: frozenset()}).items():
        open_ = [p for p in done if (p.inner, p.named, p.outer) == (item, m.item, whole) and p.until == FOREVER]
        if open_ and not (open_[0].begun.pending and not e.pending):
            if m.action is Action.PUT and open_[0].quantity is not None and m.quantity is not None:
                open_[0].quantity = _sum(open_[0].quantity, m.quantity, 1)
            continue
        for p in open_:
            _end_part(p, e, events)
        why = reasons | ({"replacement_pending"} if e.pending else set())
        done.append(Interval(item, whole, e.at, e, m.item, reasons=frozenset(why), quantity=m.quantity))


def _remove(
    done: list[Interval],
    whole: ItemId,
    *,
    e: Ev,
    m: Mention,
    events: list[Ev],
    shares: set[tuple[str, ItemId, ItemId]],
) -> bool:
    everything = m.role is Role.WHOLE
    found = [
        p for p in done if p.outer == whole and p.until == FOREVER and (everything or m.item in (p.inner, p.named))
    ]
    for p in found:
        if not everything and m.quantity is not None and p.quantity is not None and m.quantity < p.quantity:  # type: ignore[operator]
            p.quantity = _sum(p.quantity, m.quantity, -1)
            shares.add((e.facts.event_id, p.named, p.inner))
        else:
            _end_part(p, e, events)
    return bool(found)


def _end_part(p: Interval, by: Ev, events: list[Ev]) -> None:
    p.until, p.ended = by.at, by
    if by.pending:
        sure = [
            e.at
            for e in events
            if not e.pending
            and e.at >= by.at
            and any(
                (m.role is Role.WHOLE and m.action is Action.TAKE_ALL)
                or (m.role is Role.COMPONENT and m.item in (p.inner, p.named))
                for m in e.facts.mentions
            )
        ]
        p.maybe_until = min(sure, default=FOREVER)
