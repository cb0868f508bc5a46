import { type RawBuilder, sql } from 'kysely';

/** A timestamptz column as ISO 8601 UTC with milliseconds, as `Date.toISOString` writes it. */
export const isoTime = (column: string): RawBuilder<string> =>
  sql`to_char(${sql.ref(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
