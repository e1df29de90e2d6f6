-- The roles of the ledger, for an administrator to make once in a server: `psql -f roles.sql`, as a superuser or a role
-- that may create roles. Running it again is harmless. What each may do in a database is granted by `fanfare-migrate`,
-- which is run as the database's owner, `fanfare`; so make the roles first:
--
--     psql --file deploy/postgresql/roles.sql postgres
--     psql --command 'CREATE DATABASE fanfare OWNER fanfare' postgres
--
-- The roles come without a password, so none can log in with one until it is set (`\password fanfare_api` in psql; the
-- client encrypts it, so that the server's log never has it), or where pg_hba.conf asks for a client certificate instead.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY[
        'fanfare',              -- owns the database and its tables; migrations alone log in as it
        'fanfare_api',
        'fanfare_orchestrator',
        'fanfare_push_worker',
        'fanfare_image_worker'
    ] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- there already, or made by another at this moment
        END;
    END LOOP;
END
$$;
