import type { PoolClient } from 'pg';
import type { Postgres } from './postgres.ts';

/**
 * Checks, once at the start, whether a PostgreSQL that answers has everything that the service
 * needs.
 */

/** The rights that the service needs on each table. */
const rights = 'SELECT, INSERT, UPDATE, DELETE';

/**
 * How often it asks one connection for its session while another connection is in a transaction.
 */
const asksMax = 4;

/**
 * Why a service cannot work with this server, and what an operator must do; undefined if it can.
 * Call it after the server has answered.
 * @param tables names of the tables that the service writes, if they exist
 * @param functions names of the functions that the service calls, if they exist
 * @throws the server's error
 */
export async function whyUnfit(
  postgres: Postgres,
  tables: readonly string[],
  functions: readonly string[] = [],
): Promise<string | undefined> {
  const clients = [await postgres.pool.connect(), await postgres.pool.connect()] as const;
  try {
    return (
      (await whyPooled(...clients)) ??
      whyElsewhere(postgres.schemas()) ??
      (await whyForbidden(clients[0], tables, functions))
    );
  } finally {
    // A pooler may have given any session to either connection, so neither is used again.
    for (const client of clients) client.release(true);
  }
}

/**
 * A pooler may give each transaction another session. Then advisory locks, LISTEN and settings are
 * lost. The check keeps one session busy with a transaction. Meanwhile, the statements of the other
 * connection show whether its session is always the same.
 */
async function whyPooled(asked: PoolClient, keeping: PoolClient): Promise<string | undefined> {
  const pidOf = async (client: PoolClient) =>
    (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
  const pids = new Set([await pidOf(asked)]);
  await keeping.query('BEGIN');
  const kept = await pidOf(keeping);
  for (let n = 0; n < asksMax; n += 1) pids.add(await pidOf(asked));
  await keeping.query('ROLLBACK');
  if (pids.size === 1 && !pids.has(kept)) return undefined;
  return (
    'a pooler before it gives each transaction another session, and locks, LISTEN and settings are lost: ' +
    'have it pool sessions (PgBouncer: pool_mode = session), or name the server itself in POSTGRES_URL'
  );
}

function whyElsewhere(schemas: ReturnType<Postgres['schemas']>): string | undefined {
  const { own = null, home = null } = schemas ?? {};
  if (own === null) {
    return (
      'no schema of the search_path is there for this role, so there is no place for tables: ' +
      'create one, or add ?options=-csearch_path%3D<schema> to POSTGRES_URL'
    );
  }
  if (home === null || home === own) return undefined;
  const option = (schema: string) => `?options=-csearch_path%3D${encodeURIComponent(schema)}`;
  return (
    `the tables of a service are in the schema ${home}, and new ones would be made in ${own}, which comes first: ` +
    `add ${option(home)} to POSTGRES_URL for that service, or ${option(own)} for one of its own`
  );
}

async function whyForbidden(
  client: PoolClient,
  tables: readonly string[],
  functions: readonly string[],
): Promise<string | undefined> {
  const { rows } = await client.query<{ missing: string }>(
    `SELECT format('GRANT CREATE ON SCHEMA %I TO %I', current_schema(), current_user) AS missing
     WHERE NOT has_schema_privilege(current_schema(), 'CREATE')
       AND to_regclass('projection_checkpoint') IS NULL
     UNION ALL
     SELECT format('GRANT ${rights} ON %I.%I TO %I', nspname, relname, current_user)
     FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = current_schema() AND relkind IN ('r', 'p')
       AND relname = ANY ($1)
       AND EXISTS (SELECT FROM unnest(string_to_array('${rights}', ', ')) AS privilege
         WHERE NOT has_table_privilege(pg_class.oid, privilege))
     UNION ALL
     SELECT format('GRANT EXECUTE ON FUNCTION %I.%I TO %I', nspname, proname, current_user)
     FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
     WHERE nspname = current_schema() AND proname = ANY ($2)
       AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
     LIMIT 1`,
    [tables, functions],
  );
  const [first] = rows;
  return first && `the role lacks rights: ${first.missing}`;
}

/**
 * The missing rights that a service does not need for its start, but that `reprise rebuild` and the
 * next version's tables need; undefined if none is missing.
 */
export async function whatIsMissing({ pool }: Postgres): Promise<string | undefined> {
  const { rows } = await pool.query<{ grant: string }>(
    `SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user) AS "grant"
     WHERE NOT has_database_privilege(current_database(), 'CREATE')`,
  );
  return rows[0]?.grant;
}
