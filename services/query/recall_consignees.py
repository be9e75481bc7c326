"""Consignees of a recall over SQL, and as JSON: who got what, what they were told and what they said."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.cases import acts
from domain.cases.buckets import Claim
from domain.cases.claims import claims_of
from domain.cases.consignees import Consignee, Consignees, Got
from domain.cases.custody import Custody
from domain.cases.population import SEVERAL, Population
from domain.cases.recall import RecallCase
from domain.cases.record import Recorded
from domain.ids import ItemId
from services.query.recall_custody import custodies, ours, to_be_read
from services.query.rendering import text, time
from services.query.snapshot import Asked
from services.query.working_set import working_set

NOBODY_NAMED = "unknown"
"""How the consignee is asked for whom the record does not name."""


@dataclass(slots=True)
class Answered:
    """What one consignee was told and said: the newest of each."""

    notified: acts.Notified | None = None
    notified_times: int = 0
    acknowledged: Recorded | None = None
    responded: Recorded | None = None
    unreachable: acts.Unreachable | None = None
    checked: acts.EffectivenessChecked | None = None
    claims: list[Claim] = field(default_factory=list)


async def consignees(asked: Asked, case: RecallCase, *, own_party: str, only: str | None = None) -> Consignees:
    """The tree of consignees of what counts (top units, loose spares, lots); of `only`, what they got as well."""
    tree = Consignees(only)

    def add(some: list[Custody]) -> None:
        for one in some:
            tree.add(one)

    async for some in custodies_counted(asked, case, own_party=own_party):
        await asyncio.to_thread(add, some)
    return tree


async def custodies_counted(asked: Asked, case: RecallCase, *, own_party: str) -> AsyncIterator[list[Custody]]:
    """The custody of what counts (top units, loose spares, lots), in the order of items, some at a time."""
    members = await working_set(asked, case)
    population = Population(members)
    whose = await ours(asked, own_party)
    reading = await to_be_read(asked, members)

    def counted(some: Mapping[ItemId, Custody]) -> list[Custody]:
        return [one for one in some.values() if one.kind in SEVERAL or population.unit(one) is not None]

    async for some in custodies(asked, reading.items, whose=whose, case_id=case.case_id):
        yield await asyncio.to_thread(counted, some)


def answered_by(case: RecallCase) -> dict[str, Answered]:
    """By consignee, what the acts tell of them."""
    found: dict[str, Answered] = {}
    for one in case.history:
        match one.act:
            case acts.Notified(consignee=c) as act:
                mine = found.setdefault(c, Answered())
                mine.notified, mine.notified_times = act, mine.notified_times + 1
            case acts.Acknowledged(consignee=c):
                found.setdefault(c, Answered()).acknowledged = one
            case acts.EffectivenessChecked(consignee=c) as act:
                found.setdefault(c, Answered()).checked = act
            case acts.Unreachable(consignee=c) as act if c is not None:
                found.setdefault(c, Answered()).unreachable = act
            case (
                acts.Responded(consignee=c)
                | acts.Recovered(consignee=c)
                | acts.Remedied(consignee=c)
                | acts.VerdictGiven(consignee=c)
            ) if c is not None:
                found.setdefault(c, Answered()).responded = one
            case _:
                continue
    for claim in claims_of(case.history):
        if claim.party is not None:
            found.setdefault(claim.party, Answered()).claims.append(claim)
    return found


def consignee_json(one: Consignee, said: Answered | None) -> dict[str, Any]:
    """One consignee of the list."""
    told = said or Answered()
    return {
        "consignee": one.party or None,
        "direct": one.direct,
        "owner": one.owner,
        "units": one.items,
        "units_there": one.has,
        "quantities": [
            {"uom": uom, "quantity": text(q)} for uom, q in sorted(one.quantities.items(), key=lambda i: i[0] or "")
        ],
        "unknown_quantity": one.unsure,
        "came_from": dict(sorted(one.came_from.items())),
        "passed_to": dict(sorted(one.passed_to.items())),
        "notified": {
            "times": told.notified_times,
            "at": told.notified.at.text if told.notified is not None else None,
            "how": told.notified.how if told.notified is not None else None,
        },
        "acknowledged_at": _at(told.acknowledged),
        "responded_at": _at(told.responded),
        "unreachable": told.unreachable.why if told.unreachable is not None else None,
        "effective": told.checked.effective if told.checked is not None else None,
    }


def _at(one: Recorded | None) -> str | None:
    if one is None:
        return None
    at = getattr(one.act, "at", None)
    return at.text if at is not None else one.occurred_at


def got_json(got: Got) -> dict[str, Any]:
    """One item of a consignee's list."""
    return {
        "item": got.item,
        "kind": got.kind,
        "received_by": got.event_id,
        "at": time(got.at_us),
        "via": got.via if got.via != got.item else None,
        "came_from": got.came_from or None,
        "there": got.has,
        "passed_to": got.passed_to,
        "quantity": text(got.quantity),
        "uom": got.uom,
    }


def totals_json(listed: list[Consignee], said: dict[str, Answered]) -> dict[str, int]:
    """How many there are, were told and answered (21 CFR 7.53): owners apart."""
    told = [said.get(c.party, Answered()) for c in listed if not c.owner]
    answered = [t for t in told if t.acknowledged or t.responded]
    return {
        "accounts": len(told),
        "direct": sum(c.direct and not c.owner for c in listed),
        "owners": sum(c.owner for c in listed),
        "notified": sum(t.notified is not None for t in told),
        "responding": len(answered),
        "not_responding": sum(t.notified is not None and not (t.acknowledged or t.responded) for t in told),
        "unreachable": sum(t.unreachable is not None for t in told),
    }


def effectiveness_json(case: RecallCase) -> list[dict[str, Any]]:
    """Each sample that was drawn, and what the checks of its consignees found; the last one of a consignee counts."""
    checked: dict[str, acts.EffectivenessChecked] = {}
    samples: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in case.history:
        if isinstance(one.act, acts.EffectivenessChecked):
            checked[one.act.consignee] = one.act
        elif isinstance(one.act, acts.Sampled):
            act = one.act
            key = (act.level, act.seed, act.share, act.of, act.population_sha256, act.population)
            about = {"level": act.level, "of": act.of, "seed": act.seed, "share": text(act.share)}
            of = {"population": act.population, "population_sha256": act.population_sha256}
            by = {"actor": one.actor, "drawn_at": one.occurred_at, "drawn": []}
            samples.setdefault(key, {**about, **of, **by})["drawn"] += act.consignees
    for sample in samples.values():
        found = [checked[c] for c in sample["drawn"] if c in checked]
        sample["checked"], sample["effective"] = len(found), sum(f.effective for f in found)
        sample["not_effective"] = [f.consignee for f in found if not f.effective]
        sample["open"] = [c for c in sample["drawn"] if c not in checked]
    return list(samples.values())
