"""The stretches of time an exposure asks about without saying when: suspect instruments, recipes in use."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from domain import circumstances as c
from domain.exposure import Circumstance
from domain.happened import Happened
from domain.stretches import Calibration, Stretch, in_use, suspect
from services.problems import Problem
from services.query.exposure_asked import Exposure
from services.query.snapshot import Asked

STRETCHES_MAX = 1_000
"""One question looks into at most so many; a window (`since`, `until`) leaves fewer."""

_SAID = """
-- events of which a dimension has one of these values
SELECT event_no, dimension, value FROM views.dimensions
WHERE tenant_id = $1 AND dimension = ANY($2) AND value = ANY($3)
"""
_INSTRUMENT = """
SELECT d.value FROM views.event_keys k JOIN views.events e USING (key_no)
JOIN views.event_bodies b USING (event_no), LATERAL (SELECT b.body ->> 'instrument') AS d(value)
WHERE k.tenant_id = $1 AND k.event_id = $2 AND e.kind = 'calibrated'
"""
_STATIONS = """
-- equipment and lines on which one of these events changed the recipe
SELECT DISTINCT d.value FROM views.dimensions d
WHERE d.tenant_id = $1 AND d.dimension = $2 AND d.event_no = ANY($3)
"""
_OWN_RECIPE = """
-- the recipe that events name themselves
SELECT event_no, body #>> '{circumstances,recipe}', body #>> '{circumstances,version}'
FROM views.event_bodies WHERE event_no = ANY($1)
"""
_FOUND = {c.FOUND_GOOD: True, c.FOUND_BAD: False}
_LEFT = {c.LEFT_GOOD: True, c.LEFT_BAD: False, c.LEFT_UNKNOWN: None}
NAMED_OTHERWISE = "inferred"


class Part(NamedTuple):
    """Events to look for, and the stretch whose edges are in doubt; `recipe`: what they may name otherwise."""

    circumstance: Circumstance
    stretch: Stretch | None = None
    recipe: tuple[str, str | None] | None = None


async def parts_of(asked: Asked, exposure: Exposure) -> list[Part]:
    """What a question comes down to. Raises Problem 404 for an instrument without calibrations."""
    if exposure.of_suspect_instrument:
        return await _suspect(asked, exposure)
    recipe = exposure.value("recipe")
    if recipe is None:
        return [Part(exposure.circumstance)]
    return [Part(exposure.circumstance), *await _in_use(asked, exposure, recipe)]


async def _suspect(asked: Asked, exposure: Exposure) -> list[Part]:
    instrument = exposure.value("instrument")
    if exposure.calibration is not None:
        of = await asked.connection.fetchval(_INSTRUMENT, asked.tenant_id, exposure.calibration)
        if of is None or instrument not in (None, of):
            detail = f"no calibration{f' of {instrument}' if instrument else ''} has the id {exposure.calibration}"
            raise Problem(404, "unknown-circumstance", detail, dimension="calibration", value=exposure.calibration)
        instrument = of
    rows = await asked.connection.fetch(_SAID, asked.tenant_id, [*_FOUND, *_LEFT], [instrument])
    if not rows:
        detail = f"no event calibrates {instrument}: nothing says when it was good; ask by since and until"
        raise Problem(404, "unknown-circumstance", detail, dimension="instrument", value=instrument)
    events = await asked.record().happened(r["event_no"] for r in rows)
    said: dict[int, dict[str, bool | None]] = {}
    for no, dimension, _ in rows:
        which, value = ("found", _FOUND[dimension]) if dimension in _FOUND else ("left", _LEFT[dimension])
        said.setdefault(no, {})[which] = value
    told = [Calibration(events[no], bool(s["found"]), s["left"]) for no, s in sorted(said.items()) if no in events]
    dims = tuple(dict.fromkeys((*exposure.circumstance.dimensions, ("instrument", instrument or ""))))
    asked_of = replace(exposure.circumstance, dimensions=dims)
    return _cut(asked_of, suspect(told, found_by=exposure.calibration))


async def _in_use(asked: Asked, exposure: Exposure, recipe: str) -> list[Part]:
    """Events that name the recipe without a version; and what was made where a change had brought it in."""
    version = exposure.value("version")
    others = tuple(d for d in exposure.circumstance.dimensions if d[0] not in ("recipe", "version"))
    without = replace(exposure.circumstance, dimensions=(*others, ("recipe", recipe)))
    parts = [Part(without, recipe=(recipe, version))] if version is not None else []
    to = await _said(asked, [c.RECIPE_TO], [recipe])
    if version is not None:
        to = await _said(asked, [c.RECIPE_VERSION_TO], [c.recipe_version(recipe, v) for v in (version, None)])
    rows = await asked.connection.fetch(_STATIONS, asked.tenant_id, c.RECIPE_ON, sorted(to))
    for (station,) in rows:
        changes = await asked.record().happened(await _said(asked, [c.RECIPE_ON], [station]))
        stretches = in_use((event, no in to) for no, event in sorted(changes.items()))
        dims = (*others, c.station_of(station))
        found = _cut(replace(exposure.circumstance, dimensions=tuple(dict.fromkeys(dims))), stretches)
        parts += [part._replace(recipe=(recipe, version)) for part in found]
    if len(parts) > STRETCHES_MAX:
        raise _too_many(len(parts))
    return parts


async def _said(asked: Asked, dimensions: Sequence[str], values: Sequence[str]) -> set[int]:
    rows = await asked.connection.fetch(_SAID, asked.tenant_id, dimensions, values)
    return {r["event_no"] for r in rows}


def _cut(circumstance: Circumstance, stretches: Iterable[Stretch]) -> list[Part]:
    """The parts of the stretches that lie in the window asked about."""
    within = (s.within(circumstance.since_us, circumstance.until_us) for s in stretches)
    found = [Part(replace(circumstance, since_us=s.since_us, until_us=s.until_us), s) for s in within if s is not None]
    if len(found) > STRETCHES_MAX:
        raise _too_many(len(found))
    return found


def _too_many(count: int) -> Problem:
    detail = f"this was so in {count} stretches of time, at most {STRETCHES_MAX} are looked into: give since and until"
    return Problem(422, "too-many-stretches", detail)


async def doubted(
    asked: Asked, part: Part, matching: Sequence[tuple[Happened, Any]]
) -> tuple[list[tuple[Happened, Any]], dict[int, frozenset[str]]]:
    """The events that may have been made by the recipe, and why they are only possible, by what they say themselves."""
    if part.recipe is None:
        return list(matching), {}
    recipe, version = part.recipe
    rows = await asked.connection.fetch(_OWN_RECIPE, [h.no for h, _ in matching])
    own = {no: (r, v) for no, r, v in rows}
    if part.stretch is None:  # asked for those that name the recipe and leave its version open
        kept = [(h, m) for h, m in matching if own.get(h.no, (recipe, None))[1] is None]
        return kept, {h.no: frozenset({NAMED_OTHERWISE}) for h, _ in kept}
    other = [no for no, (r, v) in own.items() if r not in (None, recipe) or (version and v not in (None, version))]
    return list(matching), {no: frozenset({NAMED_OTHERWISE}) for no in other}
