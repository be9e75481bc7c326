"""Records put aside that nobody waits for any more: an operator says why, and answers are complete again."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE views.dead_letters ADD COLUMN settled text")
    op.execute(
        "COMMENT ON COLUMN views.dead_letters.settled IS 'why nobody waits for it any more, as an operator said'"
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION public.zhuisu_freshness(tenant integer)
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
                   (SELECT count(*) FROM views.dead_letters d
                    WHERE d.replayed_as IS NULL AND d.settled IS NULL)
            FROM (SELECT) AS once LEFT JOIN views.checkpoints c ON true;
        END
        $$
        """
    )
