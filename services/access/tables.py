"""The tables of tenants and keys. Made by migrations/versions/0001_tenants_and_roles.py; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("own_party", Text, nullable=False, comment="issuer of identifiers that name none"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    UniqueConstraint("name", name="tenants_name_key"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.tenant_id", name="api_keys_tenant_id_fkey"), nullable=False),
    Column("key_hash", LargeBinary, nullable=False, comment="SHA-256 of the key; the key itself is nowhere"),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False, comment="what events posted with this key say they come from"),
    Column("roles", ARRAY(Text), nullable=False),
    Column("sites", ARRAY(Text), comment="canonical ids of the sites it may see; null: all"),
    Column("zone", Text, comment="IANA zone or UTC offset for times that have none"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("revoked_at", DateTime(timezone=True)),
    UniqueConstraint("key_hash", name="api_keys_key_hash_key"),
    CheckConstraint("octet_length(key_hash) = 32", name="api_keys_key_hash_check"),
    CheckConstraint(
        "roles <@ ARRAY['capture', 'correct', 'read', 'recall', 'admin'] AND cardinality(roles) > 0",
        name="api_keys_roles_check",
    ),
)
