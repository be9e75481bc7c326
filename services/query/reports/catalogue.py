"""Which reports a recall has."""

from services.query.reports import affected_units, consignee, fda_status, nhtsa573, nhtsa577, progress
from services.query.reports.basis import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        affected_units.KIND,
        consignee.KIND,
        progress.KIND,
        fda_status.KIND,
        nhtsa573.KIND,
        nhtsa577.OWNERS_KIND,
        nhtsa577.QUARTERLY_KIND,
    )
}
