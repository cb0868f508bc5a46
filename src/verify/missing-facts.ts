import type { ClientBase } from 'pg';
import type { Cell, ExpectedTable } from './expected-table.ts';
import type { ExpectedTables } from './expected-tables.ts';

/** A fact of the old tables that the restored log lacks or has with another value. */
export interface MissingFact {
  readonly what: 'reservation' | 'payment' | 'charge';
  readonly userId: string;
  /**
   * The id of the reservation or the payment. For charges it is the user, whose charges are added
   * up.
   */
  readonly id: string;
  /** The value in the tables and the value in the log; undefined if there is none. */
  readonly before: string;
  readonly now: string | undefined;
  /** For charges: the missing amount. */
  readonly amount: number;
  readonly currency: string;
}

interface Witness {
  /** The columns: the key, the user, the status, the amount and the currency. */
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
 * Compares the old tables with the log. Only the old tables have the facts that buyers learned
 * after the end of the backup.
 * @param schema the schema with the old tables
 * @param expected the tables by the log
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

/**
 * The sum of a user's charges: the balance, the held money, and captured money that was not given
 * back.
 */
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
