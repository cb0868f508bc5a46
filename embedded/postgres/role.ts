import { createHmac } from 'node:crypto';
import pg from 'pg';
import { superuser } from './cluster.ts';

/**
 * Gives the service a role and a database of its own, so that it need not be the cluster's
 * superuser.
 */

/** Owner of the database `database`, and nothing else. */
const role = 'service';
const database = 'reprise';

/** SQLSTATE of a database that does not exist. */
const noSuchDatabase = '3D000';

/** Longest wait for a server that is ready and has no other client, in milliseconds. */
const queryMs = 30_000;

/**
 * Creates the database and the role if they are missing. Makes the role the owner of the objects
 * that an older version left to the superuser.
 * @returns the address for the service
 */
export async function prepareDatabase(port: number, superPassword: string): Promise<string> {
  // It is derived from the stored password, so no second file is needed. The stored password cannot
  // be computed from it.
  const password = createHmac('sha256', superPassword).update(role).digest('hex');
  const url = (user: string, secret: string, name: string): string =>
    `postgres://${user}:${secret}@127.0.0.1:${port}/${name}`;
  const asSuperuser = (name: string): string => url(superuser, superPassword, name);
  try {
    await query(asSuperuser(database), makeRole(password));
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== noSuchDatabase) throw error;
    await query(asSuperuser('postgres'), `CREATE DATABASE ${database}`);
    await query(asSuperuser(database), makeRole(password));
  }
  return url(role, password, database);
}

/**
 * One transaction, the same at every start. REASSIGN OWNED cannot be used here, because the
 * cluster's first role also owns the objects of the system.
 */
const makeRole = (password: string): string => `
DO $$
DECLARE
  command text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role}; END IF;
  ALTER ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${password}';
  ALTER DATABASE ${database} OWNER TO ${role};
  FOR command IN
    WITH own AS (
      SELECT oid, nspname FROM pg_namespace
      WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
    )
    SELECT format('ALTER SCHEMA %I OWNER TO ${role}', nspname)
    FROM pg_namespace JOIN own USING (oid, nspname) WHERE nspowner = '${superuser}'::regrole
    UNION ALL
    SELECT format('ALTER TABLE %I.%I OWNER TO ${role}', nspname, relname)
    FROM pg_class JOIN own ON own.oid = relnamespace
    WHERE relowner = '${superuser}'::regrole AND relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    -- One that belongs to a column goes with its table.
    SELECT format('ALTER SEQUENCE %I.%I OWNER TO ${role}', nspname, relname)
    FROM pg_class s JOIN own ON own.oid = relnamespace
    WHERE relowner = '${superuser}'::regrole AND relkind = 'S' AND NOT EXISTS (
      SELECT FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
    )
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO ${role}', p.oid::regprocedure)
    FROM pg_proc p JOIN own ON own.oid = pronamespace WHERE proowner = '${superuser}'::regrole
    UNION ALL
    SELECT format('ALTER TYPE %s OWNER TO ${role}', format_type(t.oid, NULL))
    FROM pg_type t JOIN own ON own.oid = typnamespace
    WHERE typowner = '${superuser}'::regrole AND typtype IN ('d', 'e', 'r')
  LOOP
    EXECUTE command;
  END LOOP;
END $$`;

async function query(url: string, statement: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: queryMs,
    query_timeout: queryMs,
  });
  // The connection was lost between two statements. The next statement reports the error.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(statement);
  } finally {
    await client.end();
  }
}
