"""What flows into what: derivation links of the inputs that are named (SEMANTICS §3)."""

from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache

from domain.assembly import SOFTWARE_INSTALLED
from domain.facts import Action, Role
from domain.ids import ItemId
from domain.links import Link, Relation
from domain.record import Found, Need
from domain.stays import Containment
from domain.transformations import Output, Transformation
from domain.uses import Used, Uses

SURE_BASES = (None, "scanned", "declared")


@lru_cache(maxsize=512)
def _shared(reasons: frozenset[str]) -> frozenset[str]:
    """One set for all links that have these reasons: there are few, and very many links."""
    return reasons


@dataclass(frozen=True, slots=True)
class Flow:
    """A transformation and every use in it that stands."""

    transformation: Transformation
    used: list[Used]


class Derivations:
    """Builds derivation links."""

    def __init__(self, uses: Uses) -> None:
        self.uses = uses
        self._flows: dict[str, Flow] = {}
        self._transformations: dict[str, Transformation] = {}

    # -- derivation

    def load_targets(self, taken: dict[ItemId, list[Used]]) -> Generator[Need, Found, set[ItemId]]:
        """Load the transformations and units the uses lead to; returns containers among their other inputs."""
        uses = [u for us in taken.values() for u in us]
        keys = frozenset(
            u.naming.event.facts.transformation
            for u in uses
            if u.naming.mention.role is Role.INPUT and u.naming.event.facts.transformation is not None
        )
        wholes = frozenset(
            u.naming.event.facts.parent
            for u in uses
            if u.naming.mention.role is Role.COMPONENT and u.naming.event.facts.parent is not None
        )
        yield from self.uses.known.require(Need(transformations=keys, linked=wholes))
        # other inputs matter only where several outputs could have come from either
        split = {k for k in keys if len({n.mention.item for n in self.uses.flows(k, Role.OUTPUT)}) > 1}
        others = {n.mention.item for k in split for n in self.uses.flows(k, Role.INPUT)}
        yield from self.uses.load_inputs(others)
        emptied = {
            n.event.no
            for whole in wholes
            for n in self.uses.namings(whole, Role.WHOLE)
            if any(m.mention.action is Action.TAKE_ALL for m in self.uses.namings(whole, Role.WHOLE))
        }
        may_run = {u.naming.event.facts.parent for u in uses if u.naming.mention.item.kind == "lot"}
        versions = {
            n.event.no
            for whole in wholes & may_run
            for n in self.uses.namings(whole, Role.WHOLE)
            if n.event.facts.kind == SOFTWARE_INSTALLED
        }
        yield from self.uses.known.require(Need(contents=frozenset(emptied | versions)))
        return set() if self.uses.follow_all else {o for o in others if self.uses.is_container(o)}

    def flow(self, key: str, around: Containment) -> Flow:
        """The transformation with everything that was used in it. Each is built once a look: see `start`."""
        if key not in self._flows:
            transformation = self.transformation(key)
            used = (u for n in transformation.inputs for u in self.uses.expand(n, around))
            standing = [s for u in used if (s := transformation.standing(u)) is not None]
            self._flows[key] = Flow(transformation, standing)
        return self._flows[key]

    def transformation(self, key: str) -> Transformation:
        """The transformation alone."""
        if key not in self._transformations:
            self._transformations[key] = Transformation(self.uses.known.found.transformations.get(key, []))
        return self._transformations[key]

    def start(self) -> None:
        """A new look: what is known has changed."""
        self._flows.clear()
        self._transformations.clear()

    def links_of(self, used: Used, around: Containment) -> list[Link]:
        """The links of one use to every output that it meets."""
        flow = self.flow(used.naming.event.facts.transformation or "", around)
        standing = flow.transformation.standing(used)
        if standing is None:
            return []
        clear = self.clear(standing, flow)
        met = flow.transformation.met_by(used.naming)
        return [derivation(standing, out, clear=clear) for outs in met.values() for out in outs]

    def links_into(self, key: str, around: Containment) -> dict[ItemId, list[Link]]:
        """The links of every use to every output, by output."""
        flow = self.flow(key, around)
        found: dict[ItemId, list[Link]] = {}
        for used in flow.used:
            clear = self.clear(used, flow)
            for item, outs in flow.transformation.met_by(used.naming).items():
                found.setdefault(item, []).extend(derivation(used, out, clear=clear) for out in outs)
        return found

    def clear(self, used: Used, flow: Flow) -> bool:
        """A single output, or declared mixed, or no other input item of the same (or an unknown) material."""
        transformation = flow.transformation
        if transformation.mixed or len(transformation.met_by(used.naming)) == 1:
            return True
        mine = self.uses.materials(used.item)
        same = self.uses.names(used.item)
        for other in {u.item for u in flow.used if transformation.meet_alike(used.naming, u.naming)} - same:
            theirs = self.uses.materials(other)
            if not mine or not theirs or mine & theirs:
                return False
        return True


def derivation(used: Used, out: Output, *, clear: bool) -> Link:
    """The link of one use to one output; `clear`: nothing else can be what this output came from."""
    naming, doubts = out
    taken, made = used.naming.event.facts, naming.event.facts
    reasons = set(used.reasons | doubts)
    basis = used.naming.mention.basis
    if basis not in SURE_BASES:
        reasons.add("basis")
    if not clear:
        reasons.add("several_inputs")
    if used.naming.event.pending or naming.event.pending:
        reasons.add("replacement_pending")
    against = taken.begins_us > made.latest_us
    if against:
        reasons.add("against_time")
    return Link(
        relation=Relation.DERIVATION,
        source=used.item,
        target=naming.mention.item,
        event_id=taken.event_id,
        since_us=taken.latest_us,
        leave_us=taken.begins_us,
        leave_until_us=taken.latest_us,
        reach_us=max(taken.begins_us, made.begins_us),
        reach_until_us=made.latest_us,
        against_time=against,
        quantity=used.naming.mention.quantity,
        uom=used.naming.mention.uom,
        basis=str(basis) if basis is not None else None,
        reasons=_shared(frozenset(reasons)),
    )
