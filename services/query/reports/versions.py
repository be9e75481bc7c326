"""Versions of a recall's population: a freeze or an evaluation is one; the population of each (49 CFR 573.6)."""

from dataclasses import dataclass, field
from decimal import Decimal

from domain.cases import acts
from domain.cases.recall import RecallCase, fold
from domain.cases.sets import CERTAIN
from domain.ids import ItemId
from services.problems import Problem
from services.query.reports.members import Parts, Place, changed_members, members_of
from services.query.snapshot import Asked
from services.query.working_set import removed_from


@dataclass(frozen=True, slots=True)
class Version:
    """A population as it stood when this was recorded. `name`: `freeze:1`, `evaluation:3`."""

    name: str
    place: Place


@dataclass(slots=True)
class Population:
    """The units of a version, as they were stored: top units with their certainty, loose spares apart."""

    units: dict[ItemId, str] = field(default_factory=dict)
    spares: set[ItemId] = field(default_factory=set)
    lots: dict[ItemId, tuple[Decimal | None, str | None]] = field(default_factory=dict)
    """lots told by quantity: they have no serials, or not all"""

    @property
    def certain(self) -> set[ItemId]:
        return {unit for unit, sure in self.units.items() if sure == CERTAIN}


def versions_of(case: RecallCase) -> list[Version]:
    """Every version there is, in the order they were recorded."""
    found = []
    for one in case.history:
        match one.act:
            case acts.Frozen(freeze=n):
                found.append(Version(f"freeze:{n}", one.place))
            case acts.Evaluated(evaluation=n) as act if act.added or act.withdrawn or _turned(act):
                found.append(Version(f"evaluation:{n}", one.place))
            case _:
                continue
    return sorted(found, key=lambda v: v.place)


def _turned(act: acts.Evaluated) -> bool:
    return bool(act.became_certain or act.became_possible)


def version_asked(case: RecallCase, name: str, parameter: str) -> Version:
    """The version of that name. Raises Problem 422 that lists those there are."""
    found = versions_of(case)
    for version in found:
        if version.name == name:
            return version
    known = ", ".join(v.name for v in found) or "none yet"
    raise Problem(422, "invalid-parameter", f"{parameter}: {name[:40]} is no version of this recall; there are {known}")


async def population(asked: Asked, case: RecallCase, version: Version | None) -> Population:
    """The population of a version; None: as it stands at the point of the snapshot."""
    until = version.place if version is not None else None
    then = case if until is None else fold(one for one in case.history if one.place <= until)
    found = Population()
    if then is None:
        return found
    removed = removed_from(then.history)
    newest: dict[ItemId, Place] = {}
    changed = await changed_members(asked, then, until=until)
    parts = Parts.of_working_set(then) if version is None else Parts.of_newest(then)
    async for _, place, members in members_of(asked, then, parts, until=until):
        for member in members:
            item = ItemId(member["item"])
            if item in removed and place < removed[item]:
                continue
            if member["kind"] == "lot" and member.get("quantity") is not None:
                found.lots[item] = (Decimal(member["quantity"]), member.get("uom"))
            if member["kind"] != "unit":
                continue
            if member.get("loose_spare"):
                found.spares.add(item)
            elif member.get("top") and place >= newest.get(item, place):
                newest[item] = place  # of two sets that have it, what was found later
                found.units[item] = member["certainty"]
    for uri, (_, place, member) in changed.items():
        if (item := ItemId(uri)) in newest and place > newest[item]:
            found.units[item] = member["certainty"]
    return found
