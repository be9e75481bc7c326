"""Mock recalls: run and kept, when asked for and by the watch that runs one an interval in every tenant."""

import time
from collections.abc import Callable, Sequence

from domain.cases.acts import AnyAct
from domain.cases.record import Recorded
from domain.moments import to_us
from services.access.callers import OWN_SOURCE, the_service
from services.cases.commands import CaseDesk, Command
from services.cases.jobs import Work
from services.problems import Problem
from services.query.drilling import drill
from services.query.questions.drills import drill_of
from services.query.snapshot import Questions

_LOOK_AGAIN_SECONDS = 60.0
"""A tenant without lots is looked at again after this."""


async def run_and_keep(
    desk: CaseDesk, questions: Questions, command: Command, *, seed: int, lot: str | None = None
) -> Recorded:
    """Run a drill and record it. Raises Problem, 409 `case-exists` where the id is another case's."""
    async with questions.ask(command.caller, None) as asked:
        item = await asked.item(lot) if lot is not None else None
        if item is not None and item.kind not in ("lot", None):
            raise Problem(422, "not-a-lot", f"{item} is a {item.kind}: a drill is of a lot", item=str(item))
        result = await drill(questions, asked, seed=seed, lot=item)

    def next_act(history: Sequence[Recorded]) -> AnyAct:
        if history:
            detail = f"case {command.case_id} is there already: choose another id"
            raise Problem(409, "case-exists", detail, case=command.case_id)
        return result

    return (await desk.do(command, next_act)).recorded


class ScheduledDrills:
    """Runs one drill an interval. Its id and seed hang on the interval alone: of two processes one is kept."""

    name = "drills"

    def __init__(
        self, desk: CaseDesk, questions: Questions, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk, self._questions, self._monotonic = desk, questions, monotonic
        self._done: dict[int, int] = {}
        self._not_before: dict[int, float] = {}

    async def work(self, work: Work) -> bool:
        """See services.cases.jobs.Job."""
        interval_us = int(self._desk.settings.drill_interval_hours * 3_600_000_000)
        if not interval_us or self._monotonic() < self._not_before.get(work.tenant_id, 0.0):
            return False
        number = to_us(self._desk.clock.now()) // interval_us
        if self._done.get(work.tenant_id) == number:
            return False
        case_id = f"drill-{interval_us // 1_000_000}s-{number}"
        ran = False
        if drill_of(await self._desk.acts(work.tenant_id, case_id)) is None:
            try:
                command = Command(
                    case_id=case_id,
                    case_type="drill",
                    caller=the_service(work.tenant_id),
                    actor=OWN_SOURCE,
                    reason=f"every {self._desk.settings.drill_interval_hours:g} hours",
                )
                await run_and_keep(self._desk, self._questions, command, seed=number)
                ran = True
            except Problem as problem:
                if problem.code == "no-lots":
                    self._not_before[work.tenant_id] = self._monotonic() + _LOOK_AGAIN_SECONDS
                    return False
                if problem.code not in ("case-exists", "case-changed"):
                    raise
        self._done[work.tenant_id] = number
        return ran
