"""Tenants, API keys, and the two roles everything else is granted to.

`zhuisu_api` serves requests and is bound by row-level security; `zhuisu_projector` writes the views and is not, because
PostgreSQL refuses COPY FROM to a role that is. Neither can log in: the user of the database URL takes them on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _roles()
    # Every policy asks this; null (no tenant set) matches no row.
    op.execute(
        """
        CREATE FUNCTION zhuisu_tenant() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
        AS $$ SELECT nullif(current_setting('zhuisu.tenant', true), '')::integer $$
        """
    )
    op.execute("GRANT USAGE ON SCHEMA public TO zhuisu_api, zhuisu_projector")
    _tables()
    _row_level_security()
    _authenticate()


def _roles() -> None:
    """Create what is missing. Roles belong to the whole server: another database's migration may be doing the same."""
    op.execute(
        """
        DO $$
        DECLARE
            wanted record;
        BEGIN
            FOR wanted IN
                SELECT * FROM (VALUES ('zhuisu_api', false), ('zhuisu_projector', true)) AS v(name, bypass)
            LOOP
                BEGIN
                    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
                        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER %s', wanted.name,
                                       CASE WHEN wanted.bypass THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END);
                    END IF;
                EXCEPTION WHEN duplicate_object OR unique_violation THEN
                    NULL;
                END;
                IF EXISTS (SELECT FROM pg_roles
                           WHERE rolname = wanted.name AND (rolsuper OR rolbypassrls <> wanted.bypass)) THEN
                    RAISE EXCEPTION 'role % has the wrong attributes', wanted.name
                        USING ERRCODE = 'insufficient_privilege';
                END IF;
                IF NOT pg_has_role(current_user, wanted.name, 'SET') THEN
                    EXECUTE format('GRANT %I TO CURRENT_USER', wanted.name);
                END IF;
            END LOOP;
        END
        $$
        """
    )


def _tables() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("own_party", sa.Text, nullable=False, comment="issuer of identifiers that name none"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.UniqueConstraint("name", name="tenants_name_key"),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "tenant_id",
            sa.Integer,
            sa.ForeignKey("tenants.tenant_id", name="api_keys_tenant_id_fkey"),
            nullable=False,
        ),
        sa.Column("key_hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the key; the key itself is nowhere"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="what events posted with this key say they come from"),
        sa.Column("roles", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("sites", postgresql.ARRAY(sa.Text), comment="canonical ids of the sites it may see; null: all"),
        sa.Column("zone", sa.Text, comment="IANA zone or UTC offset for times that have none"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("key_hash", name="api_keys_key_hash_key"),
        sa.CheckConstraint("octet_length(key_hash) = 32", name="api_keys_key_hash_check"),
        sa.CheckConstraint(
            "roles <@ ARRAY['capture', 'correct', 'read', 'recall', 'admin'] AND cardinality(roles) > 0",
            name="api_keys_roles_check",
        ),
    )


def _row_level_security() -> None:
    for table in ("tenants", "api_keys"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY {table}_of_tenant ON {table} TO zhuisu_api "
            "USING (tenant_id = (SELECT zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT zhuisu_tenant()))"
        )
    op.execute("GRANT SELECT ON tenants TO zhuisu_api, zhuisu_projector")
    # All but the hash, which no answer needs.
    op.execute(
        "GRANT SELECT (key_id, tenant_id, name, source, roles, sites, zone, created_at, revoked_at), "
        "INSERT, UPDATE (revoked_at) ON api_keys TO zhuisu_api"
    )


def _authenticate() -> None:
    """A key is looked up before its tenant is known, so not under row-level security, and only by its whole hash."""
    op.execute(
        """
        CREATE FUNCTION zhuisu_authenticate(hash bytea)
        RETURNS TABLE (tenant_id integer, tenant_name text, own_party text, key_id bigint, source text,
                       roles text[], sites text[], zone text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $$
            SELECT t.tenant_id, t.name, t.own_party, k.key_id, k.source, k.roles, k.sites, k.zone
            FROM public.api_keys AS k JOIN public.tenants AS t USING (tenant_id)
            WHERE k.key_hash = hash AND k.revoked_at IS NULL
        $$
        """
    )
    op.execute("REVOKE EXECUTE ON FUNCTION zhuisu_authenticate(bytea) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION zhuisu_authenticate(bytea) TO zhuisu_api")


def downgrade() -> None:
    """The roles stay: other databases of the server may use them."""
    op.execute("DROP FUNCTION zhuisu_authenticate(bytea)")
    op.drop_table("api_keys")
    op.drop_table("tenants")
    op.execute("DROP FUNCTION zhuisu_tenant()")
