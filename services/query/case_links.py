"""What cases are linked to: told by one side, read from both."""

from typing import Any

from domain.cases.incident import fold_incident
from services.query.case_acts import acts_of
from services.query.snapshot import Asked

_NAMING = """
-- incidents that ever named this case; whether they still do is for their acts to say
SELECT DISTINCT case_id FROM views.case_acts
WHERE tenant_id = $1 AND act IN ('opened', 'described') AND case_type = 'incident' AND body -> 'cases' ? $2
"""


async def incidents_of(asked: Asked, case_id: str) -> list[dict[str, Any]]:
    """The incidents that are linked to a case, as known then."""
    ids = sorted(r[0] for r in await asked.connection.fetch(_NAMING, asked.tenant_id, case_id))
    found = await acts_of(asked.connection, asked.tenant_id, ids, vector=asked.vector)
    incidents = [i for one in ids if (i := fold_incident(found.get(one, []))) is not None]
    return [
        {"incident": i.case_id, "state": i.state, "title": i.about.title}
        for i in incidents
        if case_id in (i.about.cases or ())
    ]
