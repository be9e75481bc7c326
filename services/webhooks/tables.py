"""The tables of webhooks, outside the log and outside the views: a rebuild leaves them alone.

What was delivered to whom is no fact about products. Made by the migration `webhooks`; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

webhooks = Table(
    "webhooks",
    metadata,
    Column("tenant_id", Integer, nullable=False, autoincrement=False),
    Column("webhook_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("event_types", ARRAY(Text), comment="services.webhooks.messages.TYPES it wants; null: all"),
    Column("description", Text),
    Column("secret", LargeBinary, nullable=False, comment="signs each call; shown once, when it is made"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", BigInteger, nullable=False, comment="key id of who made it"),
    Column("seen", JSONB, nullable=False, comment="services.webhooks.messages.Seen: what was queued for it"),
    Column("failing_since", DateTime(timezone=True), comment="first failure since the last success"),
    Column("delivered_at", DateTime(timezone=True), comment="newest success"),
    Column("disabled_at", DateTime(timezone=True)),
    Column("disabled_because", Text),
    PrimaryKeyConstraint("tenant_id", "webhook_id", name="webhooks_pkey"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("tenant_id", Integer, nullable=False, autoincrement=False),
    Column("webhook_id", Text, nullable=False),
    Column("message_id", Text, nullable=False, comment="the same at every attempt and every replay"),
    Column("type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="exactly what is signed and sent"),
    Column("queued_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="when it is tried next"),
    Column("last_status", Integer, comment="HTTP status of the newest answer"),
    Column("last_error", Text, comment="why the newest attempt failed"),
    Column("settled_at", DateTime(timezone=True), comment="delivered, or given up"),
    PrimaryKeyConstraint("tenant_id", "webhook_id", "message_id", name="webhook_deliveries_pkey"),
    ForeignKeyConstraint(
        ["tenant_id", "webhook_id"],
        ["webhooks.tenant_id", "webhooks.webhook_id"],
        name="webhook_deliveries_webhook_fkey",
        ondelete="CASCADE",
    ),
    CheckConstraint("state IN ('pending', 'delivered', 'dead')", name="webhook_deliveries_state_check"),
    Index(
        "webhook_deliveries_due_idx", "tenant_id", "webhook_id", "due_at", postgresql_where=text("state = 'pending'")
    ),
    Index("webhook_deliveries_settled_idx", "tenant_id", "webhook_id", "state", "settled_at"),
)
