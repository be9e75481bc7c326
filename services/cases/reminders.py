"""The job that reminds of what comes due: one act a duty and share of the time allowed, in the log."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import inf

from domain.cases import acts
from domain.cases.clocks import Clock
from domain.cases.record import Recorded
from domain.events.casework import CaseRecorded, chunk_id
from domain.moments import Moment, from_us, to_us
from services.access.callers import OWN_SOURCE
from services.cases.commands import CaseDesk
from services.cases.jobs import Work
from services.query.clocks_json import case_clocks, clock_name
from services.regimes.profiles import Profiles


class Reminders:
    """Reminds in every case that is no exercise. What it appends hangs on the clock alone: again is a duplicate."""

    name = "reminders"

    def __init__(self, desk: CaseDesk, profiles: Profiles) -> None:
        self._desk, self._profiles = desk, profiles
        self._quiet: dict[tuple[int, str], tuple[int, float]] = {}
        """by case: how many acts it had when nothing was due, and until when that holds"""

    async def work(self, work: Work) -> bool:
        """See services.cases.jobs.Job."""
        opened = next((a for a in work.acts if isinstance(a.act, acts.Opened)), None)
        if opened is None or (isinstance(opened.act, acts.Opened) and opened.act.mode == "mock"):
            return False
        now_us, key = to_us(self._desk.clock.now()), (work.tenant_id, work.case_id)
        seen, until_us = self._quiet.get(key, (-1, 0.0))
        if seen == len(work.acts) and now_us < until_us:
            return False
        clocks = case_clocks(work.acts, self._profiles, now_us=now_us)
        told = {a.event_id for a in work.acts if isinstance(a.act, acts.Reminded)}
        reminders = [
            _reminder(opened, clock, share)
            for clock in clocks
            if (share := clock.reached(self._shares(clock), now_us)) is not None
        ]
        fresh = [r for r in reminders if r.event_id not in told]
        if not fresh:
            changes = [at_us for c in clocks if (at_us := c.changes_us(self._shares(c), now_us)) is not None]
            self._quiet[key] = (len(work.acts), min(changes, default=inf))
            return False
        positions = await self._desk.append(work.tenant_id, OWN_SOURCE, fresh)
        # Seen before the case is looked at again, or they would be sent once more.
        await self._desk.seen(positions)
        return True

    def _shares(self, clock: Clock) -> Sequence[Fraction]:
        return self._profiles.regimes[clock.regime].remind_at


def _reminder(opened: Recorded, clock: Clock, share: Fraction) -> CaseRecorded:
    """The same for whoever makes it, whenever."""
    name = clock_name(clock.regime, clock.duty.code)
    reached_us = clock.started_us + int(share * (clock.due_us - clock.started_us))
    percent = int(share * 100)
    return CaseRecorded(
        occurred_at=Moment.parse(from_us(reached_us)),
        event_id=chunk_id(opened.case_id, f"reminded.{name}", number=clock.step, chunk=percent),
        case_id=opened.case_id,
        case_type=opened.case_type,
        actor=OWN_SOURCE,
        act=acts.Reminded(
            clock=name,
            due=Moment.parse(from_us(clock.due_us)),
            overdue=share >= 1,
            nth=clock.step,
            share=Decimal(percent) / 100,
        ),
    )
