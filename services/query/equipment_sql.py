"""The statements that look up what equipment and vessels held. Each reads an index around the instants asked for."""

from domain.bookings import ISSUE, UNSURE_BASES
from domain.stands import DATE_US

_SIGN = "event_no, equipment, position, item_no, mounts, doubt_units, earliest_us, latest_us"
_ACT = "event_no, vessel, act, compartment, item_no, quantity, uom, mode, part"

LOADINGS_OF = f"SELECT {_SIGN} FROM views.loadings WHERE item_no = ANY($1)"
ACTS_ON = f"SELECT {_ACT} FROM views.vessel_acts WHERE item_no = ANY($1)"

POSITIONS = """
-- the positions of each equipment, hopping from one to the next in the index
WITH RECURSIVE walked AS (
    SELECT e.equipment, (
        SELECT l.position FROM views.loadings l WHERE l.tenant_id = $1 AND l.equipment = e.equipment
        ORDER BY l.position LIMIT 1
    ) AS position
    FROM unnest($2::text[]) AS e(equipment)
    UNION ALL
    SELECT w.equipment, (
        SELECT l.position FROM views.loadings l
        WHERE l.tenant_id = $1 AND l.equipment = w.equipment AND l.position > w.position
        ORDER BY l.position LIMIT 1
    )
    FROM walked w WHERE w.position IS NOT NULL
)
SELECT equipment, position FROM walked WHERE position IS NOT NULL
"""

_AT = "FROM views.loadings WHERE tenant_id = $1 AND equipment = w.equipment AND position = w.position"
SIGNS = f"""
-- the signs at a place: the last before the span, those in it, the first after it, and those later by their latest
-- bound that may yet lie before one of these; nth is null for the last
SELECT DISTINCT ON (w.no, s.event_no) w.no, s.*
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
    AS w(equipment, position, from_us, to_us, no)
CROSS JOIN LATERAL (
    SELECT coalesce(max(latest_us), w.to_us) FROM (
        SELECT latest_us {_AT} AND latest_us > w.to_us ORDER BY latest_us LIMIT $6
    ) AS first
) AS far(to_us)
CROSS JOIN LATERAL (
    (SELECT {_SIGN}, 0 AS nth {_AT} AND latest_us < w.from_us ORDER BY latest_us DESC LIMIT $6)
    UNION ALL (SELECT {_SIGN}, 0 {_AT} AND latest_us BETWEEN w.from_us AND w.to_us)
    UNION ALL (SELECT {_SIGN}, 0 {_AT} AND latest_us > w.to_us ORDER BY latest_us LIMIT $6)
    UNION ALL (
        SELECT {_SIGN}, NULL {_AT} AND latest_us > w.to_us AND latest_us <= far.to_us + {DATE_US}
        AND earliest_us <= far.to_us
    )
) AS s
ORDER BY w.no, s.event_no, s.nth
"""

_BREAKS = "FROM views.vessel_acts WHERE tenant_id = $1 AND vessel = w.vessel AND breaks_whole"
_BREAKS_OF = """
SELECT w.no, b.* FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS w(vessel, at_us, no)
CROSS JOIN LATERAL ({}) AS b ORDER BY w.no, b.nth
"""
BREAKS_BEFORE = _BREAKS_OF.format(
    f"""SELECT {_ACT}, -latest_us AS nth {_BREAKS} AND latest_us < w.at_us ORDER BY latest_us DESC LIMIT $4"""
)
BREAKS_AFTER = _BREAKS_OF.format(
    f"""
    SELECT {_ACT}, latest_us AS nth {_BREAKS} AND latest_us > w.at_us AND begins_us > w.at_us
    ORDER BY latest_us LIMIT $4
    """
)

# What lasts less than 32^c seconds and touches a span began at most so long before it: one reading of an index a class.
# `+ 0` keeps the planner from reading all that was ever done later instead.
_TOUCHING = """
    span_class = c.span_class
    AND begins_us BETWEEN w.from_us - 1000000 * (32::numeric ^ c.span_class)::bigint AND w.to_us
    AND latest_us + 0 >= w.from_us OFFSET 0
"""
_SPANS = """
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS w(name, from_us, to_us, no)
CROSS JOIN generate_series(0, 7) AS c(span_class)
"""
ACTS = f"""
SELECT w.no, a.* {_SPANS}
CROSS JOIN LATERAL (
    SELECT {_ACT} FROM views.vessel_acts WHERE tenant_id = $1 AND vessel = w.name AND {_TOUCHING}
) AS a
"""
MAKINGS = f"""
SELECT w.no, m.event_no {_SPANS}
CROSS JOIN LATERAL (
    SELECT event_no FROM views.makings WHERE tenant_id = $1 AND equipment = w.name AND {_TOUCHING}
) AS m
"""
_NEAR = """
SELECT w.no, m.event_no
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS w(equipment, at_us, most, no)
CROSS JOIN LATERAL (
    SELECT event_no FROM views.makings WHERE tenant_id = $1 AND equipment = w.equipment AND units > 0
    AND latest_us {} LIMIT w.most
) AS m
"""
MADE_BEFORE = _NEAR.format("< w.at_us ORDER BY latest_us DESC")
MADE_AFTER = _NEAR.format("> w.at_us ORDER BY latest_us")

_UNSURE = ", ".join(f"'{basis}'" for basis in UNSURE_BASES)
ORDER_STARTS = f"""
-- of each order the first issues that no rule booked, or the first bookings of outputs
SELECT w.no, s.event_no FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS w(transformation, kind, no)
CROSS JOIN LATERAL (
    SELECT e.event_no FROM views.events e
    WHERE e.tenant_id = $1 AND e.transformation = w.transformation AND e.kind = w.kind AND (w.kind <> '{ISSUE}'
    OR NOT EXISTS (
        SELECT FROM views.event_items i WHERE i.event_no = e.event_no AND i.role = 1 AND i.basis IN ({_UNSURE})
    ))
    ORDER BY coalesce(e.started_us, e.earliest_us), e.event_no LIMIT $4
) AS s
"""

MADE_ON = "SELECT event_no, equipment, units FROM views.makings WHERE event_no = ANY($1)"
MADE_AND_USED = """
SELECT event_no, item_no, role, action, flow, by_class, quantity, uom, basis, status
FROM views.event_items WHERE event_no = ANY($1) AND (role IN (1, 2, 5, 6) OR role = 0 AND flow = 1)
"""
MAKINGS_OF = """
-- outputs, wholes and commissioned items among these, in events that name equipment
SELECT i.item_no, i.event_no FROM views.event_items i
WHERE i.item_no = ANY($1) AND (i.role IN (2, 5) OR i.role = 0 AND i.flow = 1)
AND EXISTS (SELECT FROM views.makings m WHERE m.event_no = i.event_no)
"""
