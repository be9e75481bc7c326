"""The tables of the read model. Insert-only: every row is a function of one event (SEMANTICS §4).

All of them live in the schema `views`, so that a rebuild can build another beside it and swap. Numbers (`*_no`) are
surrogates: two rebuilds differ in them and in nothing else. Instants are microseconds since 1970 UTC (`*_us`).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.readmodel import cases, complaints, dimensions, equipment, feed, measurements, watching
from services.readmodel.schema import SCHEMA, event, metadata, tenant

__all__ = [
    "SCHEMA",
    "cases",
    "complaints",
    "dimensions",
    "equipment",
    "feed",
    "measurements",
    "metadata",
    "watching",
]

items = Table(
    "items",
    metadata,
    tenant(),
    Column("item_no", BigInteger, nullable=False, autoincrement=False),
    Column("uri", Text, nullable=False, comment="canonical id"),
    Column("kind", Text, comment="unit, lot, class or container; null where only its events tell"),
    Column("material", Text, comment="the class its id shows"),
    Column("number", Text, comment="serial or lot number, else what its id ends with: for search"),
    PrimaryKeyConstraint("item_no", name="items_pkey"),
    UniqueConstraint("tenant_id", "uri", name="items_uri_key"),
    Index("items_material_idx", "tenant_id", "material", "uri"),
    Index("items_number_idx", "tenant_id", "number"),
    Index("items_number_part_idx", "number", postgresql_using="gin", postgresql_ops={"number": "gin_trgm_ops"}),
)

event_keys = Table(
    "event_keys",
    metadata,
    tenant(),
    Column("key_no", BigInteger, nullable=False, autoincrement=False),
    Column("event_id", Text, nullable=False),
    PrimaryKeyConstraint("key_no", name="event_keys_pkey"),
    UniqueConstraint("tenant_id", "event_id", name="event_keys_event_id_key"),
)

events = Table(
    "events",
    metadata,
    tenant(),
    event(),
    Column("key_no", BigInteger, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("log_partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    Column("appended_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("may_correct", Boolean, nullable=False),
    Column("occurred_at", Text, nullable=False, comment="as sent, with its offset"),
    Column("earliest_us", BigInteger, nullable=False),
    Column("latest_us", BigInteger, nullable=False),
    Column("started_us", BigInteger),
    Column("rank", SmallInteger, nullable=False),
    Column("accepted_us", BigInteger, nullable=False),
    Column("request_index", Integer, nullable=False),
    Column("parent_no", BigInteger),
    Column("transformation", Text),
    Column("mixed", Boolean, nullable=False),
    Column("site", Text),
    Column("to_place", Text),
    Column("holder", Text),
    Column("clears_holder", Boolean, nullable=False),
    Column("owner", Text),
    Column("disposition", Text),
    Column("set_flags", ARRAY(Text)),
    Column("unset_flags", ARRAY(Text)),
    Column("hold", JSONB, comment="domain.facts.HoldFact"),
    Column("recall", JSONB, comment="domain.facts.RecallFact"),
    Column("void", JSONB, comment="domain.facts.VoidFact"),
    Column("posting", JSONB, comment="domain.facts.PostingFact"),
    PrimaryKeyConstraint("event_no", name="events_pkey"),
    UniqueConstraint("key_no", "content_hash", "log_partition", name="events_version_key"),
    Index("events_position_idx", "log_partition", "appended_us"),
    Index("events_transformation_idx", "tenant_id", "transformation"),
)

event_items = Table(
    "event_items",
    metadata,
    tenant(),
    event(),
    Column("item_no", BigInteger, nullable=False),
    Column("role", SmallInteger, nullable=False, comment="domain.facts.Role"),
    Column("action", SmallInteger, nullable=False, comment="domain.facts.Action"),
    Column("flow", SmallInteger, nullable=False, comment="domain.facts.Flow"),
    Column("by_class", Boolean, nullable=False),
    Column("quantity", Numeric),
    Column("uom", Text),
    Column("basis", Text),
    Column("status", Text),
    Index("event_items_item_idx", "item_no", "role"),
    Index("event_items_event_idx", "event_no"),
)

memberships = Table(
    "memberships",
    metadata,
    tenant(),
    event(),
    Column("lot_no", BigInteger, nullable=False),
    Column("unit_no", BigInteger, nullable=False),
    Column("at_making", Boolean, nullable=False),
    Index("memberships_lot_idx", "lot_no"),
    Index("memberships_unit_idx", "unit_no"),
)

identities = Table(
    "identities",
    metadata,
    tenant(),
    event(),
    Column("one_no", BigInteger, nullable=False),
    Column("other_no", BigInteger, nullable=False),
    Index("identities_one_idx", "one_no"),
    Index("identities_other_idx", "other_no"),
)

renamings = Table(
    "renamings",
    metadata,
    tenant(),
    event(),
    Column("old_no", BigInteger, nullable=False),
    Column("new_no", BigInteger, nullable=False),
    Index("renamings_old_idx", "old_no"),
    Index("renamings_new_idx", "new_no"),
    Index("renamings_tenant_idx", "tenant_id"),
)

serial_ranges = Table(
    "serial_ranges",
    metadata,
    tenant(),
    event(),
    Column("line", Integer, nullable=False, comment="which of its event's ranges"),
    Column("product_no", BigInteger, nullable=False),
    Column("lot_no", BigInteger),
    Column("role", SmallInteger, nullable=False, comment="domain.facts.Role"),
    Column("flow", SmallInteger, nullable=False, comment="domain.facts.Flow"),
    Column("status", Text),
    Column("shape", Text, nullable=False, comment="domain.serials.Shape: how its serials are written"),
    Column("head", Text, nullable=False, comment="what its serials begin with"),
    Column("first_ordinal", BigInteger, nullable=False),
    Column("last_ordinal", BigInteger, nullable=False),
    Column("span_bits", SmallInteger, nullable=False, comment="last_ordinal - first_ordinal is less than 2 to this"),
    Column("step", BigInteger, nullable=False),
    Column("excluded", ARRAY(BigInteger), comment="ordinals left out"),
    PrimaryKeyConstraint("event_no", "line", name="serial_ranges_pkey"),
    Index("serial_ranges_ordinal_idx", "product_no", "shape", "span_bits", "head", "first_ordinal"),
    Index("serial_ranges_lot_idx", "lot_no"),
    Index("serial_ranges_tenant_idx", "tenant_id", "product_no"),
)

item_materials = Table(
    "item_materials",
    metadata,
    tenant(),
    event(),
    Column("item_no", BigInteger, nullable=False),
    Column("material_no", BigInteger, nullable=False),
    Index("item_materials_item_idx", "item_no"),
    Index("item_materials_material_idx", "material_no"),
)

uom_factors = Table(
    "uom_factors",
    metadata,
    tenant(),
    event(),
    Column("item_no", BigInteger, nullable=False, comment="a lot, or the class of lots"),
    Column("quantity", Numeric, nullable=False),
    Column("uom", Text),
    Column("equals", Numeric, nullable=False),
    Column("in_uom", Text),
    Index("uom_factors_item_idx", "item_no"),
)

voids = Table(
    "voids",
    metadata,
    tenant(),
    event(),
    Column("target_key_no", BigInteger, nullable=False),
    Column("replacement_key_nos", ARRAY(BigInteger), nullable=False),
    Index("voids_target_idx", "target_key_no"),
    Index("voids_event_idx", "event_no"),
)

notices = Table(
    "notices",
    metadata,
    tenant(),
    event(),
    Column("topic", Text, nullable=False, comment="hold, recall, or product (a recall on the class `subject`)"),
    Column("subject", Text, nullable=False),
    Index("notices_subject_idx", "tenant_id", "topic", "subject"),
)

parameters = Table(
    "parameters",
    metadata,
    tenant(),
    event(),
    Column("name", Text, nullable=False),
    Column("value", Numeric, nullable=False),
    Column("unit", Text),
    Index("parameters_name_idx", "tenant_id", "name", "value"),
    Index("parameters_event_idx", "event_no"),
)

event_places = Table(
    "event_places",
    metadata,
    tenant(),
    event(),
    Column(
        "place", Text, nullable=False, comment="its place, its destination, and the sites these belong to by their id"
    ),
    PrimaryKeyConstraint("event_no", "place", name="event_places_pkey"),
)

event_bodies = Table(
    "event_bodies",
    metadata,
    tenant(),
    event(),
    Column("body", JSONB, nullable=False),
    Column("original", JSONB),
    PrimaryKeyConstraint("event_no", name="event_bodies_pkey"),
)

company_prefixes = Table(
    "company_prefixes",
    metadata,
    tenant(),
    Column("prefix", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "prefix", name="company_prefixes_pkey"),
)

capture_jobs = Table(
    "capture_jobs",
    metadata,
    tenant(),
    event(),
    Column("capture_id", Text, nullable=False),
    Column("job", JSONB, nullable=False),
    PrimaryKeyConstraint("event_no", name="capture_jobs_pkey"),
    Index("capture_jobs_capture_idx", "tenant_id", "capture_id"),
)

master_data = Table(
    "master_data",
    metadata,
    tenant(),
    event(),
    Column("topic", Text, nullable=False, comment="party, place or product"),
    Column("subject", Text, nullable=False),
    Column("valid_from_us", BigInteger, nullable=False),
    Column("described", JSONB, nullable=False),
    PrimaryKeyConstraint("event_no", name="master_data_pkey"),
    Index("master_data_subject_idx", "tenant_id", "topic", "subject"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("log_partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    Column("appended_us", BigInteger, nullable=False),
    Column("tenant_id", Integer, comment="null where the record does not tell"),
    Column("event_id", Text),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("replayed_as", Text, comment="position of the record that replaced it"),
    Column("settled", Text, comment="why nobody waits for it any more, as an operator said"),
    PrimaryKeyConstraint("log_partition", "log_offset", name="dead_letters_pkey"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("log_partition", Integer, nullable=False, autoincrement=False),
    Column("applied_offset", BigInteger, nullable=False, comment="everything at or below it is in the views"),
    Column("applied_us", BigInteger, comment="append time of the newest applied record"),
    Column("log_end", BigInteger, nullable=False, comment="next offset, when last measured"),
    Column("measured_us", BigInteger, nullable=False, comment="when log_end was measured"),
    Column("epoch", BigInteger, nullable=False, comment="grows with each lease: a commit of an older one is refused"),
    Column("leased_by", Text),
    Column("leased_until_us", BigInteger, nullable=False),
    Column("log_id", Text, comment="which log it was applied from: domain.ports.EventLog.identity"),
    PrimaryKeyConstraint("log_partition", name="checkpoints_pkey"),
)

projectors = Table(
    "projectors",
    metadata,
    Column("name", Text, nullable=False),
    Column("alive_until_us", BigInteger, nullable=False),
    Column("log_id", Text),
    PrimaryKeyConstraint("name", name="projectors_pkey"),
)

TENANT_TABLES = tuple(t for t in metadata.tables.values() if t not in (checkpoints, dead_letters, projectors))
"""Tables whose rows row-level security shows to one tenant only."""

DISTINCT = {
    ("event_items", "item_no"): -0.25,
    ("event_items", "event_no"): -0.2,
    ("memberships", "lot_no"): -0.01,
    ("memberships", "unit_no"): -1.0,
    ("identities", "one_no"): -0.5,
    ("identities", "other_no"): -0.5,
    ("item_materials", "item_no"): -0.5,
    ("item_materials", "material_no"): -0.01,
    ("renamings", "old_no"): -0.5,
    ("renamings", "new_no"): -0.5,
    ("uom_factors", "item_no"): -0.5,
    ("makings", "event_no"): -0.7,
    ("loadings", "item_no"): -0.5,
    ("vessel_acts", "item_no"): -0.5,
}
"""n_distinct pinned: ANALYZE misjudges link tables, and then every level of a walk hash-joins all of them."""


_SITES = "current_setting('zhuisu.sites', true)"
"""The sites a request is limited to, one a line; empty or not set: all."""
_WITHIN_SITES = f" AND (coalesce({_SITES}, '') = '' OR {{theirs}})"


def ddl_extras(schema: str) -> list[str]:
    """What SQLAlchemy does not say of the tables: who may, row by row, and pinned statistics. For a fresh schema."""
    statements = [
        f"GRANT USAGE ON SCHEMA {schema} TO zhuisu_api, zhuisu_projector",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO zhuisu_api",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO zhuisu_projector",
        f"CREATE SEQUENCE {schema}.numbers",
        f"GRANT USAGE ON SEQUENCE {schema}.numbers TO zhuisu_projector",
    ]
    for table in (*TENANT_TABLES, dead_letters):
        sees = "tenant_id = (SELECT public.zhuisu_tenant())"
        if table is event_places:
            sees += _WITHIN_SITES.format(theirs=f"place = ANY (string_to_array({_SITES}, chr(10)))")
        if table is event_bodies:
            at_theirs = f"SELECT FROM {schema}.event_places p WHERE p.event_no = event_bodies.event_no"
            sees += _WITHIN_SITES.format(theirs=f"EXISTS ({at_theirs})")
        if table in (*cases.TABLES, *watching.TABLES, complaints.complaints, measurements.measurements):
            sees += _WITHIN_SITES.format(theirs="false")
        statements += [
            f"ALTER TABLE {schema}.{table.name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {schema}.{table.name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {schema}.{table.name} FOR SELECT TO zhuisu_api USING ({sees})",
        ]
    statements += [
        f"ALTER TABLE {schema}.{table} ALTER COLUMN {column} SET (n_distinct = {value})"
        for (table, column), value in DISTINCT.items()
    ]
    return statements
