import { type Kysely, sql } from 'kysely';
import { type AccountRow, accountTable } from '../projections/models/account/projection.ts';
import type { Database } from '../projections/models/database.ts';
import { isOf, patched, type RowChange } from '../projections/models/row-change.ts';
import { type Entry, type EntryKind, firstKeyOf, type Loaded } from './mirror.ts';

export const accountEntry = (userId: string): string => `account ${userId}`;

export const accountEntries: EntryKind = {
  tables: [accountTable],
  keysOf: (change) => [accountEntry(firstKeyOf(change))],
};

/** One user's account. It has no row if the user never charged. */
export class Account implements Entry {
  readonly weight = 1;
  row: AccountRow | undefined;

  constructor(row: AccountRow | undefined) {
    this.row = row;
  }

  apply(change: RowChange): void {
    if (!isOf(accountTable, change)) return;
    if (change.kind === 'ensure') this.row ??= change.row;
    if (change.kind === 'patch' && this.row !== undefined) this.row = patched(this.row, change);
  }
}

/** A user's account in one snapshot. */
export async function loadAccount(db: Kysely<Database>, userId: string): Promise<Loaded<Account>> {
  const { rows } = await sql<{ position: bigint | null; account: AccountRow | null }>`
    SELECT
      (SELECT min(event_position) FROM projection_checkpoint) AS position,
      (SELECT row_to_json(account) FROM account WHERE user_id = ${userId}) AS account`.execute(db);
  const [row] = rows;
  return {
    entry: new Account(row?.account ?? undefined),
    position: row?.position ?? null,
  };
}
