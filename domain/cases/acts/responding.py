"""What those who have the items are told and answer: notices, responses, verdicts, remedies, effectiveness checks."""

from decimal import Decimal
from typing import Literal

from domain.cases.acts.common import CheckLevel, ItemAmount, Remedy, SampledOf, Told, Verdict, Whereabouts
from domain.ids import ItemId
from domain.moments import Moment
from domain.values import value


@value(frozen=True, slots=True, kw_only=True)
class Notified(Told):
    """A consignee was told of `items` (all of theirs where empty)."""

    act: Literal["notified"] = "notified"
    consignee: str
    how: str
    at: Moment
    items: tuple[ItemId, ...] = ()
    document_sha256: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Acknowledged(Told):
    """A consignee confirmed that the notice came."""

    act: Literal["acknowledged"] = "acknowledged"
    consignee: str
    at: Moment
    by: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Responded(Told):
    """What a consignee says of their items."""

    act: Literal["responded"] = "responded"
    consignee: str
    at: Moment
    whereabouts: Whereabouts
    items: tuple[ItemAmount, ...]


@value(frozen=True, slots=True, kw_only=True)
class Recovered(Told):
    """Items came back, or were seen to."""

    act: Literal["recovered"] = "recovered"
    at: Moment
    items: tuple[ItemAmount, ...]
    consignee: str | None = None


@value(frozen=True, slots=True, kw_only=True)
class Unreachable(Told):
    """A consignee, or an owner of items, cannot be reached (49 CFR 573.7 asks why)."""

    act: Literal["unreachable"] = "unreachable"
    why: Literal["exported", "stolen", "scrapped", "no_notice_received", "unknown", "other"]
    at: Moment | None = None
    consignee: str | None = None
    items: tuple[ItemAmount, ...] = ()


@value(frozen=True, slots=True, kw_only=True)
class VerdictGiven(Told):
    """What an examination says of units, in this case."""

    act: Literal["verdict_given"] = "verdict_given"
    verdict: Verdict
    items: tuple[ItemAmount, ...]
    at: Moment | None = None
    consignee: str | None = None
    """with whom they are, where some of a lot are meant"""


@value(frozen=True, slots=True, kw_only=True)
class Remedied(Told):
    """Items got their remedy."""

    act: Literal["remedied"] = "remedied"
    remedy: Remedy
    items: tuple[ItemAmount, ...]
    at: Moment | None = None
    consignee: str | None = None
    """with whom they are, where some of a lot are meant"""


@value(frozen=True, slots=True, kw_only=True)
class Sampled(Told):
    """Which consignees an effectiveness check asks: drawn by seed from a population, and stored.

    `population` consignees were there, `population_sha256` is of their sorted ids, a line each. A sample of many comes
    in `parts`, each with all that is common to them; `part` counts from 0.
    """

    act: Literal["sampled"] = "sampled"
    level: CheckLevel
    seed: int
    population: int
    consignees: tuple[str, ...]
    share: Decimal | None = None
    of: SampledOf | None = None
    population_sha256: str | None = None
    part: int | None = None
    parts: int | None = None


@value(frozen=True, slots=True, kw_only=True)
class EffectivenessChecked(Told):
    """What a check at one consignee found."""

    act: Literal["effectiveness_checked"] = "effectiveness_checked"
    consignee: str
    at: Moment
    effective: bool
    detail: str | None = None
