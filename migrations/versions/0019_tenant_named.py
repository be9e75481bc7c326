"""A tenant by its name, for the one question that needs no key."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION public.zhuisu_tenant_named(wanted text)
        RETURNS TABLE (tenant_id integer, own_party text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        AS $$ SELECT t.tenant_id, t.own_party FROM public.tenants AS t WHERE t.name = wanted $$
        """
    )
    op.execute("REVOKE EXECUTE ON FUNCTION public.zhuisu_tenant_named(text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION public.zhuisu_tenant_named(text) TO zhuisu_api")
