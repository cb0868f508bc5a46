import type { ClientBase } from 'pg';
import type { Cell, ExpectedTable } from './expected-table.ts';
import type { ExpectedTables } from './expected-tables.ts';

/** A fact that the tables of before know and the restored log does not, or knows otherwise. */
export interface MissingFact {
  readonly what: 'reservation' | 'payment' | 'charge';
  readonly userId: string;
  /** The reservation or the payment; of charges the user, whose they are together. */
  readonly id: string;
  /** As the tables have it, and as the log has it: undefined where it has none. */
  readonly before: string;
  readonly now: string | undefined;
  /** Of a charge: what the log lacks. */
  readonly amount: number;
  readonly currency: string;
}

interface Witness {
  /**
   * Columns of which the first is the key, then whose it is, what became of it, the amount and the
   * currency.
   */
  readonly columns: readonly [string, string, string, string, string];
  readonly what: MissingFact['what'];
  readonly table: string;
}

const witnesses: readonly Witness[] = [
  {
    what: 'reservation',
    table: 'reservation',
    columns: ['reservation_id', 'user_id', 'status', 'price', 'currency'],
  },
  {
    what: 'payment',
    table: 'payment',
    columns: ['payment_id', 'user_id', 'status', 'amount', 'currency'],
  },
];

type StoredRow = [string, string, string, number | bigint, string];

/**
 * Compares the tables of before with what the log says. What buyers were told since the backup's
 * end is in them alone.
 * @param schema that has the tables
 * @param expected the tables as the log makes them
 */
export async function findMissing(
  client: ClientBase,
  schema: string,
  expected: ExpectedTables,
): Promise<MissingFact[]> {
  const missing: MissingFact[] = [];
  const tables = new Map(expected.all.map((table) => [table.name, table]));
  for (const { what, table, columns } of witnesses) {
    const [key, , status] = columns;
    const { rows } = await client.query<StoredRow>({
      text: `SELECT ${columns.join(', ')} FROM ${schema}.${table} ORDER BY ${key}`,
      rowMode: 'array',
    });
    for (const [id, userId, before, amount, currency] of rows) {
      const row = rowOf(tables.get(table), id);
      const now = row?.[status];
      if (now === before) continue;
      const told = now === undefined || now === null ? undefined : String(now);
      missing.push({ what, userId, id, before, now: told, amount: Number(amount), currency });
    }
  }
  missing.push(...(await lostCharges(client, schema, tables)));
  return missing;
}

const rowOf = (table: ExpectedTable | undefined, key: string) => table?.rows.get(key)?.row;

/** What a user ever charged: what can be spent, is held, or was taken and not given back. */
async function lostCharges(
  client: ClientBase,
  schema: string,
  tables: ReadonlyMap<string, ExpectedTable>,
): Promise<MissingFact[]> {
  const { rows } = await client.query<[string, string | null, string]>({
    text: `SELECT user_id, currency, (balance + held + coalesce((SELECT sum(amount) FROM ${schema}.payment
        WHERE payment.user_id = account.user_id AND status = 'captured'), 0))::text
      FROM ${schema}.account ORDER BY user_id`,
    rowMode: 'array',
  });
  const taken = new Map<Cell, number>();
  for (const { row } of tables.get('payment')?.rows.values() ?? []) {
    if (row.status !== 'captured') continue;
    const user = row.user_id ?? null;
    taken.set(user, (taken.get(user) ?? 0) + Number(row.amount));
  }
  return rows.flatMap(([userId, currency, charged]) => {
    const row = rowOf(tables.get('account'), userId);
    const now = Number(row?.balance ?? 0) + Number(row?.held ?? 0) + (taken.get(userId) ?? 0);
    const amount = Number(charged) - now;
    if (amount === 0) return [];
    const told = { before: charged, now: String(now), amount, currency: currency ?? '' };
    return [{ what: 'charge' as const, userId, id: userId, ...told }];
  });
}
