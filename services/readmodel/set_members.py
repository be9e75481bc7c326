"""Members of a part of a frozen set, listed by the database out of what the log has of them: here none is an object.

The same rows as `cases.rows_of` makes of members that were read (tests/projections/test_set_members.py).
"""

from collections.abc import Sequence

import asyncpg

from domain.cases.acts import SetFrozen
from domain.events import CaseRecorded
from services.readmodel.cases import LISTS
from services.readmodel.rows import Applied

_LIST = """
-- the members of one chunk ($6), each with the number of its item; those whose item has none are left out
INSERT INTO {schema}.case_members (
    tenant_id, event_no, case_id, change, number, chunk, line, item_no,
    kind, level, certainty, top, loose_spare, seed, quantity, uom, reasons
)
SELECT $1, $2, $3, $7, $4, $5, m.line - 1, i.item_no,
       m.kind, m.level, m.certainty, m.top, m.loose_spare, m.seed, m.quantity, m.uom, m.reasons
FROM ROWS FROM (json_to_recordset($6::json) AS (
    item text, kind text, level smallint, certainty text, top boolean, loose_spare boolean, seed boolean,
    quantity numeric, uom text, reasons text[]
)) WITH ORDINALITY AS m (
    item, kind, level, certainty, top, loose_spare, seed, quantity, uom, reasons, line
) JOIN {schema}.items i ON i.tenant_id = $1 AND i.uri = m.item
"""


class Unnumbered(Exception):
    """The views do not know an item of a set yet: nothing of the batch was written."""


async def list_members(connection: asyncpg.Connection, schema: str, fresh: Sequence[tuple[Applied, int]]) -> None:
    """Write the rows of members that were left aside, each event with its number. Raises Unnumbered."""
    for one, event_no in fresh:
        match one.envelope.event:
            case CaseRecorded(act=SetFrozen(freeze=freeze, chunk=chunk)) as recorded if one.members is not None:
                about = (one.envelope.tenant_id, event_no, recorded.case_id, freeze, chunk)
                told = await connection.execute(_LIST.format(schema=schema), *about, one.members.text, LISTS["members"])
                if told != f"INSERT 0 {one.members.count}":
                    raise Unnumbered(f"{recorded.case_id}: chunk {chunk} names items that the views do not know")
            case _:
                pass
