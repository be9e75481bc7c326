"""From the acts of a case to what its clocks hear (docs/recall.md, 'Clocks')."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.cases import acts
from domain.cases.calendars import Calendar
from domain.cases.clocks import Clock, Happening, clocks_of
from domain.cases.record import Recorded
from domain.cases.regimes import Regime
from domain.moments import Moment


def happened_in(history: Iterable[Recorded]) -> list[Happening]:
    """What happened in a case, by the names that profiles use, in the order of its acts."""
    return [one for recorded in history for one in _happened(recorded)]


def regimes_of(history: Iterable[Recorded]) -> tuple[str, ...]:
    """The codes of the regimes that a case is under: what it said last."""
    found: tuple[str, ...] = ()
    for recorded in history:
        match recorded.act:
            case acts.Opened(regimes=codes):
                found = codes
            case acts.Described(regimes=codes) if codes is not None:
                found = codes
            case _:
                pass
    return tuple(dict.fromkeys(found))


def clocks_in(
    history: Sequence[Recorded],
    regimes: Mapping[str, Regime],
    *,
    calendars: Mapping[str, Calendar],
    now_us: int,
) -> tuple[Clock, ...]:
    """The clocks of a case under all its regimes; of one that no profile describes, none."""
    happened = happened_in(history)
    known = [regimes[code] for code in regimes_of(history) if code in regimes]
    return tuple(
        clock for r in known for clock in clocks_of(r, happened, calendar=calendars[r.calendar], now_us=now_us)
    )


def _happened(recorded: Recorded) -> Iterator[Happening]:
    recorded_at = Moment.parse(recorded.occurred_at)
    match recorded.act:
        case acts.ClockStarted(trigger=name, at=at):
            yield _at(name, at, recorded)
        case acts.ClockMet(clock=clock, at=at, nth=nth):
            regime, _, duty = clock.rpartition(".")
            yield _at(f"met:{duty}", at, recorded, regime=regime or None, step=nth)
        case acts.Scoped(change=change) as act:
            yield _at(act.act, recorded_at, recorded)
            yield _at(f"scoped:{change}", recorded_at, recorded)
        case acts.Opened(incident=facts) | acts.IncidentReported(facts=facts) as act:
            if facts is not None and facts.known_at is not None:
                yield _at("incident_known", facts.known_at, recorded)
            yield _at(act.act, recorded_at, recorded)
        case acts.StageReported(stage=stage, at=at):
            yield _at(f"reported:{stage}", at, recorded)
        case acts.Notified(at=at) as act:
            yield _at(act.act, at, recorded)
        case act:
            yield _at(act.act, recorded_at, recorded)


def _at(name: str, at: Moment, recorded: Recorded, *, regime: str | None = None, step: int | None = None) -> Happening:
    return Happening(name, at.earliest_us, at.latest_us, recorded.event_id, regime, step)
