import type { ClientBase } from 'pg';

/** The largest number of named sessions, and of characters of the query of each. */
const namedMax = 3;
const quoteMax = 80;

interface Blocker {
  readonly pid: number;
  readonly name: string;
  readonly state: string;
  readonly seconds: number;
  readonly query: string;
}

/**
 * The sessions that use the live tables, as text; empty when there are none. A role that may not
 * see other sessions gets only their process ids.
 * @param own process ids of the caller's connections
 */
export async function whoUses(
  client: ClientBase,
  live: string,
  tables: readonly string[],
  own: readonly number[],
): Promise<string> {
  const { rows } = await client.query<Blocker>(
    `SELECT pid, concat_ws(', ', usename, nullif(application_name, '')) AS name,
       coalesce(state, 'unknown') AS state,
       coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0)::integer AS seconds,
       left(regexp_replace(query, '\\s+', ' ', 'g'), ${quoteMax}) AS query
     FROM pg_stat_activity
     WHERE pid <> ALL ($3) AND pid IN (
       SELECT pid FROM pg_locks JOIN pg_class ON pg_class.oid = relation
       WHERE granted AND relnamespace = to_regnamespace(quote_ident($1))
         AND relname = ANY ($2::text[] || 'projection_checkpoint'::text))
     ORDER BY xact_start LIMIT ${namedMax}`,
    [live, tables, own],
  );
  return rows
    .map(
      (one) => `process ${one.pid} (${one.name}), ${one.state} for ${one.seconds} s: ${one.query}`,
    )
    .join('; ');
}
