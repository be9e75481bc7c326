"""Consignees of a recall over SQL, and as JSON: who got what, what they were told and what they said."""

from dataclasses import dataclass, field
from typing import Any

from domain.cases import acts
from domain.cases.buckets import Claim
from domain.cases.claims import claims_of
from domain.cases.consignees import Consignee, Consignees, Got
from domain.cases.population import Population
from domain.cases.recall import RecallCase
from domain.cases.record import Recorded
from services.query.recall_custody import custodies, ours
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
    members = await working_set(asked, case)
    population = Population(members)
    tree = Consignees(only)
    counted = [item for item, flags in members.items() if flags.kind in ("unit", "lot")]
    whose = await ours(asked, own_party)
    async for some in custodies(asked, counted, whose=whose, case_id=case.case_id):
        for one in some.values():
            if one.kind == "lot" or population.unit(one) is not None:
                tree.add(one)
    return tree


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
