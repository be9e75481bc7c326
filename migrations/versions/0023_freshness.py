"""How fresh the views are, and whose question it is, in one statement: a small question needs no more."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """plpgsql, because it says what comes first: dead letters are counted as the tenant. It acts as who calls it."""
    op.execute(
        """
        CREATE FUNCTION public.zhuisu_freshness(tenant integer)
        RETURNS TABLE (log_partition integer, applied_offset bigint, applied_us bigint, log_end bigint,
                       measured_us bigint, generation bigint, now_us bigint, parked bigint)
        LANGUAGE plpgsql VOLATILE SECURITY INVOKER
        AS $$
        BEGIN
            IF tenant IS NOT NULL THEN
                PERFORM pg_catalog.set_config('zhuisu.tenant', tenant::text, true);
            END IF;
            RETURN QUERY
            SELECT c.log_partition, c.applied_offset, c.applied_us, c.log_end, c.measured_us, c.tableoid::bigint,
                   (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint,
                   (SELECT count(*) FROM views.dead_letters d WHERE d.replayed_as IS NULL)
            FROM (SELECT) AS once LEFT JOIN views.checkpoints c ON true;
        END
        $$
        """
    )
    op.execute("REVOKE EXECUTE ON FUNCTION public.zhuisu_freshness(integer) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION public.zhuisu_freshness(integer) TO zhuisu_api, zhuisu_projector")
