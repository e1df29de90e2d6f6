"""Functions that make and drop a week's partition of the deliveries, for a role that does not own the table."""

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"

# Both run as the tables' owner, so they take a day and nothing else, and their search path is fixed. The partition's name
# and bounds are those of fanfare_shared.db.partitions: from a Monday to the next, as the smallest ids of version 7.
FUNCTIONS = """
CREATE FUNCTION {schema}.deliveries_partition(monday date) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF monday IS NULL OR extract(isodow FROM monday) <> 1 THEN
        RAISE EXCEPTION '% is no Monday', monday USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN 'deliveries_' || to_char(monday, 'YYYYMMDD');
END
$$;
CREATE FUNCTION {schema}.first_uuid7_at(monday date) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rpad(lpad(to_hex((monday - date '1970-01-01')::bigint * 86400000), 12, '0'), 32, '0')::uuid
$$;
CREATE FUNCTION {schema}.make_deliveries_partition(monday date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS {schema}.%I PARTITION OF {schema}.deliveries FOR VALUES FROM (%L) TO (%L)',
        {schema}.deliveries_partition(monday), {schema}.first_uuid7_at(monday), {schema}.first_uuid7_at(monday + 7));
END
$$;
CREATE FUNCTION {schema}.drop_deliveries_partition(monday date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS {schema}.%I', {schema}.deliveries_partition(monday));
END
$$;
REVOKE ALL ON FUNCTION {schema}.make_deliveries_partition(date), {schema}.drop_deliveries_partition(date) FROM PUBLIC
"""


def upgrade() -> None:
    schema = op.get_bind().scalar(text("SELECT quote_ident(current_schema())"))
    # As text() it would take the colons for parameters.
    op.get_bind().exec_driver_sql(FUNCTIONS.format(schema=schema).replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION make_deliveries_partition, drop_deliveries_partition, deliveries_partition, first_uuid7_at"
    )
