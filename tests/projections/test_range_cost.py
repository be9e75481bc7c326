"""Looking serials up among many ranges of one product costs what is asked, not what there is."""

import json

import asyncpg

from services.query.ranges import _HOLDING

RANGES, ASKED = 3_000, 500

_FILL = """
INSERT INTO views.serial_ranges
    (tenant_id, event_no, line, product_no, role, flow, shape, head, first_ordinal, last_ordinal, span_bits, step)
SELECT 1, n, 0, 1, 2, 1, '10:8', 'M', n * 100, n * 100 + 1, 1, 1 FROM generate_series(1, $1) AS n
"""


async def test_each_serial_is_one_look_up_in_the_index(empty_views: asyncpg.Pool) -> None:
    await empty_views.execute(_FILL, RANGES)
    await empty_views.execute("ANALYZE views.serial_ranges")
    asked = (
        list(range(ASKED)),
        [1] * ASKED,
        ["10:8"] * ASKED,
        [1] * ASKED,
        ["M"] * ASKED,
        [(n + 1) * 100 for n in range(ASKED)],
    )
    assert len(await empty_views.fetch(_HOLDING, *asked)) == ASKED
    told = await empty_views.fetchval("EXPLAIN (ANALYZE, FORMAT JSON) " + _HOLDING, *asked)
    plan = told if isinstance(told, list) else json.loads(told)
    assert _rows_met(plan[0]["Plan"]) < 10 * ASKED


def _rows_met(plan: dict[str, object]) -> float:
    """Rows that every step of the plan looked at, those it threw away too."""
    loops = float(str(plan.get("Actual Loops", 1)))
    own = sum(float(str(v)) * loops for k, v in plan.items() if k == "Actual Rows" or k.startswith("Rows Removed"))
    return own + sum(_rows_met(p) for p in plan.get("Plans", []))  # type: ignore[attr-defined]
