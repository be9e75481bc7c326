"""The tables of contacts, outside the log and outside the views: a rebuild leaves them alone.

Made by migrations 0003 (contacts) and 0004 (who changed it; accesses); a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

contacts = Table(
    "contacts",
    metadata,
    Column("tenant_id", Integer, nullable=False, autoincrement=False),
    Column("party", Text, nullable=False, comment="canonical party id, as events name it"),
    Column("contact", JSONB, nullable=False, comment="services.contacts.store.Contact"),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("changed_by", BigInteger, nullable=False, comment="key id of who wrote it"),
    PrimaryKeyConstraint("tenant_id", "party", name="contacts_pkey"),
)

contact_accesses = Table(
    "contact_accesses",
    metadata,
    Column("access_no", BigInteger, Identity(always=True), nullable=False),
    Column("tenant_id", Integer, nullable=False),
    Column("party", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("key_id", BigInteger, nullable=False, comment="who did it: a number of GET /v1/keys"),
    Column("accessed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("access_no", name="contact_accesses_pkey"),
    CheckConstraint("action IN ('read', 'written', 'erased')", name="contact_accesses_action_check"),
    Index("contact_accesses_party_idx", "tenant_id", "party", "access_no"),
    comment="who read, wrote or erased whose contact, never what was in it",
)
