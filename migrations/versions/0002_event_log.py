"""The event log in Postgres: records, how many partitions, and the two functions that keep its promises.

Offsets are given under an advisory lock of the partition that is held until commit, so a reader of `log_offset > n`
never skips a record that commits late; they have no gaps. Nobody but the owner (the user of the database URL) may touch
the log: it holds every tenant's events.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Advisory locks are (this, partition); "zlog" in ASCII.
_LOCK_CLASS = 0x7A6C6F67


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE log_settings (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            partitions integer NOT NULL CHECK (partitions > 0)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE log_records (
            log_partition integer NOT NULL,
            log_offset bigint NOT NULL,
            appended_at timestamptz NOT NULL,
            key bytea NOT NULL,
            value bytea NOT NULL,
            PRIMARY KEY (log_partition, log_offset)
        )
        """
    )
    _append_only()
    _append()
    _end()


def _append_only() -> None:
    op.execute(
        """
        CREATE FUNCTION log_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'log_records is append-only: correct an event by posting another'
                USING ERRCODE = 'restrict_violation';
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER log_records_append_only BEFORE UPDATE OR DELETE ON log_records
        FOR EACH STATEMENT EXECUTE FUNCTION log_refuse_change()
        """
    )


def _append() -> None:
    """One statement and so one round trip with its commit: a client that dies cannot hold the locks open."""
    op.execute(
        f"""
        CREATE FUNCTION log_append(expected_partitions integer, parts integer[], keys bytea[], vals bytea[])
        RETURNS bigint[] LANGUAGE plpgsql VOLATILE
        SET enable_seqscan = off SET enable_bitmapscan = off
        AS $$
        DECLARE
            part integer;
            known integer;
            offsets bigint[];
        BEGIN
            -- In ascending order, or two appends could wait for each other.
            FOR part IN SELECT DISTINCT p FROM unnest(parts) AS p ORDER BY p LOOP
                PERFORM pg_advisory_xact_lock({_LOCK_CLASS}, part);
            END LOOP;
            -- Each statement from here on has a snapshot taken after the locks (READ COMMITTED).
            SELECT partitions INTO known FROM log_settings;
            IF known IS DISTINCT FROM expected_partitions THEN
                RAISE EXCEPTION 'the log has % partitions, not %', known, expected_partitions USING ERRCODE = 'ZH001';
            END IF;
            WITH heads AS MATERIALIZED (
                SELECT d.p, coalesce(last.log_offset, -1) AS last_offset,
                       greatest(clock_timestamp(), last.appended_at) AS stamp
                FROM (SELECT DISTINCT p FROM unnest(parts) AS p) AS d
                LEFT JOIN LATERAL (
                    SELECT r.log_offset, r.appended_at FROM log_records AS r
                    WHERE r.log_partition = d.p ORDER BY r.log_offset DESC LIMIT 1
                ) AS last ON true
            ), numbered AS MATERIALIZED (
                SELECT n.ord, n.p, n.k, n.v, heads.stamp,
                       heads.last_offset + row_number() OVER (PARTITION BY n.p ORDER BY n.ord) AS place
                FROM unnest(parts, keys, vals) WITH ORDINALITY AS n(p, k, v, ord) JOIN heads USING (p)
            ), written AS (
                INSERT INTO log_records (log_partition, log_offset, appended_at, key, value)
                SELECT p, place, stamp, k, v FROM numbered ORDER BY p, place
            )
            SELECT array_agg(place ORDER BY ord) INTO offsets FROM numbered;
            RETURN offsets;
        END
        $$
        """
    )


def _end() -> None:
    """Waits for appends under way, so that whatever is appended after its answer is also stamped after it."""
    op.execute(
        f"""
        CREATE FUNCTION log_end() RETURNS TABLE (log_partition integer, next_offset bigint)
        LANGUAGE plpgsql VOLATILE
        SET enable_seqscan = off SET enable_bitmapscan = off
        AS $$
        DECLARE
            known integer;
        BEGIN
            SELECT partitions INTO known FROM log_settings;
            FOR part IN 0 .. known - 1 LOOP
                PERFORM pg_advisory_xact_lock_shared({_LOCK_CLASS}, part);
            END LOOP;
            RETURN QUERY
                SELECT p, coalesce(
                    (SELECT r.log_offset + 1 FROM log_records AS r
                     WHERE r.log_partition = p ORDER BY r.log_offset DESC LIMIT 1), 0)
                FROM generate_series(0, known - 1) AS p;
        END
        $$
        """
    )
    for function in ("log_append(integer, integer[], bytea[], bytea[])", "log_end()"):
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    raise NotImplementedError("the log is the only truth: dropping it is not a migration; restore a backup instead")
