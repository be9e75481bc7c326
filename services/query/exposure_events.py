"""Which events were under a circumstance in a window of time, and which beside it may have lasted into it."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import asyncpg

from domain.bookings import BOOKED_WITHIN_US, BOOKING
from domain.exposure import INSPECTED, RECEIVED, Circumstance
from services.query.snapshot import Asked
from services.readmodel.dimensions import IDLE, INSTANTS, TOLD, UNTOLD, least_begun_us

INSIDE, BEFORE, AFTER = range(3)
"""Sides of a window."""
NEIGHBOURS_READ, WIDER = 10, 40
"""Events on one side that are looked at first, and how many times as many whenever none of them exposed anything."""

_EVER_US, _NEVER_US = -(1 << 63), (1 << 63) - 1
_COMMON = ("site", "shift", "line", "operator")
"""Dimensions that most events have: events are found by the others."""

_HERE = "FROM views.dimensions d WHERE d.tenant_id = $1 AND d.dimension = {dimension} AND d.value = {value}"
_OVERLAPPING = f"""
-- what has class n and overlaps the window began since from_us: the index is read once a class. `+ 0` keeps the planner
-- from reading all that was ever done later instead
SELECT {INSIDE} AS side, w.event_no, 0::bigint AS at_us
FROM unnest({{classes}}::smallint[], {{froms}}::bigint[]) AS c(span_class, from_us)
CROSS JOIN LATERAL (
    SELECT d.event_no {_HERE} AND d.span_class = c.span_class AND d.begun_us >= c.from_us AND d.begun_us < {{until}}
    AND d.latest_us + 0 >= {{since}} {{others}} OFFSET 0
) AS w
"""
_ENDED_BEFORE = f"""
-- those that tell no start, the last first: of what names an instant alone, the last by its begin is that
SELECT {BEFORE}, b.event_no, b.at_us FROM (
    SELECT i.* FROM unnest({{instants}}::smallint[]) AS c(span_class) CROSS JOIN LATERAL (
        SELECT d.event_no, d.begun_us AS at_us {_HERE} AND d.span_class = c.span_class AND d.begun_us < {{since}}
        {{others}} ORDER BY d.begun_us DESC FETCH FIRST ({{most}}) ROWS WITH TIES
    ) AS i
    UNION ALL
    (SELECT d.event_no, d.latest_us {_HERE} AND d.span_class < -1 AND d.span_class <> -9
     AND d.span_class = ANY ({{untold}}::smallint[]) AND d.latest_us < {{since}}
     {{others}} ORDER BY d.latest_us DESC FETCH FIRST ({{most}}) ROWS WITH TIES)
) AS b
"""
_BEGUN_AFTER = f"""
SELECT {AFTER}, a.event_no, a.at_us FROM unnest({{untold}}::smallint[]) AS c(span_class)
CROSS JOIN LATERAL (
    SELECT d.event_no, d.begun_us AS at_us {_HERE} AND d.span_class = c.span_class AND d.begun_us >= {{until}}
    {{others}} ORDER BY d.begun_us FETCH FIRST ({{most}}) ROWS WITH TIES
) AS a
"""
# OFFSET keeps the planner from joining all that ever had the other value.
_ANOTHER = """AND EXISTS (
        SELECT FROM views.dimensions o WHERE o.tenant_id = $1 AND o.dimension = {%s} AND o.value = {%s}
        AND o.span_class = d.span_class AND o.begun_us = d.begun_us AND o.event_no = d.event_no OFFSET 0)"""
_VALUES = """p.name = {name} AND ({at_least}::numeric IS NULL OR p.value >= {at_least})
        AND ({at_most}::numeric IS NULL OR p.value <= {at_most})"""
_WITH_VALUE = f"AND EXISTS (SELECT FROM views.parameters p WHERE p.event_no = d.event_no AND {_VALUES} OFFSET 0)"

_MATCHING = f"""
-- events with such a value: when they were, each tells itself
WITH matching AS (
    SELECT e.event_no, e.latest_us, e.started_us IS NULL AND e.kind <> '{BOOKING}' AS untold, coalesce(
        e.started_us, e.earliest_us - CASE e.kind WHEN '{BOOKING}' THEN {BOOKED_WITHIN_US} ELSE 0 END) AS begun_us
    FROM views.events e WHERE e.event_no IN (
        SELECT p.event_no FROM views.parameters p WHERE p.tenant_id = $1 AND {_VALUES}))
"""
_BY_PARAMETER = (
    f"SELECT {INSIDE} AS side, event_no, 0::bigint AS at_us FROM matching"
    " WHERE begun_us < {until} AND latest_us >= {since}",
    f"(SELECT {BEFORE} AS side, event_no, latest_us AS at_us FROM matching"
    " WHERE untold AND latest_us < {since} ORDER BY latest_us DESC FETCH FIRST ({most}) ROWS WITH TIES)",
    f"(SELECT {AFTER} AS side, event_no, begun_us AS at_us FROM matching"
    " WHERE untold AND begun_us >= {until} ORDER BY begun_us FETCH FIRST ({most}) ROWS WITH TIES)",
)


class Beside(NamedTuple):
    """Events on one side of a window, instant by instant from its edge on: of each instant all. `complete`: no more."""

    instants: Sequence[Sequence[int]] = ()
    complete: bool = True


class Around(NamedTuple):
    """Events that overlap a window, and the nearest that may have lasted into it."""

    inside: Sequence[int]
    beside: Mapping[int, Beside]
    """by side"""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing at all."""
        return not self.inside and not any(side.instants for side in self.beside.values())


class ExposureEvents:
    """Finds numbers of events that match a circumstance, whether they count or not."""

    def __init__(self, asked: Asked, circumstance: Circumstance) -> None:
        self._asked = asked
        since_us, until_us = circumstance.since_us, circumstance.until_us
        lasts = not {name for name, _ in circumstance.dimensions} & RECEIVED
        self._sides = [s for s, edge_us in ((BEFORE, since_us), (AFTER, until_us)) if lasts and edge_us is not None]
        of_subjects = circumstance.parameter is not None or {d for d, _ in circumstance.dimensions} & INSPECTED
        untold = (*UNTOLD, *IDLE) if of_subjects or not lasts else UNTOLD
        classes = (*TOLD, *untold)
        begun = [since_us if since_us is None else least_begun_us(n, since_us) for n in classes]
        self._values: dict[str, Any] = {
            "since": _EVER_US if since_us is None else since_us,
            "until": _NEVER_US if until_us is None else until_us,
            "classes": classes,
            "froms": [_EVER_US if at_us is None else at_us for at_us in begun],
            "untold": untold,
            "instants": [n for n in untold if n in INSTANTS],
        }
        if circumstance.parameter is not None:
            p = circumstance.parameter
            self._values |= {"name": p.name, "at_least": p.at_least, "at_most": p.at_most}
        self._before, self._parts = self._statements(circumstance)

    def _statements(self, circumstance: Circumstance) -> tuple[str, Sequence[str]]:
        """What comes first, and the part of each side."""
        if not circumstance.dimensions:
            return _MATCHING, _BY_PARAMETER
        (name, value), *more = sorted(circumstance.dimensions, key=lambda d: d[0] in _COMMON)
        self._values |= {"dimension": name, "value": value}
        others = [] if circumstance.parameter is None else [_WITH_VALUE]
        for n, (name, value) in enumerate(more):
            self._values |= {f"dimension_{n}": name, f"value_{n}": value}
            others.append(_ANOTHER % (f"dimension_{n}", f"value_{n}"))
        parts = _OVERLAPPING, _ENDED_BEFORE, _BEGUN_AFTER
        return "", [part.replace("{others}", " ".join(others)) for part in parts]

    async def around(self) -> Around:
        """Those in the window, and some on each side."""
        rows = await self._rows([INSIDE, *self._sides], NEIGHBOURS_READ)
        near = [row for row in rows if row[0] != INSIDE]
        inside = [row[1] for row in rows if row[0] == INSIDE]
        return Around(inside, {side: _beside(near, side, NEIGHBOURS_READ) for side in self._sides})

    async def beside(self, side: int, most: int) -> Beside:
        """Some more on one side, from its edge on: `most`, and those of the last one's instant."""
        return _beside(await self._rows([side], most), side, most)

    def statement(self, sides: Sequence[int], most: int) -> tuple[str, list[Any]]:
        """What tells (side, number, instant) of events on these sides, and its arguments."""
        numbered = _Numbered(self._asked.tenant_id, self._values | {"most": most})
        parts = "\nUNION ALL\n".join(self._parts[side] for side in sides)
        sql = (self._before + parts).format_map(numbered)
        return sql, numbered.given

    async def _rows(self, sides: Sequence[int], most: int) -> list[asyncpg.Record]:
        sql, arguments = self.statement(sides, most)
        rows: list[asyncpg.Record] = await self._asked.connection.fetch(sql, *arguments)
        return rows


class _Numbered(dict[str, str]):
    """Names of arguments as the numbers that a statement has for them; `given`: the arguments that it names."""

    def __init__(self, tenant_id: int, values: Mapping[str, Any]) -> None:
        self._values, self.given = values, [tenant_id]

    def __missing__(self, name: str) -> str:
        self.given.append(self._values[name])
        self[name] = f"${len(self.given)}"
        return self[name]


def _beside(rows: Iterable[tuple[int, int, int]], side: int, most: int) -> Beside:
    """Of what each class gave, the nearest: what lies beyond them may lack some of other classes."""
    nearest = sorted((-at_us if side == BEFORE else at_us, no) for its, no, at_us in rows if its == side)
    if complete := len(nearest) < most:
        kept = nearest
    else:
        kept = [one for one in nearest if one[0] <= nearest[most - 1][0]]
    return Beside([[no for _, no in its] for _, its in groupby(kept, key=lambda one: one[0])], complete)
