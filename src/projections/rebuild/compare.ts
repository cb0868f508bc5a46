import type { ClientBase } from 'pg';
import { buildSchema } from '../engine/live-schema.ts';
import type { Projection } from '../models/projection.ts';
import type { TableShape } from '../models/row-change.ts';

/** A row that differs between the live table and the table that was made from the log. */
export interface Difference {
  readonly table: string;
  /** The row's key by column. */
  readonly key: Readonly<Record<string, unknown>>;
  /** The columns that differ, or the whole row if the other table does not have it. */
  readonly live: Readonly<Record<string, unknown>> | undefined;
  readonly rebuilt: Readonly<Record<string, unknown>> | undefined;
}

/** Differing rows that are fetched at a time. */
const fetchRows = 500;

/**
 * Compares every row of the live tables with the new ones, in the snapshot of the caller's
 * transaction. In this snapshot, both must be at the same position.
 */
export async function* compareTables(
  client: ClientBase,
  live: string,
  projections: readonly Projection[],
): AsyncGenerator<Difference> {
  for (const table of projections.flatMap((projection) => projection.tables)) {
    yield* compareTable(client, live, table);
  }
}

interface Pair {
  readonly live: Record<string, unknown> | null;
  readonly rebuilt: Record<string, unknown> | null;
}

async function* compareTable(
  client: ClientBase,
  live: string,
  table: TableShape,
): AsyncGenerator<Difference> {
  const same = table.key.map((column) => `l."${column}" = r."${column}"`).join(' AND ');
  const first = table.key[0];
  await client.query(
    `DECLARE differing NO SCROLL CURSOR FOR
     SELECT CASE WHEN l."${first}" IS NOT NULL THEN to_json(l) END AS live,
       CASE WHEN r."${first}" IS NOT NULL THEN to_json(r) END AS rebuilt
     FROM "${live}"."${table.name}" l FULL JOIN "${buildSchema(live)}"."${table.name}" r ON ${same}
     WHERE ROW(l.*) IS DISTINCT FROM ROW(r.*)`,
  );
  for (;;) {
    const { rows } = await client.query<Pair>(`FETCH ${fetchRows} FROM differing`);
    for (const pair of rows) yield difference(table, pair);
    if (rows.length < fetchRows) break;
  }
  await client.query('CLOSE differing');
}

function difference(table: TableShape, { live, rebuilt }: Pair): Difference {
  const either = live ?? rebuilt ?? {};
  const pick = (row: Record<string, unknown> | null, columns: readonly string[]) =>
    row === null ? undefined : Object.fromEntries(columns.map((column) => [column, row[column]]));
  const columns = Object.keys(either).filter(
    (column) => !table.key.includes(column) && live?.[column] !== rebuilt?.[column],
  );
  return {
    table: table.name,
    key: pick(either, table.key) ?? {},
    live: pick(live, columns),
    rebuilt: pick(rebuilt, columns),
  };
}
